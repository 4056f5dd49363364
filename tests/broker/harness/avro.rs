//! Values in Avro, as other programs write and read them.

use otp_codec::{Decoder, Encoder, EventSchema, SchemaId, framed};
use serde_json::Value;

use super::event::{Event, Request};
use super::registry::Registry;

/// A request as Avro, under this schema id. The members of `body` have the order of the schema.
pub(crate) fn request(schema: EventSchema, id: u32, body: &str) -> Request {
    let mut value = Vec::new();
    Encoder::new(schema, SchemaId(id)).encode(body.as_bytes(), &mut value).expect("a value of the schema");
    Request::raw(&value)
}

/// A value that somebody encoded by hand.
pub(crate) fn raw_request(id: u32, body: &[u8]) -> Request {
    Request::raw(&[&[0], &id.to_be_bytes()[..], body].concat())
}

/// A text of less than 64 bytes.
pub(crate) fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 64, "its length takes one byte");
    [&[2 * text.len() as u8], text.as_bytes()].concat()
}

/// The value of an event as a reader sees it: the registry tells the schema by the id in the value, and the header names the
/// same one.
pub(crate) fn body(event: &Event, registry: &Registry, schema: EventSchema) -> Value {
    let value = event.payload.as_deref().expect("a value");
    let (id, body) = framed(value).unwrap_or_else(|| panic!("{} is not framed", event.topic));
    assert_eq!(event.text("ce_dataschema"), format!("{}/schemas/ids/{id}", registry.url()));
    assert_eq!(event.text("content-type"), "application/vnd.apache.avro+confluent");
    let (status, answer) = registry.request("GET", &format!("/schemas/ids/{id}"), "").expect("an answer");
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let writer = answer["schema"].as_str().expect("the text of a schema");
    let mut json = Vec::new();
    Decoder::new(writer, schema).expect("the schema of the topic").decode(body, &mut json).expect("a value");
    serde_json::from_slice(&json).expect("JSON")
}
