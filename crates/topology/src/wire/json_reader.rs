//! Reads JSON text into a tree, within the limits of `json`. Numbers and strings with escapes are left to serde_json.
//!
//! Nearly all of a request is short strings without escapes, in objects of a few members.

use std::borrow::Cow;

use super::json::{DEPTH_MAX, Json, JsonError, Names, Number, has_duplicates};

/// Room for the members of most objects.
const MEMBERS: usize = 8;

pub(super) struct Reader<'a> {
    text: &'a str,
    /// How far it was read: the end of a character.
    at: usize,
    names: Names,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a str, names: Names) -> Self {
        Self { text, at: 0, names }
    }

    /// The one value of the text.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn whole(mut self) -> Result<Json<'a>, JsonError> {
        let json = self.value(1)?;
        match self.next() {
            None => Ok(json),
            Some(_) => Err(JsonError::Syntax),
        }
    }

    /// A value; if it is an array or object, that is at level `depth`.
    fn value(&mut self, depth: u32) -> Result<Json<'a>, JsonError> {
        match self.next() {
            Some(b'"') => self.string().map(Json::String),
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
            let name =
                if self.next() == Some(b'"') { self.string()? } else { return Err(JsonError::Syntax) };
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

    /// Goes into an array or object.
    fn open(&mut self, depth: u32) -> Result<(), JsonError> {
        if depth > DEPTH_MAX {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether its array or object ends behind a value, or goes on.
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

    /// A string, from its quote on.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        let rest = &self.text[self.at + 1..];
        let is_special = |byte| matches!(byte, ..b' ' | b'"' | b'\\');
        let end = rest.bytes().position(is_special).ok_or(JsonError::Syntax)?;
        if rest.as_bytes()[end] == b'"' {
            self.at += end + 2;
            return Ok(Cow::Borrowed(&rest[..end]));
        }
        let quoted = quoted(&self.text[self.at..]).ok_or(JsonError::Syntax)?;
        self.at += quoted.len();
        serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| JsonError::Syntax)
    }

    fn number(&mut self) -> Result<Json<'a>, JsonError> {
        let rest = &self.text[self.at..];
        let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let end = rest.bytes().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += end;
        let number: serde_json::Number = serde_json::from_str(&rest[..end]).map_err(|_| JsonError::Syntax)?;
        let whole = number.as_u64().map(Number::Unsigned).or_else(|| number.as_i64().map(Number::Signed));
        let number = whole.or_else(|| number.as_f64().map(Number::Float));
        number.map(Json::Number).ok_or(JsonError::Syntax)
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(value)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// The next byte behind blanks; not past it.
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

/// The string at the beginning of a text, with its quotes; `None`: it does not end.
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
