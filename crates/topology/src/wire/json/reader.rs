//! Reads JSON text into a tree, within limits that a hostile record cannot pass.
//!
//! A member that nobody reads cannot make a value unreadable, as long as its syntax is right: a number keeps its text,
//! and a string that is no text (half a surrogate pair) is kept as such.
//!
//! Nearly all of a request is short strings without escapes, in objects of a few members. The syntax of numbers, and
//! strings with escapes, are left to `serde_json`.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::de::IgnoredAny;

use super::tree::{Json, JsonError, Names, Number, is_same_ignore_case};

/// Longest value that is read, in bytes.
pub const LEN_MAX: usize = 65_536;

/// Deepest nesting, in levels; the object itself is level 1.
pub(super) const DEPTH_MAX: u32 = 32;

/// Up to this many members the search for duplicates compares all pairs; above, it sorts.
const PAIRWISE_MEMBERS_MAX: usize = 16;

/// Initial capacity for the members of an object; most objects have fewer.
const MEMBERS: usize = 8;

/// Parses a record's value as one JSON object within the limits.
///
/// # Errors
/// See [`JsonError`]. If several apply, the first one that the reader meets.
pub fn parse_object(value: Option<&[u8]>, names: Names) -> Result<Json<'_>, JsonError> {
    let bytes = value.ok_or(JsonError::NullValue)?;
    if bytes.len() > LEN_MAX {
        return Err(JsonError::TooLong);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
    let json = Reader { text, at: 0, names }.whole()?;
    match json {
        Json::Object(_) => Ok(json),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::NoText(_) | Json::Array(_) => {
            Err(JsonError::NotAnObject)
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The offset of the next byte to read, in bytes; always at the start of a character.
    at: usize,
    names: Names,
}

impl<'a> Reader<'a> {
    /// The only value of the text.
    fn whole(mut self) -> Result<Json<'a>, JsonError> {
        let json = self.value(1)?;
        match self.next() {
            None => Ok(json),
            Some(_) => Err(JsonError::Syntax),
        }
    }

    /// A value. If it is an array or object, its level is `depth`.
    fn value(&mut self, depth: u32) -> Result<Json<'a>, JsonError> {
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(_) | None => Err(JsonError::Syntax),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, JsonError> {
        self.open(depth)?;
        if self.skip(b'}') {
            return Ok(Json::Object(Vec::new()));
        }
        let mut members = Vec::with_capacity(MEMBERS);
        loop {
            let name = self.name()?;
            if !self.skip(b':') {
                return Err(JsonError::Syntax);
            }
            members.push((name, self.value(depth + 1)?));
            if self.is_last(b'}')? {
                break;
            }
        }
        if has_duplicates(&members, self.names) {
            return Err(JsonError::DuplicateKey);
        }
        Ok(Json::Object(members))
    }

    fn array(&mut self, depth: u32) -> Result<Json<'a>, JsonError> {
        self.open(depth)?;
        let mut items = Vec::new();
        if self.skip(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.is_last(b']')? {
                return Ok(Json::Array(items));
            }
        }
    }

    /// Enters an array or object of level `depth`.
    fn open(&mut self, depth: u32) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        Ok(())
    }

    /// Reads what follows a value: `end` if it was the last one of its array or object, else a comma.
    fn is_last(&mut self, end: u8) -> Result<bool, JsonError> {
        match self.next() {
            Some(b',') => {
                self.at += 1;
                Ok(false)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(_) | None => Err(JsonError::Syntax),
        }
    }

    /// The name of a member. One that is no text has its JSON text as its name, which nobody asks for.
    fn name(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if self.next() != Some(b'"') {
            return Err(JsonError::Syntax);
        }
        match self.string()? {
            Json::String(name) => Ok(name),
            Json::NoText(quoted) => Ok(Cow::Borrowed(quoted)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                unreachable!("a string is read as one of two kinds")
            }
        }
    }

    /// A string; the next byte is its opening quote.
    fn string(&mut self) -> Result<Json<'a>, JsonError> {
        let rest = &self.text[self.at + 1..];
        let is_special = |byte| matches!(byte, ..b' ' | b'"' | b'\\');
        let end = rest.bytes().position(is_special).ok_or(JsonError::Syntax)?;
        if rest.as_bytes()[end] == b'"' {
            self.at += end + 2;
            return Ok(Json::String(Cow::Borrowed(&rest[..end])));
        }
        let quoted = quoted(&self.text[self.at..]).ok_or(JsonError::Syntax)?;
        self.at += quoted.len();
        match serde_json::from_str(quoted) {
            Ok(text) => Ok(Json::String(Cow::Owned(text))),
            Err(_) if is_syntax(quoted) => Ok(Json::NoText(quoted)),
            Err(_) => Err(JsonError::Syntax),
        }
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let rest = &self.text[self.at..];
        let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let number = &rest[..end];
        self.at += end;
        if is_syntax(number) { Ok(Json::Number(Number(number))) } else { Err(JsonError::Syntax) }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(value)
    }

    /// Skips blanks, and `byte` if it comes next. Returns whether it did.
    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips blanks; returns the next byte without consuming it.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }
}

/// Whether this is the text of one JSON value, whether or not the value can be had.
fn is_syntax(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The string at the start of a text, with its quotes. `None`: it has no closing quote.
fn quoted(text: &str) -> Option<&str> {
    let mut at = 1;
    loop {
        match text.as_bytes().get(at)? {
            b'"' => return Some(&text[..=at]),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn has_duplicates(members: &[(Cow<'_, str>, Json<'_>)], names: Names) -> bool {
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

fn folded(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| byte.to_ascii_lowercase())
}
