//! CloudEvents in structured mode: a request whose value is an envelope, `{"id":…,"expirytime":…,"data":{…}}`, becomes the
//! record that the same request is in binary mode.
//!
//! Judges no attribute: `headers` reads them where binary mode has them.

use super::headers::{CONTENT_TYPE, TRACEPARENT, TRACESTATE, unquoted};
use super::json::writer::WriteJson as _;
use super::json::{self, Json, JsonError, Names};
use super::record::{Headers, Record, RecordBatch};

/// The value of [`CONTENT_TYPE`] in structured mode, whatever its case and its parameters.
const STRUCTURED: &str = "application/cloudevents+json";

/// What the names of attributes have before them in binary mode.
const ATTRIBUTE_PREFIX: &str = "ce_";

/// Whether the headers say that the value is an envelope.
fn is_structured(headers: Headers<'_>) -> bool {
    let Some(value) = headers.last(CONTENT_TYPE).map(unquoted) else { return false };
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default();
    media_type.trim_ascii().eq_ignore_ascii_case(STRUCTURED.as_bytes())
}

/// The record in binary mode, alone in a batch. `None`: it is in binary mode already. An envelope that is none is one whose
/// value is undecodable.
///
/// Attributes replace the record's own headers `ce_…`; its other headers stay. `traceparent` and `tracestate` go to the
/// headers of these names.
pub fn to_binary(record: &Record<'_>, names: Names) -> Option<RecordBatch> {
    if record.undecodable.is_some() || !is_structured(record.headers) {
        return None;
    }
    let mut batch = RecordBatch::default();
    let Record { source, offset, leader_epoch, timestamp, key, value, .. } = *record;
    match Envelope::read(value, names) {
        Ok(Envelope { attributes, data }) => {
            let own = record
                .headers
                .iter()
                .filter(|(name, _)| !name.starts_with(ATTRIBUTE_PREFIX) && *name != CONTENT_TYPE);
            let attributes = attributes.iter().map(|(name, value)| (name.as_str(), Some(value.as_slice())));
            batch.push(source, offset, timestamp, key, Some(&data), own.chain(attributes));
        }
        Err(error) => {
            batch.push(source, offset, timestamp, key, value, record.headers.iter());
            batch.set_undecodable(Some(error));
        }
    }
    batch.set_leader_epoch(leader_epoch);
    Some(batch)
}

struct Envelope {
    /// As headers.
    attributes: Vec<(String, Vec<u8>)>,
    /// A JSON object.
    data: Vec<u8>,
}

impl Envelope {
    /// # Errors
    /// The value is no JSON object, or has no object as its `data`.
    fn read(value: Option<&[u8]>, names: Names) -> Result<Self, JsonError> {
        let Json::Object(members) = json::parse_object(value, names)? else {
            return Err(JsonError::NotAnObject);
        };
        let (mut attributes, mut data) = (Vec::new(), None);
        for (name, value) in &members {
            match (&**name, value) {
                ("data", Json::Object(_)) => data = Some(text_of(value)),
                ("data" | "data_base64" | "specversion" | "datacontenttype", _) => {}
                (TRACEPARENT | TRACESTATE, value) => {
                    attributes.extend(attribute(value).map(|value| (name.to_string(), value)));
                }
                (name, value) => {
                    let name = [ATTRIBUTE_PREFIX, name].concat();
                    attributes.extend(attribute(value).map(|value| (name, value)));
                }
            }
        }
        Ok(Self { attributes, data: data.ok_or(JsonError::NotAnObject)? })
    }
}

/// An attribute as the value of a header. `None`: it is none.
fn attribute(value: &Json<'_>) -> Option<Vec<u8>> {
    match value {
        Json::String(text) => Some(text.as_bytes().to_vec()),
        Json::Bool(_) | Json::Number(_) => Some(text_of(value)),
        Json::Null | Json::NoText(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn text_of(value: &Json<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    value.write_json(&mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::LogTime;
    use crate::wire::record::{SourcePartition, SourceTopic};

    /// A record's value, or why there is none, and its headers.
    fn shown(content_type: Option<&str>, value: Option<&str>, headers: &[(&str, &str)]) -> Option<String> {
        let mut batch = RecordBatch::default();
        let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
        let typed = content_type.map(|it| (CONTENT_TYPE, it));
        let headers =
            headers.iter().copied().chain(typed).map(|(name, value)| (name, Some(value.as_bytes())));
        batch.push(source, 1, LogTime::default(), Some(b"key"), value.map(str::as_bytes), headers);
        let binary = to_binary(&batch.get(0), Names::IgnoreCase)?;
        let record = binary.get(0);
        assert_eq!((record.source, record.offset, record.key), (source, 1, Some(&b"key"[..])));
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        let value = record.undecodable.map_or_else(|| text(record.value), |error| error.code().to_owned());
        Some(format!("{value} {}", headers.join(" ")).trim_end().to_owned())
    }

    #[test]
    fn an_envelope_becomes_headers_and_a_value() {
        let check = |value: &str, expected: &str| {
            let headers = [("ce_id", "other"), ("operation", "send"), ("ce_expirytime", "never")];
            assert_eq!(shown(Some(STRUCTURED), Some(value), &headers).as_deref(), Some(expected), "{value}");
        };
        check(
            r#"{"specversion":"1.0","id":"a\u0042","source":"/x","type":"t","data":{"otp":{"x":1.0}},"n":7,"z":null}"#,
            r#"{"otp":{"x":1.0}} operation=send ce_id=aB ce_source=/x ce_type=t ce_n=7"#,
        );
        check(
            r#"{"expirytime":"2022-12-12T19:04:30Z","traceparent":"00-1","tracestate":"s","correlationid":"c","data":{}}"#,
            "{} operation=send ce_expirytime=2022-12-12T19:04:30Z traceparent=00-1 tracestate=s ce_correlationid=c",
        );
    }

    #[test]
    fn what_is_no_envelope_is_undecodable() {
        let check = |value: Option<&str>, code: &str| {
            let expected = format!("{code} content-type={STRUCTURED}");
            assert_eq!(shown(Some(STRUCTURED), value, &[]), Some(expected), "{value:?}");
        };
        check(None, "null_value");
        check(Some("{"), "syntax");
        check(Some("[]"), "not_an_object");
        check(Some("{}"), "not_an_object");
        check(Some(r#"{"data":"{}"}"#), "not_an_object");
        check(Some(r#"{"data_base64":"e30="}"#), "not_an_object");
        check(Some(r#"{"id":"1","ID":"2","data":{}}"#), "duplicate_key");
    }

    #[test]
    fn the_content_type_alone_says_what_a_value_is() {
        let check = |content_type: Option<&str>, expected: bool| {
            let found = shown(content_type, Some(r#"{"data":{}}"#), &[]).is_some();
            assert_eq!(found, expected, "{content_type:?}");
        };
        check(Some(STRUCTURED), true);
        check(Some("application/cloudevents+json; charset=UTF-8"), true);
        check(Some("Application/CloudEvents+JSON"), true);
        check(Some("\"application/cloudevents+json\""), true);
        check(Some("application/json"), false);
        check(Some("application/cloudevents-batch+json"), false);
        check(None, false);
    }
}
