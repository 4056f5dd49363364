//! Records as JSON lines, in the format of `kcat -J` (docs/interface.md, "replay").
//!
//! Reads and writes single lines. The caller reads files, masks codes, and chooses the partition, offset and time that
//! a line does not give.
//!
//! kcat prints bytes that are not UTF-8 raw inside its strings; such lines are read. Written lines are always valid
//! JSON: bytes that are not UTF-8 are written in base64 as `key_base64`, `payload_base64` and `headers_base64`. The
//! last one is a flat array of name, value, name, value, like `headers`.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use otp_topology::otp::LogTime;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Padding is written, but not required.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The contents of an input line.
#[derive(PartialEq, Eq)]
pub(super) enum Line<'a> {
    Record(LineRecord<'a>),
    /// Only `ts`: advances the watermark of the expiry sweep.
    Time(LogTime),
}

/// A record as its line gives it. The caller knows the defaults of absent members.
#[derive(Default, PartialEq, Eq)]
pub(super) struct LineRecord<'a> {
    pub topic: Cow<'a, str>,
    /// Not negative.
    pub partition: Option<i32>,
    /// Not negative.
    pub offset: Option<i64>,
    pub timestamp: Option<LogTime>,
    pub key: Option<Cow<'a, [u8]>>,
    /// `None`: a null value.
    pub payload: Option<Cow<'a, [u8]>>,
    /// Those of `headers`, then those of `headers_base64`, each in order.
    pub headers: Vec<Header<'a>>,
}

/// A header's name and value.
pub(super) type Header<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// A record to print.
#[derive(Clone, Copy)]
pub(super) struct OutputLine<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub timestamp: LogTime,
    pub key: Option<&'a [u8]>,
    pub payload: Option<&'a [u8]>,
}

/// Why a line cannot be read. Holds nothing of the line except names of members. A message continues "line N".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadLine {
    #[error("is not a JSON object")]
    NotAnObject,
    #[error("`{0}` must be {1}")]
    Member(&'static str, &'static str),
    #[error("`{0}` is missing")]
    Missing(&'static str),
    #[error("`{0}` is given twice")]
    Twice(&'static str),
}

/// Reads a line, with or without its line end. `None`: the line is blank.
///
/// # Errors
/// See [`BadLine`].
pub(super) fn decode(line: &[u8]) -> Result<Option<Line<'_>>, BadLine> {
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let broken = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let members = Object(&broken).deserialize(&mut deserializer);
    let members = members.map_err(|error| {
        let bad = broken.take().filter(|_| error.is_data());
        bad.unwrap_or(BadLine::NotAnObject)
    })?;
    deserializer.end().map_err(|_| BadLine::NotAnObject)?;
    members.into_line().map(Some)
}

/// Appends a line and its line end.
pub(super) fn encode<'h>(
    out: &mut Vec<u8>,
    line: OutputLine<'_>,
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)> + Clone,
) {
    out.extend_from_slice(b"{\"topic\":");
    write_text(out, line.topic);
    out.extend_from_slice(b",\"partition\":");
    write_integer(out, line.partition);
    out.extend_from_slice(b",\"offset\":");
    write_integer(out, line.offset);
    out.extend_from_slice(b",\"ts\":");
    write_integer(out, line.timestamp.ms());
    write_headers(out, headers);
    write_bytes_member(out, "key", line.key);
    write_bytes_member(out, "payload", line.payload);
    out.extend_from_slice(b"}\n");
}

fn write_headers<'h>(out: &mut Vec<u8>, headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)> + Clone) {
    let text_of = |value: Option<&'h [u8]>| value.map(std::str::from_utf8).transpose();
    out.extend_from_slice(b",\"headers\":[");
    let mut separator: &[u8] = b"";
    let mut any_binary = false;
    for (name, value) in headers.clone() {
        let Ok(text) = text_of(value) else {
            any_binary = true;
            continue;
        };
        out.extend_from_slice(separator);
        separator = b",";
        write_text(out, name);
        out.push(b',');
        match text {
            Some(text) => write_text(out, text),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b']');
    if !any_binary {
        return;
    }
    out.extend_from_slice(b",\"headers_base64\":[");
    let mut separator: &[u8] = b"";
    for (name, value) in headers.filter(|(_, value)| text_of(*value).is_err()) {
        out.extend_from_slice(separator);
        separator = b",";
        write_text(out, name);
        out.push(b',');
        write_text(out, &BASE64.encode(value.unwrap_or_default()));
    }
    out.push(b']');
}

fn write_bytes_member(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    match value.map(std::str::from_utf8) {
        None => out.extend_from_slice(b"\":null"),
        Some(Ok(text)) => {
            out.extend_from_slice(b"\":");
            write_text(out, text);
        }
        Some(Err(_)) => {
            out.extend_from_slice(b"_base64\":");
            write_text(out, &BASE64.encode(value.unwrap_or_default()));
        }
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes any text");
}

fn write_integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The members of a line. The outer `Option` says whether the member is present, the inner one whether it is not null.
#[derive(Default)]
struct Members<'a> {
    topic: Option<Option<Raw<'a>>>,
    partition: Option<Option<i32>>,
    offset: Option<Option<i64>>,
    timestamp: Option<Option<i64>>,
    key: Option<Option<Raw<'a>>>,
    key_base64: Option<Option<Raw<'a>>>,
    payload: Option<Option<Raw<'a>>>,
    payload_base64: Option<Option<Raw<'a>>>,
    headers: Option<Option<Vec<Option<Raw<'a>>>>>,
    headers_base64: Option<Option<Vec<Option<Raw<'a>>>>>,
    count: usize,
}

/// The bytes of a JSON string. They need not be UTF-8.
struct Raw<'a>(Cow<'a, [u8]>);

const A_STRING: &str = "a string";
const AN_INTEGER: &str = "an integer, not negative";
const EPOCH_MS: &str = "epoch milliseconds";
/// What kcat prints for a record without a time.
const NO_TIME: i64 = -1;
const A_FLAT_ARRAY: &str = "a flat array of name, value, name, value";

impl<'a> Members<'a> {
    fn into_line(self) -> Result<Line<'a>, BadLine> {
        let timestamp = self.timestamp.flatten().filter(|ms| *ms != NO_TIME);
        let timestamp = timestamp.map(|ms| u64::try_from(ms).map(LogTime::from_ms)).transpose();
        let timestamp = timestamp.map_err(|_| BadLine::Member("ts", EPOCH_MS))?;
        let topic = match (self.topic.flatten(), timestamp) {
            (Some(topic), _) => topic.into_text().ok_or(BadLine::Member("topic", A_STRING))?,
            (None, Some(time)) if self.count == 1 => return Ok(Line::Time(time)),
            (None, _) => return Err(BadLine::Missing("topic")),
        };
        if self.payload.is_none() && self.payload_base64.is_none() {
            return Err(BadLine::Missing("payload"));
        }
        let mut headers = Vec::new();
        pair_up("headers", self.headers, &mut headers, |_, value| Ok(value.0))?;
        pair_up("headers_base64", self.headers_base64, &mut headers, from_base64)?;
        let negative = |name| BadLine::Member(name, AN_INTEGER);
        Ok(Line::Record(LineRecord {
            topic,
            partition: not_negative(self.partition).map_err(|()| negative("partition"))?,
            offset: not_negative(self.offset).map_err(|()| negative("offset"))?,
            timestamp,
            key: either(("key", self.key), ("key_base64", self.key_base64))?,
            payload: either(("payload", self.payload), ("payload_base64", self.payload_base64))?,
            headers,
        }))
    }
}

fn not_negative<T: PartialOrd + Default>(number: Option<Option<T>>) -> Result<Option<T>, ()> {
    let number = number.flatten();
    if number.as_ref().is_some_and(|it| *it < T::default()) { Err(()) } else { Ok(number) }
}

/// The value of a member with a plain and a base64 spelling. At most one of them may have a value.
fn either<'a>(
    (name, plain): (&'static str, Option<Option<Raw<'a>>>),
    (base64_name, base64): (&'static str, Option<Option<Raw<'a>>>),
) -> Result<Option<Cow<'a, [u8]>>, BadLine> {
    match (plain.flatten(), base64.flatten()) {
        (Some(_), Some(_)) => Err(BadLine::Twice(name)),
        (Some(plain), None) => Ok(Some(plain.0)),
        (None, Some(base64)) => from_base64(base64_name, base64).map(Some),
        (None, None) => Ok(None),
    }
}

fn from_base64<'a>(name: &'static str, text: Raw<'a>) -> Result<Cow<'a, [u8]>, BadLine> {
    let bytes = BASE64.decode(text.0);
    bytes.map(Cow::Owned).map_err(|_| BadLine::Member(name, "base64"))
}

fn pair_up<'a>(
    member: &'static str,
    flat: Option<Option<Vec<Option<Raw<'a>>>>>,
    headers: &mut Vec<Header<'a>>,
    value_of: impl Fn(&'static str, Raw<'a>) -> Result<Cow<'a, [u8]>, BadLine>,
) -> Result<(), BadLine> {
    let bad = || BadLine::Member(member, A_FLAT_ARRAY);
    let mut flat = flat.flatten().unwrap_or_default().into_iter();
    while let Some(name) = flat.next() {
        let name = name.and_then(Raw::into_text).ok_or_else(bad)?;
        let value = flat.next().ok_or_else(bad)?;
        headers.push((name, value.map(|it| value_of(member, it)).transpose()?));
    }
    Ok(())
}

/// Reads a line's object. If a member cannot be read, the cell holds the reason.
#[derive(Clone, Copy)]
struct Object<'c>(&'c Cell<Option<BadLine>>);

impl Object<'_> {
    /// Reads the next value into `place`; refuses a second one.
    fn take<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
        self,
        access: &mut A,
        place: &mut Option<T>,
        name: &'static str,
        expected: &'static str,
    ) -> Result<(), A::Error> {
        if place.is_some() {
            self.0.set(Some(BadLine::Twice(name)));
            return Err(de::Error::custom("twice"));
        }
        self.0.set(Some(BadLine::Member(name, expected)));
        *place = Some(access.next_value()?);
        self.0.set(None);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Members<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members<'de>, A::Error> {
        let mut read = Members::default();
        let a = &mut access;
        while let Some(name) = a.next_key::<Cow<'de, str>>()? {
            read.count += 1;
            match name.as_ref() {
                "topic" => self.take(a, &mut read.topic, "topic", A_STRING)?,
                "partition" => self.take(a, &mut read.partition, "partition", AN_INTEGER)?,
                "offset" => self.take(a, &mut read.offset, "offset", AN_INTEGER)?,
                "ts" => self.take(a, &mut read.timestamp, "ts", EPOCH_MS)?,
                "key" => self.take(a, &mut read.key, "key", A_STRING)?,
                "key_base64" => self.take(a, &mut read.key_base64, "key_base64", A_STRING)?,
                "payload" => self.take(a, &mut read.payload, "payload", A_STRING)?,
                "payload_base64" => self.take(a, &mut read.payload_base64, "payload_base64", A_STRING)?,
                "headers" => self.take(a, &mut read.headers, "headers", A_FLAT_ARRAY)?,
                "headers_base64" => self.take(a, &mut read.headers_base64, "headers_base64", A_FLAT_ARRAY)?,
                _ => {
                    a.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(read)
    }
}

impl<'a> Raw<'a> {
    fn into_text(self) -> Option<Cow<'a, str>> {
        match self.0 {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Asked for bytes, serde_json hands out a string's bytes without checking that they are UTF-8.
        deserializer.deserialize_bytes(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Raw<'de>, E> {
        Ok(Raw(Cow::Borrowed(bytes)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Raw<'de>, E> {
        Ok(Raw(Cow::Owned(bytes.to_owned())))
    }
}

#[cfg(test)]
#[path = "kcat_tests.rs"]
mod tests;
