//! Reads the envelope of a request and the members of its `request`. Judges only types and sizes. A missing member and
//! null are the same.

use std::borrow::Cow;

use super::errors::MosipError;
use super::operation::Operation;
use crate::contract::client::CLIENT_ID_CHARS_MAX;
use crate::wire::json::Json;
use crate::wire::json::writer::WriteJson as _;

/// Longest `id` and `version` that a reply repeats, in bytes.
const ECHO_BYTES_MAX: usize = 128;

/// A string member of `request`, in the spelling of the services and in that of the documentation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub name: &'static str,
    lower: &'static str,
    path: &'static str,
    /// `None`: the contract has a rule of its own.
    chars_max: Option<usize>,
}

pub(super) const KEY: Field = Field { chars_max: None, ..Field::new("key", "key", "request.key", 0) };
pub(super) const OTP: Field = Field::new("otp", "otp", "request.otp", 128);
pub(super) const USER_ID: Field = Field::new("userId", "userid", "request.userId", 256);
pub(super) const CLIENT_ID: Field =
    Field::new("clientId", "clientid", "request.clientId", CLIENT_ID_CHARS_MAX);
pub(super) const SECRET_KEY: Field = Field::new("secretKey", "secretkey", "request.secretKey", 256);
pub(super) const APP_ID: Field = Field::new("appId", "appid", "request.appId", 64);
pub(super) const USER_ID_TYPE: Field = Field::new("useridtype", "useridtype", "request.useridtype", 64);
/// Part of the code of a template.
pub(super) const CONTEXT: Field = Field::new("context", "context", "request.context", 128);

const CHANNELS: Spelling = Spelling("otpChannel", "otpchannel", "request.otpChannel");
const VARIABLES: Spelling = Spelling("templateVariables", "templatevariables", "request.templateVariables");

/// The two spellings of a member, and its path.
#[derive(Clone, Copy)]
struct Spelling(&'static str, &'static str, &'static str);

impl Spelling {
    /// # Errors
    /// Both spellings are there.
    fn read<'a, 'b>(self, request: &'a Json<'b>) -> Result<Option<&'a Json<'b>>, MosipError<'static>> {
        let Self(camel, lower, path) = self;
        let other = (camel != lower).then(|| request.get(lower)).flatten();
        match (request.get(camel), other) {
            (Some(_), Some(_)) => Err(MosipError::of_member(path)),
            (first, second) => Ok(first.or(second).filter(|value| !value.is_null())),
        }
    }
}

impl Field {
    const fn new(name: &'static str, lower: &'static str, path: &'static str, chars_max: usize) -> Self {
        Self { name, lower, path, chars_max: Some(chars_max) }
    }

    /// As it stands; empty if it is missing.
    ///
    /// # Errors
    /// It is not a string, too long, or there in both spellings.
    pub(super) fn read<'a>(&self, request: &'a Json<'_>) -> Result<&'a str, MosipError<'static>> {
        self.read_given(request).map(Option::unwrap_or_default)
    }

    /// As it stands. `None`: it is missing.
    ///
    /// # Errors
    /// As [`Field::read`].
    pub(super) fn read_given<'a>(
        &self,
        request: &'a Json<'_>,
    ) -> Result<Option<&'a str>, MosipError<'static>> {
        match Spelling(self.name, self.lower, self.path).read(request)? {
            None => Ok(None),
            Some(Json::String(text)) if self.chars_max.is_none_or(|max| text.chars().count() <= max) => {
                Ok(Some(text))
            }
            Some(_) => Err(MosipError::of_member(self.path)),
        }
    }

    /// Without surrounding blanks.
    ///
    /// # Errors
    /// As [`Field::read`].
    pub(super) fn read_trimmed<'a>(&self, request: &'a Json<'_>) -> Result<&'a str, MosipError<'static>> {
        self.read(request).map(str::trim)
    }
}

/// # Errors
/// It is not a list of strings.
pub(super) fn channels<'a>(request: &'a Json<'_>) -> Result<Vec<&'a str>, MosipError<'static>> {
    let Spelling(.., path) = CHANNELS;
    let texts = |items: &'a [Json<'_>]| items.iter().map(Json::as_str).collect::<Option<Vec<_>>>();
    match CHANNELS.read(request)? {
        None => Ok(Vec::new()),
        Some(value) => value.as_array().and_then(texts).ok_or_else(|| MosipError::of_member(path)),
    }
}

/// `templateVariables` by name. Numbers and booleans count as their JSON text.
pub(super) struct Variables<'a> {
    pub named: Vec<(&'a str, Cow<'a, str>)>,
    /// Names whose values cannot be texts.
    pub unfit: Vec<&'a str>,
}

/// # Errors
/// It is not an object.
pub(super) fn variables<'a>(request: &'a Json<'_>) -> Result<Variables<'a>, MosipError<'static>> {
    let Spelling(.., path) = VARIABLES;
    let mut read = Variables { named: Vec::new(), unfit: Vec::new() };
    let members = match VARIABLES.read(request)? {
        None => return Ok(read),
        Some(Json::Object(members)) => members,
        Some(_) => return Err(MosipError::of_member(path)),
    };
    for (name, value) in members {
        match value {
            Json::Null => {}
            Json::String(text) => read.named.push((name, Cow::Borrowed(text))),
            Json::Bool(_) | Json::Number(_) => {
                let mut text = Vec::new();
                value.write_json(&mut text);
                let text = String::from_utf8(text).expect("numbers and booleans are ASCII");
                read.named.push((name, text.into()));
            }
            Json::NoText(_) | Json::Array(_) | Json::Object(_) => read.unfit.push(name),
        }
    }
    Ok(read)
}

/// The `request` object.
///
/// # Errors
/// It is missing, or not an object.
pub(super) fn request<'a, 'b>(body: &'a Json<'b>) -> Result<&'a Json<'b>, MosipError<'static>> {
    let request = body.get("request").filter(|it| matches!(it, Json::Object(_)));
    request.ok_or_else(|| MosipError::of_member("request"))
}

/// What a reply repeats of the envelope.
#[derive(Clone, Copy)]
pub(super) struct Head<'a> {
    pub id: Option<&'a str>,
    /// `version`, or `ver` where only that is given.
    pub version_name: &'static str,
    pub version: Option<&'a Json<'a>>,
}

impl<'a> Head<'a> {
    pub(super) fn read(body: &'a Json<'a>) -> Self {
        let id = body.get("id").and_then(Json::as_str).filter(|id| id.len() <= ECHO_BYTES_MAX);
        let (version_name, version) = match (body.get("version"), body.get("ver")) {
            (None, Some(version)) => ("ver", Some(version)),
            (version, _) => ("version", version),
        };
        let version = version.filter(|value| match value {
            Json::Null | Json::Bool(_) | Json::Number(_) => true,
            Json::String(text) => text.len() <= ECHO_BYTES_MAX,
            Json::NoText(_) | Json::Array(_) | Json::Object(_) => false,
        });
        Self { id, version_name, version }
    }
}

/// # Errors
/// The `id` is unknown, missing, or no string.
pub(super) fn operation(body: &Json<'_>) -> Result<Operation, MosipError<'static>> {
    let id = body.get("id").and_then(Json::as_str).ok_or_else(|| MosipError::of_member("id"))?;
    Operation::parse(id).ok_or(super::errors::UNKNOWN_OPERATION)
}
