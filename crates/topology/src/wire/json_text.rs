//! JSON text, written straight into an arena. Reads nothing: that is the affair of `json`.
//!
//! Every event and answer is an object of known members, so that there is nothing to find out while it is written:
//! names are literals, and most strings hold nothing to escape.

use std::borrow::Cow;

use arrayvec::ArrayString;

/// A value that can be written as JSON text.
pub trait WriteJson {
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A word of ours, which has nothing to escape.
#[derive(Clone, Copy)]
pub struct Plain<'a>(pub &'a str);

/// An object that is being written: its members, in the order of the calls.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
}

impl Object<'_> {
    /// Writes an object with the members that `members` adds.
    pub fn write(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        members(&mut Object { out });
        out.push(b'}');
    }

    /// `name` has nothing to escape, and its object no other member of this name.
    #[inline]
    pub fn member(&mut self, name: &'static str, value: impl WriteJson) -> &mut Self {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        value.write_json(self.out);
        self
    }

    /// As [`Object::member`], for a name of any characters.
    pub fn named(&mut self, name: &str, value: impl WriteJson) -> &mut Self {
        self.separate();
        name.write_json(self.out);
        self.out.push(b':');
        value.write_json(self.out);
        self
    }

    fn separate(&mut self) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
    }
}

/// Writes what stands between the quotes of a string.
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    if has_escapes(text.as_bytes()) {
        let quoted = serde_json::to_string(text).expect("any text is a JSON string");
        out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether there is a quote, a backslash or a control character. Without a way out in between: so it is done many bytes
/// at a time.
fn has_escapes(text: &[u8]) -> bool {
    text.iter().fold(false, |found, byte| found | matches!(byte, ..b' ' | b'"' | b'\\'))
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        write_escaped(out, self);
        out.push(b'"');
    }
}

impl WriteJson for Cow<'_, str> {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_ref().write_json(out);
    }
}

impl WriteJson for Plain<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        let Self(word) = self;
        debug_assert!(!has_escapes(word.as_bytes()), "a plain word");
        out.push(b'"');
        out.extend_from_slice(word.as_bytes());
        out.push(b'"');
    }
}

/// Digits are composed on the stack: plain words.
impl<const LEN: usize> WriteJson for ArrayString<LEN> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Plain(self).write_json(out);
    }
}

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl WriteJson for $integer {
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, i64);

/// Finite, as every number that was read from JSON is.
impl WriteJson for f64 {
    fn write_json(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, self).expect("memory takes any number");
    }
}

/// `None` is null.
impl<T: WriteJson> WriteJson for Option<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write_json(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl<T: WriteJson> WriteJson for [T] {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, item) in self.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            item.write_json(out);
        }
        out.push(b']');
    }
}

impl<T: WriteJson + ?Sized> WriteJson for &T {
    fn write_json(&self, out: &mut Vec<u8>) {
        (*self).write_json(out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text(value: &(impl WriteJson + ?Sized)) -> String {
        let mut out = Vec::new();
        value.write_json(&mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn an_object_has_its_members_in_order() {
        let mut out = b"before".to_vec();
        Object::write(&mut out, |object| {
            object.member("a", 1_u8).member("b", None::<&str>).member("c", [true, false].as_slice());
            object.member("d", Some("{")).member("e", u64::MAX).member("f", i64::MIN).member("g", 1.5);
        });
        Object::write(&mut out, |_| {});
        let expected = concat!(
            r#"before{"a":1,"b":null,"c":[true,false],"d":"{","e":18446744073709551615,"#,
            r#""f":-9223372036854775808,"g":1.5}{}"#
        );
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does() {
        for character in (0..0x100).filter_map(char::from_u32).chain(['\u{2028}', '\u{fffd}', '\u{1f600}']) {
            for length in 0..40 {
                for at in 0..=length {
                    let string = format!("{}{character}{}", "a".repeat(at), "b".repeat(length - at));
                    assert_eq!(text(&*string), serde_json::to_string(&string).expect("a string"));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_string_is_read_back(string: String) {
            prop_assert_eq!(serde_json::from_str::<Value>(&text(&*string)).ok(), Some(Value::String(string)));
        }
    }
}
