//! JSON with limits: what a hostile record can do is bounded before a contract sees it.
//!
//! Knows no contract: names and types of members are the contracts' affair.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use super::json_reader::Reader;
use super::json_text::{Object, WriteJson};

/// Longest value that is read, in bytes.
pub const LEN_MAX: usize = 65_536;

/// Deepest nesting; the object itself is level 1.
pub const DEPTH_MAX: u32 = 32;

/// Up to this many members the search for duplicates compares each with each; above, it sorts.
const PAIRWISE_MEMBERS_MAX: usize = 16;

/// A JSON value that borrows from its text where it can. Object keys keep their order.
///
/// An integer that fits neither `u64` nor `i64` is a float; so is `-0`. `Debug` shows the kind only: a payload may
/// hold a code.
#[derive(Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// A number; integers and fractions stay apart (`180` is not `180.0` and not `1e2`).
#[derive(Clone, Copy, PartialEq)]
pub enum Number {
    Unsigned(u64),
    /// Below zero.
    Signed(i64),
    Float(f64),
}

/// Whether names that differ in case only are the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    CaseSensitive,
    /// ASCII case; other letters are compared as they are.
    IgnoreCase,
}

/// Why a value is no JSON object that we read; `code()` names it in a dead letter. Holds nothing of the payload.
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
}

impl JsonError {
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
        }
    }
}

/// Parses a record's value as one JSON object within the limits.
///
/// # Errors
/// See [`JsonError`]; of several the one that is met first.
pub fn parse_object(value: Option<&[u8]>, names: Names) -> Result<Json<'_>, JsonError> {
    let bytes = value.ok_or(JsonError::NullValue)?;
    if bytes.len() > LEN_MAX {
        return Err(JsonError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let json = Reader::new(text, names).whole()?;
    match json {
        Json::Object(_) => Ok(json),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err(JsonError::NotAnObject)
        }
    }
}

impl<'a> Json<'a> {
    /// A member by its exact name; `None` also if this is no object.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.find(|it| it == name)
    }

    /// A member by its name, ASCII case ignored; the first one, if it was not parsed with [`Names::IgnoreCase`].
    pub fn get_ignore_case(&self, name: &str) -> Option<&Json<'a>> {
        self.find(|it| is_same_ignore_case(it, name))
    }

    /// Names and values in the order of the text; none if this is no object.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        let members = self.as_object().unwrap_or_default();
        members.iter().map(|(name, value)| (name.as_ref(), value))
    }

    pub fn as_object(&self) -> Option<&[(Cow<'a, str>, Json<'a>)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    pub fn as_array(&self) -> Option<&[Json<'a>]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(it) = self { Some(*it) } else { None }
    }

    /// An integer that is not negative; `180.0` is none.
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Number(Number::Unsigned(it)) = self { Some(*it) } else { None }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What a message may say about a value of the wrong type.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Number(_) => "number",
            Self::String(_) => "string",
            Self::Array(_) => "array",
            Self::Object(_) => "object",
        }
    }

    fn find(&self, matches: impl Fn(&str) -> bool) -> Option<&Json<'a>> {
        let (_, value) = self.as_object()?.iter().find(|(name, _)| matches(name))?;
        Some(value)
    }
}

impl WriteJson for Json<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => None::<bool>.write_json(out),
            Self::Bool(it) => it.write_json(out),
            Self::Number(Number::Unsigned(it)) => it.write_json(out),
            Self::Number(Number::Signed(it)) => it.write_json(out),
            Self::Number(Number::Float(it)) => it.write_json(out),
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

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

/// Whether two members have one name.
pub(super) fn has_duplicates(members: &[(Cow<'_, str>, Json<'_>)], names: Names) -> bool {
    if members.len() <= PAIRWISE_MEMBERS_MAX {
        let same = |a: &str, b: &str| match names {
            Names::CaseSensitive => a == b,
            Names::IgnoreCase => is_same_ignore_case(a, b),
        };
        return members
            .iter()
            .enumerate()
            .any(|(at, (name, _))| members[..at].iter().any(|(earlier, _)| same(name, earlier)));
    }
    let order = |a: &&str, b: &&str| match names {
        Names::CaseSensitive => a.cmp(b),
        Names::IgnoreCase => folded(a).cmp(folded(b)),
    };
    let mut sorted: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    sorted.sort_unstable_by(order);
    sorted.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal)
}

/// Most names differ in length, and of the others most are spelled alike.
#[inline]
fn is_same_ignore_case(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a == b || a.eq_ignore_ascii_case(b))
}

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
