//! Reads the members of a request. Judges shapes only: no window, no code.

use std::borrow::Cow;

use super::errors::Fault;
use super::operation::Operation;
use super::settings::{DIGIT_MAX, IntSettings};
use super::start_time;
use crate::contract::utc_offset::UtcOffset;
use crate::otp::{CodeTerms, Digits};
use crate::wire::json::Json;

const CHANNELS: [&str; 4] = ["Digital", "Partner", "App", "Brand"];

/// Every member that the contract has.
const MEMBERS: [&str; 7] =
    ["operationType", "generatedOtp", "channel", "startTime", "duration", "digit", "mobile"];

/// What `GENERATE` asks for, and what `VALIDATE` repeats.
pub(super) struct IntFields<'a> {
    pub mobile: Cow<'a, str>,
    pub terms: CodeTerms,
}

/// `None`: it is unknown, missing, or no string.
pub(super) fn operation(body: &Json<'_>) -> Option<Operation> {
    Operation::parse(body.get("operationType")?.as_str()?)
}

/// A mobile number: ten digits, the first of which is not 0; as a string or as an integer.
pub(super) fn mobile<'a>(body: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let text = match body.get("mobile")? {
        Json::String(text) => Cow::Borrowed(text.as_ref()),
        number @ Json::Number(_) => Cow::Owned(number.as_u64()?.to_string()),
        Json::Null | Json::Bool(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_) => return None,
    };
    let fits = matches!(text.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() == 9 && is_digits(rest));
    fits.then_some(text)
}

pub(super) fn count_unknown_members(body: &Json<'_>) -> usize {
    match body {
        Json::Object(members) => members.iter().filter(|(name, _)| !MEMBERS.contains(&&**name)).count(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::NoText(_) | Json::Array(_) => {
            0
        }
    }
}

impl<'a> IntFields<'a> {
    /// # Errors
    /// The first member that is malformed, in the order of the published samples.
    pub(super) fn read(body: &'a Json<'_>, settings: &IntSettings, zone: UtcOffset) -> Result<Self, Fault> {
        let malformed = |sentence| move || Fault::Malformed(sentence);
        let text = |name| body.get(name).and_then(Json::as_str);
        let whole = |name| body.get(name).and_then(Json::as_u64);
        text("channel")
            .filter(|name| CHANNELS.contains(name))
            .ok_or_else(malformed("channel must be one of Digital, Partner, App, Brand"))?;
        let begins_at = text("startTime")
            .and_then(|text| start_time::parse(text, zone))
            .ok_or_else(malformed("startTime must be a time like 2022-12-12 19:04:30"))?;
        let seconds = whole("duration")
            .filter(|seconds| (1..=settings.duration_max_s).contains(seconds))
            .ok_or_else(malformed("duration must be a whole number of seconds within its bounds"))?;
        let digits = whole("digit")
            .filter(|digits| (settings.digit_min..=DIGIT_MAX).contains(digits))
            .and_then(|digits| Digits::new(u8::try_from(digits).ok()?))
            .ok_or_else(malformed("digit must be a whole number within its bounds"))?;
        let mobile =
            mobile(body).ok_or_else(malformed("mobile must have ten digits and not begin with 0"))?;
        let terms = CodeTerms { digits, begins_at, expires_at: begins_at.plus(seconds * 1000) };
        Ok(Self { mobile, terms })
    }

    /// `generatedOtp` of a `VALIDATE`: as many digits as `digit` says, as a string or as an integer.
    ///
    /// # Errors
    /// It is not.
    pub(super) fn code(&self, body: &'a Json<'_>) -> Result<Cow<'a, str>, Fault> {
        let text = match body.get("generatedOtp") {
            Some(Json::String(text)) => Some(Cow::Borrowed(text.as_ref())),
            Some(number @ Json::Number(_)) => number.as_u64().map(|it| Cow::Owned(it.to_string())),
            Some(Json::Null | Json::Bool(_) | Json::NoText(_) | Json::Array(_) | Json::Object(_)) | None => {
                None
            }
        };
        let digits = usize::from(self.terms.digits.get());
        text.filter(|text| text.len() == digits && is_digits(text.as_bytes()))
            .ok_or(Fault::Malformed("generatedOtp must have as many digits as digit says"))
    }
}

/// A `GENERATE` with a code is a `VALIDATE` that says the wrong thing. Null counts as absent.
pub(super) fn has_code(body: &Json<'_>) -> bool {
    body.get("generatedOtp").is_some_and(|it| !it.is_null())
}

fn is_digits(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_digit)
}
