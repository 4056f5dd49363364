//! What becomes of each fetched value: JSON, undecodable, or held back until its schema is known.

use std::collections::HashMap;
use std::sync::Arc;

use otp_topology::wire::json::{JsonError, LEN_MAX};
use otp_topology::wire::record::{LeaderEpoch, SourcePartition, SourceTopic};

use crate::decode::Decoder;
use crate::framing::{SchemaId, framed};
use crate::gate::{Admission, Gates, Known, Waiting};
use crate::schemas::EventSchema;

/// Most decoders that are kept. Beyond them all are made anew when they are needed.
const DECODERS_MAX: usize = 1_000;

/// What is known of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Its text.
    Found(Arc<str>),
    /// The registry definitely does not have it.
    NotFound,
    /// There is such a schema, and it is none that values here can have.
    Unreadable(Arc<str>),
    /// The registry has not answered yet.
    Pending,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// As it was fetched: its topic is JSON, or there is nothing to decode.
    AsItIs,
    Json(&'a [u8]),
    Undecodable(JsonError),
    /// The gate closes here: pause the partition.
    Closes(SchemaId),
    /// It is behind the gate: drop it, it is fetched again.
    Held,
}

/// A record whose value is to be taken.
#[derive(Clone, Copy)]
pub struct Fetched<'a> {
    pub source: SourcePartition,
    pub offset: i64,
    pub leader_epoch: Option<LeaderEpoch>,
    pub value: Option<&'a [u8]>,
}

/// The values that one member of the group fetches.
#[derive(Debug, Default)]
pub struct Inputs {
    /// By source topic. `None`: its values are JSON.
    schemas: Vec<Option<EventSchema>>,
    gates: Gates,
    /// `None`: values of that schema are no values of that topic.
    decoders: HashMap<(SchemaId, EventSchema), Option<Decoder>>,
    /// Of the last value.
    json: Vec<u8>,
}

impl Inputs {
    /// `schemas`: by source topic; `None`: its values are JSON.
    pub fn new(schemas: Vec<Option<EventSchema>>) -> Self {
        Self { schemas, ..Self::default() }
    }

    /// Takes the value of a record. The records of a partition come in their order. `lookup` says what is known of a schema.
    pub fn take(&mut self, record: Fetched<'_>, lookup: impl FnOnce(SchemaId) -> Lookup) -> Taken<'_> {
        let Fetched { source, offset, leader_epoch, value } = record;
        let Some(schema) = self.schema_of(source.topic) else { return Taken::AsItIs };
        if self.gates.holds(source, offset) {
            return Taken::Held;
        }
        let Some(value) = value else { return Taken::AsItIs };
        if value.len() > LEN_MAX {
            return Taken::Undecodable(JsonError::TooLong);
        }
        let Some((id, body)) = framed(value) else { return Taken::Undecodable(JsonError::NotFramed) };
        let known = self.learn(id, schema, lookup);
        match self.gates.admit(source, Waiting { id, offset, leader_epoch }, known) {
            Admission::Pass => {}
            Admission::Refused => return Taken::Undecodable(JsonError::UnknownSchema),
            Admission::Closes => return Taken::Closes(id),
            Admission::Held => return Taken::Held,
        }
        let Some(Some(decoder)) = self.decoders.get(&(id, schema)) else {
            return Taken::Undecodable(JsonError::UnfitSchema);
        };
        self.json.clear();
        match decoder.decode(body, &mut self.json) {
            Ok(()) => Taken::Json(&self.json),
            Err(error) => Taken::Undecodable(error),
        }
    }

    /// Makes the decoder of a schema, if there is none.
    fn learn(&mut self, id: SchemaId, topic: EventSchema, lookup: impl FnOnce(SchemaId) -> Lookup) -> Known {
        if self.decoders.contains_key(&(id, topic)) {
            return Known::Yes;
        }
        let decoder = match lookup(id) {
            Lookup::Found(text) => Decoder::new(&text, topic).ok(),
            Lookup::Unreadable(_) => None,
            Lookup::NotFound => return Known::Absent,
            Lookup::Pending => return Known::Unknown,
        };
        if self.decoders.len() >= DECODERS_MAX {
            self.decoders.clear();
        }
        self.decoders.insert((id, topic), decoder);
        Known::Yes
    }

    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    pub fn gates_mut(&mut self) -> &mut Gates {
        &mut self.gates
    }

    fn schema_of(&self, topic: SourceTopic) -> Option<EventSchema> {
        self.schemas.get(usize::from(topic.0)).copied().flatten()
    }
}
