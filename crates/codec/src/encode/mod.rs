//! Writes JSON events as Avro: one pass over the text, without a tree.
//!
//! The members of an object must come in the order of the schema's fields. All events do: they are written member by member
//! in a fixed order. A member that is absent is null.

mod fit;
mod shape;

use serde::de::DeserializeSeed as _;

use crate::framing::SchemaId;
use crate::schemas::EventSchema;
use fit::Fit;
use shape::Shape;

/// The value is not of the schema. Says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value does not fit the schema {file}", file = .0.file())]
pub struct EncodeError(pub EventSchema);

/// Writes the values of one topic.
#[derive(Clone, Debug)]
pub struct Encoder {
    schema: EventSchema,
    shape: Shape,
    prefix: [u8; 5],
}

impl Encoder {
    /// `id`: of the schema, in the registry.
    pub fn new(schema: EventSchema, id: SchemaId) -> Self {
        Self { schema, shape: Shape::of(schema.schema()), prefix: id.prefix() }
    }

    /// Appends the value in the wire format.
    ///
    /// # Errors
    /// The text is not JSON, or not of the schema. Then `out` holds a part of it.
    pub fn encode(&self, json: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.prefix);
        let mut text = serde_json::Deserializer::from_slice(json);
        let written = Fit { shape: &self.shape, out }.deserialize(&mut text).and_then(|()| text.end());
        written.map_err(|_| EncodeError(self.schema))
    }
}
