//! A JSON value as a tree, and why bytes are not one. The reader holds the limits.

use std::borrow::Cow;
use std::fmt;

use super::writer::{Object, WriteJson};

/// A JSON value that borrows from its text where it can. Object members keep their order.
///
/// `Debug` shows only the kind: a payload may hold a code.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    String(Cow<'a, str>),
    /// A string with half a surrogate pair, which is no text: as it stands in the JSON text, with its quotes.
    NoText(&'a str),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A number as it stands in the JSON text, and as it is written again: of any size, and converted only if it is read.
/// Numbers are the same if their texts are: `180` is neither `180.0` nor `1.8e2`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number<'a>(pub(super) &'a str);

/// Whether two names that differ only in case are the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    CaseSensitive,
    /// Ignores the case of ASCII letters; other letters are compared as they are.
    IgnoreCase,
}

/// Why a value is refused as a JSON object, or as what becomes one (Avro). Holds nothing of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("value is null")]
    NullValue,
    #[error("value is longer than 65536 bytes")]
    TooLong,
    #[error("value is not UTF-8")]
    NotUtf8,
    #[error("value is not JSON")]
    Syntax,
    #[error("value nests deeper than 32 levels")]
    TooDeep,
    #[error("value has a duplicate key")]
    DuplicateKey,
    #[error("value is no JSON object")]
    NotAnObject,
    #[error("value does not begin with a schema id: it is not in the Confluent wire format")]
    NotFramed,
    #[error("the schema registry does not know the schema id of the value")]
    UnknownSchema,
    #[error("values of the writer's schema are no values of this topic")]
    UnfitSchema,
    #[error("value is not of its writer's schema")]
    NotAvro,
}

impl JsonError {
    const ALL: [Self; 11] = [
        Self::NullValue,
        Self::TooLong,
        Self::NotUtf8,
        Self::Syntax,
        Self::TooDeep,
        Self::DuplicateKey,
        Self::NotAnObject,
        Self::NotFramed,
        Self::UnknownSchema,
        Self::UnfitSchema,
        Self::NotAvro,
    ];

    /// The error with this name.
    pub fn named(code: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.code().as_bytes() == code)
    }

    /// A stable name for headers and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NullValue => "null_value",
            Self::TooLong => "too_long",
            Self::NotUtf8 => "not_utf8",
            Self::Syntax => "syntax",
            Self::TooDeep => "too_deep",
            Self::DuplicateKey => "duplicate_key",
            Self::NotAnObject => "not_an_object",
            Self::NotFramed => "not_framed",
            Self::UnknownSchema => "unknown_schema",
            Self::UnfitSchema => "unfit_schema",
            Self::NotAvro => "not_avro",
        }
    }
}

impl<'a> Json<'a> {
    /// The member of exactly this name; `None` also if the value is not an object.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.find(|it| it == name)
    }

    /// As [`Json::get`], with the case of ASCII letters ignored. Of several members, the first; values parsed with
    /// [`Names::IgnoreCase`] have at most one.
    pub fn get_ignore_case(&self, name: &str) -> Option<&Json<'a>> {
        self.find(|it| is_same_ignore_case(it, name))
    }

    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// An integer from 0 that fits; neither `180.0` nor `-0` is one.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.0.parse().ok() } else { None }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The name of the value's type, for messages. It shows nothing of the value.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) | Self::NoText(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    fn find(&self, matches: impl Fn(&str) -> bool) -> Option<&Json<'a>> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(name, _)| matches(name)).map(|(_, value)| value)
    }
}

impl WriteJson for Json<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => None::<bool>.write_json(out),
            Self::Bool(it) => it.write_json(out),
            Self::Number(Number(text)) | Self::NoText(text) => out.extend_from_slice(text.as_bytes()),
            Self::String(text) => text.write_json(out),
            Self::Array(items) => items.write_json(out),
            Self::Object(members) => Object::write(out, |object| {
                for (name, value) in members {
                    object.named(name, value);
                }
            }),
        }
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({})", self.kind())
    }
}

impl Number<'_> {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0
    }
}

impl fmt::Debug for Number<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

/// Compares the lengths first: most names differ there. Of the others, most are spelled alike.
#[inline]
pub(super) fn is_same_ignore_case(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a == b || a.eq_ignore_ascii_case(b))
}
