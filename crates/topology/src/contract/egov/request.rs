//! Reads the envelope of a request and the fields of its `otp` object. Judges only types and sizes; the case of names does
//! not count. A missing field, null and a blank one are the same.

use super::errors::Rejection;
use super::operation::Operation;
use super::purpose::EgovPurpose;
use crate::wire::headers::{OPERATION, unquoted};
use crate::wire::json::Json;
use crate::wire::json::writer::{Object, Plain, WriteJson};
use crate::wire::record::Headers;

/// Longest string or number of `RequestInfo` that a reply repeats, in bytes. A longer one counts as absent.
const INFO_BYTES_MAX: usize = 256;
/// Longest `correlationId`, in bytes; a longer one counts as absent.
const CORRELATION_BYTES_MAX: usize = 128;
/// Longest locale, in bytes; a longer one counts as absent.
const LOCALE_BYTES_MAX: usize = 64;

/// A field of the `otp` object, and the longest value it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    name: &'static str,
    /// Its name in replies.
    pub path: &'static str,
    chars_max: Option<usize>,
}

pub(super) const TENANT: Field = Field::new("tenantId", "otp.tenantId", Some(256));
pub(super) const MOBILE: Field = Field::new("mobileNumber", "otp.mobileNumber", Some(100));
pub(super) const USER_NAME: Field = Field::new("userName", "otp.userName", Some(100));
pub(super) const IDENTITY: Field = Field::new("identity", "otp.identity", Some(100));
pub(super) const OTP: Field = Field::new("otp", "otp.otp", Some(128));
pub(super) const UUID: Field = Field::new("UUID", "otp.uuid", Some(36));
pub(super) const COUNTRY_CODE: Field = Field::new("countryCode", "otp.countryCode", Some(16));
/// No length limit: it is only compared.
pub(super) const TYPE: Field = Field::new("type", "otp.type", None);
/// No length limit: it is only compared.
pub(super) const USER_TYPE: Field = Field::new("userType", "otp.userType", None);
/// An over-long one counts as absent.
const LOCALE: Field = Field::new("locale", "otp.locale", None);

impl Field {
    const fn new(name: &'static str, path: &'static str, chars_max: Option<usize>) -> Self {
        Self { name, path, chars_max }
    }

    /// The value as given; empty if it is missing or null.
    ///
    /// # Errors
    /// It is not a string, or too long.
    pub(super) fn read<'a>(&self, otp: &'a Json<'_>) -> Result<&'a str, Rejection> {
        match otp.get_ignore_case(self.name) {
            None | Some(Json::Null) => Ok(""),
            Some(Json::String(text)) => match self.chars_max {
                // Bytes first: a string of few bytes need not be counted.
                Some(chars_max) if text.len() > chars_max && text.chars().count() > chars_max => {
                    Err(Rejection::FieldTooLong { field: self.path, chars_max })
                }
                Some(_) | None => Ok(text),
            },
            Some(Json::Bool(_) | Json::Number(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_)) => {
                Err(Rejection::InvalidRequest(self.path))
            }
        }
    }

    /// As [`Field::read`], without surrounding blanks; `None` if nothing is left.
    ///
    /// # Errors
    /// As [`Field::read`].
    pub(super) fn read_filled<'a>(&self, otp: &'a Json<'_>) -> Result<Option<&'a str>, Rejection> {
        let text = trimmed(self.read(otp)?);
        Ok((!text.is_empty()).then_some(text))
    }
}

/// Without surrounding blanks of any script. Texts that begin and end with visible ASCII have none.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

/// The operation: the body's, else the header's, else `send` for a body with a number. `user_check`: see
/// [`identity_field`].
///
/// # Errors
/// It is unknown, or missing.
pub(super) fn operation(
    body: &Json<'_>,
    headers: Headers<'_>,
    user_check: bool,
) -> Result<Operation, Rejection> {
    let parse = |name: &str| Operation::parse(name).ok_or(Rejection::UnknownOperation);
    match body.get_ignore_case("operation") {
        Some(Json::String(name)) => return parse(name),
        Some(Json::Bool(_) | Json::Number(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_)) => {
            return Err(Rejection::InvalidRequest("operation"));
        }
        None | Some(Json::Null) => {}
    }
    if let Some(name) = headers.last(OPERATION) {
        return parse(std::str::from_utf8(unquoted(name)).unwrap_or_default());
    }
    let is_send =
        |otp: &Json<'_>| otp.get_ignore_case(MOBILE.name).is_some() || user_check && names_user(otp);
    if otp(body).is_ok_and(is_send) { Ok(Operation::Send) } else { Err(Rejection::UnknownOperation) }
}

/// The field that says whose request it is. `user_check`: a `send` looks its user up, who may be named instead of numbered.
pub(super) fn identity_field(operation: Operation, otp: &Json<'_>, user_check: bool) -> Field {
    match operation {
        Operation::Send if user_check && names_user(otp) => USER_NAME,
        Operation::Send => MOBILE,
        Operation::Create | Operation::Validate | Operation::Search => IDENTITY,
    }
}

/// A login or a reset with a `userName` and no number.
fn names_user(otp: &Json<'_>) -> bool {
    let kind = TYPE.read(otp).ok().and_then(EgovPurpose::sendable);
    matches!(kind, Some(EgovPurpose::Login | EgovPurpose::PasswordReset))
        && MOBILE.read_filled(otp) == Ok(None)
        && USER_NAME.read_filled(otp) != Ok(None)
}

/// The first segment of a tenant.
pub(super) fn root_of(tenant: &str) -> &str {
    tenant.split('.').next().unwrap_or(tenant)
}

/// The `otp` object.
///
/// # Errors
/// It is missing, or not an object.
pub(super) fn otp<'a, 'b>(body: &'a Json<'b>) -> Result<&'a Json<'b>, Rejection> {
    let otp = body.get_ignore_case("otp");
    otp.filter(|it| matches!(it, Json::Object(_))).ok_or(Rejection::InvalidRequest("otp"))
}

/// `RequestInfo`, where it is read.
#[derive(Clone, Copy, Default)]
pub(super) struct RequestInfo<'a> {
    members: Option<&'a Json<'a>>,
}

impl<'a> RequestInfo<'a> {
    /// # Errors
    /// It is present and not an object.
    pub(super) fn read(body: &'a Json<'a>) -> Result<Self, Rejection> {
        match body.get_ignore_case("RequestInfo") {
            None | Some(Json::Null) => Ok(Self { members: None }),
            Some(members @ Json::Object(_)) => Ok(Self { members: Some(members) }),
            Some(Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::NoText(_) | Json::Array(_)) => {
                Err(Rejection::InvalidRequest("RequestInfo"))
            }
        }
    }

    pub(super) fn correlation_id(self) -> Option<&'a str> {
        self.text("correlationId").filter(|id| !id.is_empty() && id.len() <= CORRELATION_BYTES_MAX)
    }

    /// The part of `msgId` between its first and second `|`.
    pub(super) fn locale(self) -> Option<&'a str> {
        usable_locale(self.text("msgId")?.split('|').nth(1)?)
    }

    /// What the reply repeats of it.
    pub(super) fn response(self, status: Status) -> ResponseInfo<'a> {
        ResponseInfo { info: self, status }
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.members?.get_ignore_case(name)?.as_str()
    }

    fn scalar(self, name: &str) -> Option<&'a Json<'a>> {
        self.members?.get_ignore_case(name).filter(|value| match value {
            Json::Null | Json::Bool(_) => true,
            Json::Number(number) => number.as_str().len() <= INFO_BYTES_MAX,
            Json::String(text) => text.len() <= INFO_BYTES_MAX,
            Json::NoText(_) | Json::Array(_) | Json::Object(_) => false,
        })
    }
}

/// `otp.locale`.
///
/// # Errors
/// It is not a string.
pub(super) fn otp_locale<'a>(otp: &'a Json<'_>) -> Result<Option<&'a str>, Rejection> {
    LOCALE.read(otp).map(usable_locale)
}

/// `None` for a locale that cannot name a template.
pub(super) fn usable_locale(locale: &str) -> Option<&str> {
    let locale = locale.trim();
    (!locale.is_empty() && locale.len() <= LOCALE_BYTES_MAX).then_some(locale)
}

/// `status`, in DIGIT's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Successful,
    Failed,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Successful => "successful",
            Self::Failed => "failed",
        }
    }
}

/// `responseInfo` of a reply.
pub(super) struct ResponseInfo<'a> {
    info: RequestInfo<'a>,
    status: Status,
}

impl WriteJson for ResponseInfo<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let info = self.info;
        Object::write(out, |object| {
            object
                .member("apiId", info.scalar("apiId"))
                .member("ver", info.scalar("ver"))
                .member("ts", info.scalar("ts"))
                .member("resMsgId", None::<&str>)
                .member("msgId", info.scalar("msgId"))
                .member("status", Plain(self.status.as_str()));
        });
    }
}
