//! Writes JSON text straight into a buffer. Reads nothing: the reader does.
//!
//! Every event and reply is an object of known members in a fixed order. The writer therefore checks nothing at run
//! time: names are literals, and most strings need no escapes.
//!
//! The members come in the order of the fields of the event's schema (`schemas/`): the edge makes Avro of the text in one
//! pass.

use std::borrow::Cow;

use arrayvec::ArrayString;

/// A value that can be written as JSON text.
pub trait WriteJson {
    fn write_json(&self, out: &mut Vec<u8>);
}

/// A string that needs no escapes.
#[derive(Clone, Copy)]
pub struct Plain<'a>(pub &'a str);

/// An object that is being written. Its members have the order of the calls.
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
}

impl Object<'_> {
    /// Appends an object with the members that `members` adds; returns what `members` returns.
    pub fn write<R>(out: &mut Vec<u8>, members: impl FnOnce(&mut Object<'_>) -> R) -> R {
        out.push(b'{');
        let returned = members(&mut Object { out });
        out.push(b'}');
        returned
    }

    /// Adds a member. `name` needs no escapes, and no other member of this object has it.
    #[inline]
    pub fn member(&mut self, name: &'static str, value: impl WriteJson) -> &mut Self {
        self.name(name);
        value.write_json(self.out);
        self
    }

    /// Adds a member that is an object; returns what `members` returns.
    pub fn object<R>(&mut self, name: &'static str, members: impl FnOnce(&mut Object<'_>) -> R) -> R {
        self.name(name);
        Object::write(self.out, members)
    }

    /// Adds a string member that stays empty, and returns the offset between its quotes, in bytes from the start of
    /// the buffer. The secret (digits, which need no escapes) is inserted there when the text is sent.
    ///
    /// A text may have several secrets. Insert the last one first, so that the other offsets stay valid.
    pub fn secret(&mut self, name: &'static str) -> usize {
        self.member(name, Plain(""));
        self.out.len() - 1
    }

    /// As [`Object::member`], for a name that may need escapes.
    pub fn named(&mut self, name: &str, value: impl WriteJson) -> &mut Self {
        self.separate();
        name.write_json(self.out);
        self.out.push(b':');
        value.write_json(self.out);
        self
    }

    #[inline]
    fn name(&mut self, name: &'static str) {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    #[inline]
    fn separate(&mut self) {
        if self.out.last() != Some(&b'{') {
            self.out.push(b',');
        }
    }
}

/// Appends a string without its quotes.
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    if has_escapes(text.as_bytes()) {
        let quoted = serde_json::to_string(text).expect("any text is a JSON string");
        out.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Whether there is a quote, a backslash or a control character. The loop has no early exit, so that the compiler can
/// vectorise it.
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
        let Self(text) = self;
        debug_assert!(!has_escapes(text.as_bytes()), "a plain string needs no escapes");
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    }
}

/// Holds text that the program composed itself, such as digits and ids: nothing in it needs escapes.
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
    fn secrets_are_inserted_at_the_places_that_the_writer_returns() {
        let mut out = b"before".to_vec();
        let (first, second) = Object::write(&mut out, |object| {
            object.member("a", "\",\"otp\":\"");
            let first = object.object("otp", |otp| {
                let place = otp.secret("otp");
                otp.member("b", 1_u8);
                place
            });
            (first, object.secret("pin"))
        });
        out.splice(second..second, *b"4321");
        out.splice(first..first, *b"123456");
        let expected = r#"before{"a":"\",\"otp\":\"","otp":{"otp":"123456","b":1},"pin":"4321"}"#;
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
