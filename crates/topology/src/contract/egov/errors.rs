//! The error replies of this contract, as a table (docs/contracts/egov.md). Clients rely on messages, codes and fields.

use std::borrow::Cow;

use super::operation::Operation;
use crate::contract::analytics::Suppression;
use crate::contract::delivery::BadNumber;
use crate::otp::Refusal;
use crate::wire::json::writer::{Object, WriteJson};

/// `error.message` of the rows.
pub(super) const INVALID_OTP_REQUEST: &str = "Invalid OTP request";
pub(super) const INVALID_VALIDATION: &str = "Invalid OTP validation request";
pub(super) const INVALID_SEARCH: &str = "Invalid OTP search request";
const REGISTER_FAILED: &str = "OTP request for register failed";
const LOGIN_FAILED: &str = "OTP request for login failed";
const RESET_FAILED: &str = "OTP request for password reset failed";
const UNSUCCESSFUL: &str = "OTP validation unsuccessful";
/// For everything that no peer rejects.
const REJECTED: &str = "OTP request rejected";

/// An error reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ErrorReply<'a> {
    /// An HTTP status code, as in the bodies of the peers.
    pub code: u16,
    pub message: &'static str,
    pub fields: Vec<FieldError<'a>>,
    /// What a metric calls it.
    pub outcome: &'static str,
    /// The request may come again under its id, with another deadline or other reply headers.
    pub is_judged_anew: bool,
}

/// One item of `error.fields`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldError<'a> {
    pub code: &'static str,
    pub message: Cow<'a, str>,
    pub field: &'static str,
}

pub(super) const TENANT_MANDATORY: FieldError<'_> =
    row("OTP.TENANT_ID_MANDATORY", "Tenant field is mandatory", "otp.tenantId");
pub(super) const MOBILE_MANDATORY: FieldError<'_> =
    row("OTP.MOBILE_NUMBER_MANDATORY", "Mobile number field is mandatory", "otp.mobileNumber");
pub(super) const TYPE_MANDATORY: FieldError<'_> = row(
    "OTP.REQUEST_TYPE_MANDATORY",
    "Request type (register, passwordreset,login) is mandatory",
    "otp.type",
);
pub(super) const IDENTITY_MANDATORY: FieldError<'_> =
    row("OTP.IDENTITY_MANDATORY", "Identity field is mandatory", "otp.identity");
pub(super) const OTP_MANDATORY: FieldError<'_> =
    row("OTP.OTP_MANDATORY", "Otp field is mandatory", "otp.otp");
pub(super) const UUID_MANDATORY: FieldError<'_> =
    row("OTP.UUID_MANDATORY", "UUID field is mandatory", "otp.uuid");

const USER_EXISTS: FieldError<'_> = row(
    "OTP.MOBILENUMBER",
    "This MobileNumber Already Register as UserName in System. Pls try Another UserName",
    "otp.mobileNumber",
);
const UNKNOWN_CREDENTIAL: FieldError<'_> =
    row("OTP.UNKNOWN_CREDENTIAL", "No such username or password", "otp.mobileNumber");
const UNKNOWN_MOBILE: FieldError<'_> =
    row("OTP.UNKNOWN_MOBILE_NUMBER", "Mobile number is unknown.", "otp.mobileNumber");
const NO_MOBILE: FieldError<'_> =
    row("OTP.MOBILE_NUMBER", "MobileNumber Not Found For This User.", "otp.mobileNumber");
const NOT_VALIDATED: FieldError<'_> = row("OTP.VALIDATION_UNSUCCESSFUL", UNSUCCESSFUL, "otp.otp");

const fn row(code: &'static str, message: &'static str, field: &'static str) -> FieldError<'static> {
    FieldError { code, message: Cow::Borrowed(message), field }
}

/// Why the directory rejects a `send`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WrongUser {
    /// `register`, and the number is taken.
    Exists,
    /// `login`, and nobody has the number.
    NoLogin,
    /// `passwordreset`, and nobody has the number.
    NoReset,
    /// `passwordreset`, and the user has no number to send to.
    NoMobile,
    /// `login`, and the user's number does not fit the rule of its country.
    BadLoginNumber,
    /// `passwordreset`, and the user's number does not fit the rule of its country.
    BadResetNumber,
}

/// Rejections of ours, which no peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    InvalidRequest(&'static str),
    FieldTooLong { field: &'static str, chars_max: usize },
    InvalidReply,
    TenantUnknown,
    UnknownOperation,
    OperationNotAllowed,
    IdentityUnreachable,
    StaleRequest,
    TemplateMissing,
    Refused(Refusal),
}

impl WrongUser {
    /// What the lifecycle stream calls it.
    pub(super) const fn suppression(self) -> Suppression {
        match self {
            Self::Exists => Suppression::KnownRecipient,
            Self::NoLogin | Self::NoReset | Self::NoMobile => Suppression::UnknownRecipient,
            Self::BadLoginNumber | Self::BadResetNumber => Suppression::BadAddress,
        }
    }
}

impl<'a> ErrorReply<'a> {
    /// Rows of a failed validation of the request.
    pub(super) fn invalid(message: &'static str, fields: Vec<FieldError<'a>>) -> Self {
        Self { code: 400, message, fields, outcome: "invalid_request", is_judged_anew: false }
    }

    /// Wrong, expired, used and locked look the same.
    pub(super) fn not_validated() -> Self {
        Self { outcome: "not_validated", ..Self::invalid(UNSUCCESSFUL, vec![NOT_VALIDATED]) }
    }
}

impl WriteJson for FieldError<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.member("code", self.code).member("message", &self.message).member("field", self.field);
        });
    }
}

impl From<WrongUser> for ErrorReply<'_> {
    fn from(wrong: WrongUser) -> Self {
        let (message, field, outcome) = match wrong {
            WrongUser::Exists => (REGISTER_FAILED, USER_EXISTS, "user_exists"),
            WrongUser::NoLogin => (LOGIN_FAILED, UNKNOWN_CREDENTIAL, "unknown_user"),
            WrongUser::NoReset => (RESET_FAILED, UNKNOWN_MOBILE, "unknown_user"),
            WrongUser::NoMobile => (RESET_FAILED, NO_MOBILE, "unknown_user"),
            WrongUser::BadLoginNumber => (LOGIN_FAILED, NO_MOBILE, "bad_address"),
            WrongUser::BadResetNumber => (RESET_FAILED, NO_MOBILE, "bad_address"),
        };
        Self { outcome, ..Self::invalid(message, vec![field]) }
    }
}

impl<'a> From<BadNumber<'a>> for FieldError<'a> {
    fn from(bad: BadNumber<'a>) -> Self {
        let message = match bad {
            BadNumber::Mismatch { pattern } => {
                format!("Mobile number must match the configured pattern: {pattern}").into()
            }
            BadNumber::UnknownCountry { country_code } => {
                format!("Mobile number validation configuration not found for country code: {country_code}")
                    .into()
            }
            BadNumber::BadPattern => "Invalid mobile number validation pattern configured.".into(),
        };
        Self { code: "OTP.MOBILE_NUMBER_VALIDATION_FAILED", message, field: "otp.mobileNumber" }
    }
}

impl Rejection {
    /// The reply to an operation. `None`: the operation is not known.
    pub(super) fn of(self, operation: Option<Operation>) -> ErrorReply<'static> {
        let (code, name, text) = self.row();
        let message = match self.over_long() {
            Some((field, chars_max)) => format!("{field} is longer than {chars_max} characters").into(),
            None => text.into(),
        };
        ErrorReply {
            code,
            message: REJECTED,
            fields: vec![FieldError { code: name, message, field: self.field(operation) }],
            outcome: self.outcome(),
            is_judged_anew: matches!(self, Self::StaleRequest | Self::InvalidReply),
        }
    }

    /// `error.code`, and code and message of the field.
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::InvalidRequest(_) => {
                (400, "OTP.INVALID_REQUEST", "The request is not of the expected shape")
            }
            Self::FieldTooLong { .. } => (400, "OTP.FIELD_TOO_LONG", "A field is too long"),
            Self::InvalidReply => (400, "OTP.INVALID_REPLY", "The reply cannot go where the headers ask"),
            Self::TenantUnknown => (400, "OTP.TENANT_UNKNOWN", "Tenant is unknown"),
            Self::UnknownOperation => {
                let message = "Operation must be one of send, create, validate, search";
                (400, "OTP.UNKNOWN_OPERATION", message)
            }
            Self::OperationNotAllowed => {
                (400, "OTP.OPERATION_NOT_ALLOWED", "Operation is not allowed for this caller")
            }
            Self::IdentityUnreachable => {
                let message = "Identity is neither a mobile number nor an e-mail address";
                (400, "OTP.IDENTITY_UNREACHABLE", message)
            }
            Self::StaleRequest => (408, "OTP.STALE_REQUEST", "The request came too late"),
            Self::TemplateMissing => (500, "OTP.TEMPLATE_MISSING", "No message text is configured"),
            Self::Refused(Refusal::Locked) => (423, "OTP.LOCKED", "Too many wrong attempts, try again later"),
            Self::Refused(Refusal::SendTooSoon) => {
                (429, "OTP.SEND_TOO_SOON", "An OTP was sent a moment ago, try again later")
            }
            Self::Refused(Refusal::DestinationNotAllowed) => {
                (400, "OTP.DESTINATION_NOT_ALLOWED", "No OTP is sent to this number")
            }
            Self::Refused(
                Refusal::SendLimit | Refusal::PrefixLimit | Refusal::TenantLimit | Refusal::NumberLimit,
            ) => (429, "OTP.SEND_LIMIT_EXCEEDED", "Too many OTPs were sent, try again later"),
        }
    }

    /// The field at fault, else the one that says whose request it is.
    const fn field(self, operation: Option<Operation>) -> &'static str {
        match self {
            Self::InvalidRequest(field) | Self::FieldTooLong { field, .. } => field,
            Self::TenantUnknown => "otp.tenantId",
            Self::UnknownOperation | Self::OperationNotAllowed => "operation",
            Self::IdentityUnreachable => "otp.identity",
            Self::InvalidReply | Self::StaleRequest | Self::TemplateMissing | Self::Refused(_) => {
                match operation {
                    Some(Operation::Send) => "otp.mobileNumber",
                    Some(Operation::Create | Operation::Validate | Operation::Search) | None => {
                        "otp.identity"
                    }
                }
            }
        }
    }

    const fn over_long(self) -> Option<(&'static str, usize)> {
        if let Self::FieldTooLong { field, chars_max } = self { Some((field, chars_max)) } else { None }
    }

    const fn outcome(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::FieldTooLong { .. } => "field_too_long",
            Self::InvalidReply => "invalid_reply",
            Self::TenantUnknown => "tenant_unknown",
            Self::UnknownOperation => "unknown_operation",
            Self::OperationNotAllowed => "operation_not_allowed",
            Self::IdentityUnreachable => "identity_unreachable",
            Self::StaleRequest => "stale_request",
            Self::TemplateMissing => "template_missing",
            Self::Refused(Refusal::Locked) => "locked",
            Self::Refused(Refusal::SendTooSoon) => "send_too_soon",
            Self::Refused(Refusal::SendLimit) => "send_limit",
            Self::Refused(Refusal::DestinationNotAllowed) => "destination_not_allowed",
            Self::Refused(Refusal::PrefixLimit) => "prefix_limit",
            Self::Refused(Refusal::TenantLimit) => "tenant_limit",
            Self::Refused(Refusal::NumberLimit) => "number_limit",
        }
    }
}
