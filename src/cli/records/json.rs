//! JSON of a file in pieces: each member and each item keeps its own text, so that it can be judged, and its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::input::Input;
use super::{Place, Problem};

/// The members of an object, in their order, also if a name comes twice.
pub(crate) struct Members<'a>(pub Vec<(String, &'a RawValue)>);

/// Reads a whole text, or a piece of it, as JSON of some shape.
///
/// # Errors
/// Its syntax is wrong, or it has another shape. `expected` says which one, and where to read about it.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    input: &'a Input,
    piece: &'a str,
    expected: &str,
) -> Result<T, Problem> {
    serde_json::from_str(piece).map_err(|error| {
        let line = line_of(&input.text, piece) + (error.line() as u64).saturating_sub(1);
        let syntax = error.is_syntax() || error.is_eof();
        let what = if syntax { format!("not JSON: {}", reason(&error)) } else { format!("not {expected}") };
        Problem::new(
            Place::new(line, ""),
            what,
            if syntax { "correct it" } else { "see docs/administration.md" },
        )
    })
}

/// The line of a piece of a text, from 1. `piece` must be borrowed from `text`.
pub(crate) fn line_of(text: &str, piece: &str) -> u64 {
    let at = (piece.as_ptr() as usize).checked_sub(text.as_ptr() as usize);
    let before = at.and_then(|at| text.as_bytes().get(..at)).unwrap_or_default();
    1 + before.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// The parser's words, without its position.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(reason, _)| reason.to_owned())
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_keeps_its_text_and_its_line() {
        let text = "{\n \"a\": {\"x\": 1},\n\n \"b\": null,\n \"a\": 2}".to_owned();
        let input = Input { name: "f".to_owned(), text };
        let Members(members) = read(&input, &input.text, "an object").expect("an object");
        let found: Vec<_> = members
            .iter()
            .map(|(name, value)| (name.as_str(), value.get(), line_of(&input.text, value.get())))
            .collect();
        assert_eq!(found, [("a", "{\"x\": 1}", 2), ("b", "null", 4), ("a", "2", 5)]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let check = |text: &str, expected: &str| {
            let input = Input { name: "f".to_owned(), text: text.to_owned() };
            let problem = read::<Members<'_>>(&input, &input.text, "an object of records").err().expect(text);
            assert_eq!(problem.to_string(), expected, "{text}");
        };
        check("{\n\"a\": 1,\n}", ", line 3: not JSON: trailing comma; correct it");
        check("", ", line 1: not JSON: EOF while parsing a value; correct it");
        check("[1]", ", line 1: not an object of records; see docs/administration.md");
    }
}
