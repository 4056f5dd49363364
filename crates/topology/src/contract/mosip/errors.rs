//! The errors of this contract, as a table (docs/contracts/mosip.md). Clients rely on codes and messages.

use std::borrow::Cow;

use crate::otp::Refusal;
use crate::wire::json::writer::{Object, WriteJson};

/// One item of `errors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MosipError<'a> {
    pub code: &'static str,
    pub message: Cow<'a, str>,
    /// What a metric calls it.
    pub outcome: &'static str,
}

const fn row(code: &'static str, message: &'static str, outcome: &'static str) -> MosipError<'static> {
    MosipError { code, message: Cow::Borrowed(message), outcome }
}

/// `outcome` of everything that a request says wrongly.
const INVALID: &str = "invalid_request";

pub(super) const GENERATE_KEY_BLANK: MosipError<'_> =
    row("KER-OTG-001", "request.key: Key can't be empty or null", INVALID);
pub(super) const GENERATE_KEY_LENGTH: MosipError<'_> =
    row("KER-OTG-001", "request.key: length should be in the range of 3-64", INVALID);
pub(super) const KEY_BLANK: MosipError<'_> = row("KER-OTV-001", "Key can't be empty or null.", INVALID);
pub(super) const KEY_LENGTH: MosipError<'_> =
    row("KER-OTV-002", "Length of key should be in the range of 3-64.", INVALID);
pub(super) const OTP_BLANK: MosipError<'_> = row("KER-OTV-003", "OTP can't be empty or null.", INVALID);
pub(super) const OTP_NOT_NUMERIC: MosipError<'_> =
    row("KER-OTV-004", "OTP consists of only numeric characters. No other characters is allowed.", INVALID);
pub(super) const NO_OTP: MosipError<'_> =
    row("KER-OTV-005", "Validation can't be performed against this key. Generate OTP first.", "no_otp");
pub(super) const FORBIDDEN: MosipError<'_> = row("KER-ATH-403", "Forbidden", "operation_not_allowed");
pub(super) const NO_USER_DETAIL: MosipError<'_> =
    row("KER-ATH-003", "User Detail doesn't exist", "unknown_user");
pub(super) const UNAUTHORIZED: MosipError<'_> = row("401", "Unauthorized", "unauthorized");
pub(super) const BAD_USER_ID_TYPE: MosipError<'_> = row("401", "Invalid User Id type", INVALID);
pub(super) const NO_CONTEXT: MosipError<'_> =
    row("KER-ATH-401", "Context is null,Please enter a valid context", INVALID);
pub(super) const BAD_CHANNEL: MosipError<'_> =
    row("KER-AUTH-CHANNEL_INVALID", "The passed channel is invalid.", INVALID);
pub(super) const SEVERAL_CHANNELS: MosipError<'_> =
    row("AUTH_ERR_MULTIPLE_CHANNELS", "Multiple channels are not supported in your module.", INVALID);
pub(super) const NO_USER: MosipError<'_> =
    row("AUTH_ERR_USER_NOT_FOUND", "The passed in user is not found", "unknown_user");
pub(super) const NO_ADDRESS: MosipError<'_> =
    row("AUTH_ERR_CHANNELPATH_NOT_FOUND", "The passed in user is not found", "no_address");
pub(super) const NO_TEMPLATE: MosipError<'_> = row("KER-ATH-436", "Template not found", "template_missing");

/// Errors of ours, which no peer has.
pub(super) const STALE: MosipError<'_> =
    row("OTP-STALE-REQUEST", "The request came too late", "stale_request");
pub(super) const UNKNOWN_OPERATION: MosipError<'_> =
    row("OTP-UNKNOWN-OPERATION", "The id names no operation", "unknown_operation");
pub(super) const REPLY_HEADERS: MosipError<'_> =
    row("OTP-INVALID-REQUEST", "The reply cannot go where the headers ask", INVALID);
pub(super) const BAD_VARIABLE: MosipError<'_> =
    row("OTP-INVALID-REQUEST", "request.templateVariables has a value that no message may carry", INVALID);
const SEND_LIMIT: MosipError<'_> =
    row("OTP-SEND-LIMIT", "Too many OTPs were sent, try again later", "send_limit");
const PREFIX_LIMIT: MosipError<'_> =
    row("OTP-SEND-LIMIT", "Too many OTPs were sent, try again later", "prefix_limit");
const TENANT_LIMIT: MosipError<'_> =
    row("OTP-SEND-LIMIT", "Too many OTPs were sent, try again later", "tenant_limit");
const DESTINATION_NOT_ALLOWED: MosipError<'_> =
    row("OTP-DESTINATION-NOT-ALLOWED", "No OTP is sent to this number", "destination_not_allowed");
const NUMBER_LIMIT: MosipError<'_> =
    row("OTP-SEND-LIMIT", "Too many OTPs were sent, try again later", "number_limit");
const SEND_TOO_SOON: MosipError<'_> =
    row("OTP-SEND-TOO-SOON", "An OTP was sent a moment ago, try again later", "send_too_soon");

impl<'a> MosipError<'a> {
    /// A member that is not of the expected type, or too long.
    pub(super) fn of_member(name: &str) -> Self {
        let message = format!("{name} is not of the expected shape");
        Self { code: "OTP-INVALID-REQUEST", message: message.into(), outcome: INVALID }
    }

    pub(super) fn blank(name: &str) -> Self {
        let message = format!("request.{name} must not be blank");
        Self { code: "KER-ATH-019", message: message.into(), outcome: INVALID }
    }

    pub(super) fn unknown_app(app_id: &str) -> Self {
        let message = format!("Realm not found:: {app_id}");
        Self { code: "KER-ATH-026", message: message.into(), outcome: INVALID }
    }

    /// `None`: the subject is locked, which is not an error in this contract.
    pub(super) const fn refused(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::Locked => None,
            Refusal::SendTooSoon => Some(SEND_TOO_SOON),
            Refusal::SendLimit => Some(SEND_LIMIT),
            Refusal::DestinationNotAllowed => Some(DESTINATION_NOT_ALLOWED),
            Refusal::PrefixLimit => Some(PREFIX_LIMIT),
            Refusal::TenantLimit => Some(TENANT_LIMIT),
            Refusal::NumberLimit => Some(NUMBER_LIMIT),
        }
    }
}

impl WriteJson for MosipError<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.member("errorCode", self.code).member("message", &self.message);
        });
    }
}
