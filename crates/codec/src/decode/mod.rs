//! Reads Avro values that were written under any schema, as the schema of a topic asks, and writes them as JSON.
//!
//! Nothing in a value or a schema costs more than a fixed amount of work and memory: a body is at most as long as a JSON
//! value may be, so is its JSON; a schema that nests too deep, is recursive or has too many parts is refused; and a value
//! ends after a number of steps, whatever lengths it claims.

mod plan;
mod read;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use otp_topology::wire::json::JsonError;

use crate::schemas::EventSchema;
use plan::{Plan, Resolution};

/// Why values of a writer's schema cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaFault {
    #[error("it is not an Avro schema")]
    NotASchema,
    #[error("it nests deeper than {} levels, or is recursive", plan::DEPTH_MAX)]
    TooDeep,
    #[error("it has more than {} parts", plan::PARTS_MAX)]
    TooLarge,
    /// The path of the field in the topic's schema; empty: the value itself.
    #[error("its values are no values of the topic: `{0}`")]
    Mismatch(String),
}

/// Reads the values of one topic that were written under one schema.
#[derive(Clone, Debug)]
pub struct Decoder {
    plan: Plan,
}

impl Decoder {
    /// `writer`: the text of the schema under which the values were written. `topic`: what the values are.
    ///
    /// # Errors
    /// See [`SchemaFault`].
    pub fn new(writer: &str, topic: EventSchema) -> Result<Self, SchemaFault> {
        let writer = Schema::parse_str(writer).map_err(|_| SchemaFault::NotASchema)?;
        Self::between(&writer, topic.schema())
    }

    /// # Errors
    /// See [`SchemaFault`].
    pub(crate) fn between(writer: &Schema, reader: &Schema) -> Result<Self, SchemaFault> {
        let writers = ResolvedSchema::try_from(writer).map_err(|_| SchemaFault::NotASchema)?;
        let readers = ResolvedSchema::try_from(reader).expect("a schema of ours is complete");
        let plan = Resolution::new(writers.get_names(), readers.get_names()).value(writer, reader)?;
        Ok(Self { plan })
    }

    /// Appends the JSON text of a body. A member that is null is left out.
    ///
    /// # Errors
    /// The body is not of the writer's schema, or too long. Then `out` holds a part of it.
    pub fn decode(&self, body: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
        read::whole(&self.plan, body, out)
    }
}
