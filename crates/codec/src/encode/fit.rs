//! Writes one JSON value as a shape asks. The texts of its errors are never shown: they could repeat the value.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::shape::{Member, Shape};
use crate::varint;

/// Indices of the branches of a [`Shape::Scalar`], and of the second branch of a [`Shape::Optional`].
const NULL: i64 = 0;
const OTHER: i64 = 1;
const STRING: i64 = 1;
const LONG: i64 = 2;
const DOUBLE: i64 = 3;
const BOOLEAN: i64 = 4;

/// Whole numbers from here on are not all doubles: what is written as such a number stays a text.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Most items of one block: their number fits into one byte.
const BLOCK_ITEMS_MAX: u8 = 63;

pub(super) struct Fit<'s, 'o> {
    pub shape: &'s Shape,
    pub out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Fit<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            // Numbers that no number of Rust holds would be refused.
            Shape::Scalar => {
                let text = <&RawValue>::deserialize(deserializer)?.get();
                scalar(text, self.out).ok_or_else(|| D::Error::custom("not a scalar"))
            }
            Shape::Null
            | Shape::Boolean
            | Shape::Integer(_)
            | Shape::String
            | Shape::Enum { .. }
            | Shape::Array(_)
            | Shape::Map(_)
            | Shape::Record(_)
            | Shape::Optional(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Fit<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the schema")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.out.extend_from_slice(self.shape.absent().ok_or_else(|| E::custom("null"))?);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        let Shape::Boolean = self.present() else { return Err(E::custom("boolean")) };
        self.out.push(value.into());
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, value: i64) -> Result<(), E> {
        let Shape::Integer(max) = self.present() else { return Err(E::custom("integer")) };
        if !(-*max - 1..=*max).contains(&value) {
            return Err(E::custom("too large"));
        }
        varint::write(value, self.out);
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(value).map_err(|_| E::custom("too large"))?)
    }

    fn visit_str<E: Error>(mut self, value: &str) -> Result<(), E> {
        let shape = self.present();
        if let Shape::Enum { symbols, default } = shape {
            let at = symbols.iter().position(|symbol| symbol == value).unwrap_or(*default);
            varint::write(at as i64, self.out);
            return Ok(());
        }
        let Shape::String = shape else { return Err(E::custom("string")) };
        string(value, self.out);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let Shape::Array(shape) = self.present() else { return Err(A::Error::custom("array")) };
        let mut blocks = Blocks::begin(self.out);
        while items.next_element_seed(Fit { shape, out: &mut *self.out })?.is_some() {
            blocks.count(self.out);
        }
        blocks.end(self.out);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, members: A) -> Result<(), A::Error> {
        let shape = self.present();
        if let Shape::Record(fields) = shape {
            return record(fields, members, self.out);
        }
        let Shape::Map(values) = shape else { return Err(A::Error::custom("object")) };
        map(values, members, self.out)
    }
}

impl<'s> Fit<'s, '_> {
    /// The shape of a value that is not null. Writes the branch of a union.
    fn present(&mut self) -> &'s Shape {
        let Shape::Optional(shape) = self.shape else { return self.shape };
        varint::write(OTHER, self.out);
        shape
    }
}

fn record<'de, A: MapAccess<'de>>(
    fields: &[Member],
    mut members: A,
    out: &mut Vec<u8>,
) -> Result<(), A::Error> {
    let mut next = 0;
    while let Some(skipped) = members.next_key_seed(NextField(&fields[next..]))? {
        absent(&fields[next..next + skipped], out)?;
        let field = &fields[next + skipped];
        members.next_value_seed(Fit { shape: &field.shape, out: &mut *out })?;
        next += skipped + 1;
    }
    absent(&fields[next..], out)
}

/// Writes null for fields that are not there.
fn absent<E: Error>(fields: &[Member], out: &mut Vec<u8>) -> Result<(), E> {
    for field in fields {
        out.extend_from_slice(field.shape.absent().ok_or_else(|| E::custom("a member is missing"))?);
    }
    Ok(())
}

fn map<'de, A: MapAccess<'de>>(values: &Shape, mut members: A, out: &mut Vec<u8>) -> Result<(), A::Error> {
    let mut blocks = Blocks::begin(out);
    while members.next_key_seed(Fit { shape: &Shape::String, out: &mut *out })?.is_some() {
        members.next_value_seed(Fit { shape: values, out: &mut *out })?;
        blocks.count(out);
    }
    blocks.end(out);
    Ok(())
}

fn string(text: &str, out: &mut Vec<u8>) {
    varint::write(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

/// A number that neither branch holds is written as its text.
fn scalar(json: &str, out: &mut Vec<u8>) -> Option<()> {
    match json.as_bytes().first()? {
        b'n' => varint::write(NULL, out),
        b't' | b'f' => {
            varint::write(BOOLEAN, out);
            out.push((json == "true").into());
        }
        b'"' => {
            varint::write(STRING, out);
            string(&serde_json::from_str::<Cow<'_, str>>(json).ok()?, out);
        }
        b'-' | b'0'..=b'9' => number(json, out),
        _ => return None,
    }
    Some(())
}

fn number(json: &str, out: &mut Vec<u8>) {
    if let Ok(whole) = json.parse() {
        varint::write(LONG, out);
        return varint::write(whole, out);
    }
    match json.parse::<f64>() {
        Ok(number) if number.is_finite() && number.abs() < EXACT_MAX => {
            varint::write(DOUBLE, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Ok(_) | Err(_) => {
            varint::write(STRING, out);
            string(json, out);
        }
    }
}

/// How many of these fields a member skips.
struct NextField<'s>(&'s [Member]);

impl<'de> DeserializeSeed<'de> for NextField<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NextField<'_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field of the schema")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let at = self.0.iter().position(|field| field.is_named(name));
        at.ok_or_else(|| E::custom("a member that is no field, or not in the order of the fields"))
    }
}

/// The items of an array or a map, in blocks that begin with the number of their items.
struct Blocks {
    /// Where the number of the open block is.
    at: usize,
    items: u8,
}

impl Blocks {
    /// Writes a number, 0 as yet: an empty block is the end.
    fn begin(out: &mut Vec<u8>) -> Self {
        out.push(0);
        Self { at: out.len() - 1, items: 0 }
    }

    /// One more item was written.
    fn count(&mut self, out: &mut Vec<u8>) {
        self.items += 1;
        out[self.at] = self.items * 2;
        if self.items == BLOCK_ITEMS_MAX {
            *self = Self::begin(out);
        }
    }

    fn end(self, out: &mut Vec<u8>) {
        if self.items > 0 {
            out.push(0);
        }
    }
}
