//! What becomes of each fetched value: JSON, undecodable, or held back until its schema is known.

use std::collections::HashMap;

use otp_topology::wire::json::{JsonError, LEN_MAX};
use otp_topology::wire::record::{LeaderEpoch, SourcePartition, SourceTopic};

use crate::decode::{Decoder, SchemaFault};
use crate::framing::{SchemaId, framed};
use crate::gate::{Admission, Gates, Waiting};
use crate::schemas::EventSchema;

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<'a> {
    /// As it was fetched: its topic is JSON, or there is nothing to decode.
    AsItIs,
    Json(&'a [u8]),
    Undecodable(JsonError),
    /// The gate closes here: pause the partition, and ask for this schema.
    Closes(SchemaId),
    /// It is behind the gate: drop it, it is fetched again.
    Held,
}

/// The values that one member of the group fetches.
#[derive(Debug, Default)]
pub struct Inputs {
    /// By source topic. `None`: JSON.
    schemas: Vec<Option<EventSchema>>,
    gates: Gates,
    decoders: HashMap<(SchemaId, EventSchema), Option<Decoder>>,
    /// Of the last value.
    json: Vec<u8>,
}

impl Inputs {
    /// `schemas`: by source topic; `None`: its values are JSON.
    pub fn new(schemas: Vec<Option<EventSchema>>) -> Self {
        Self { schemas, ..Self::default() }
    }

    /// Whether values of the topic are decoded.
    pub fn is_avro(&self, topic: SourceTopic) -> bool {
        self.schema_of(topic).is_some()
    }

    /// Takes the value of a record. The records of a partition come in their order.
    pub fn take(
        &mut self,
        source: SourcePartition,
        offset: i64,
        leader_epoch: Option<LeaderEpoch>,
        value: Option<&[u8]>,
    ) -> Taken<'_> {
        let Some(schema) = self.schema_of(source.topic) else { return Taken::AsItIs };
        if self.gates.holds(source, offset) {
            return Taken::Held;
        }
        let Some(value) = value else { return Taken::AsItIs };
        if value.len() > LEN_MAX {
            return Taken::Undecodable(JsonError::TooLong);
        }
        let Some((id, body)) = framed(value) else { return Taken::Undecodable(JsonError::NotFramed) };
        match self.gates.admit(source, offset, leader_epoch, id) {
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

    /// The registry has the schema. Returns where to read on, and for which topics its values are no values, and why.
    pub fn known(
        &mut self,
        id: SchemaId,
        text: &str,
    ) -> (Vec<(SourcePartition, Waiting)>, Vec<(EventSchema, SchemaFault)>) {
        let mut faults = Vec::new();
        let mut topics: Vec<_> = self.schemas.iter().flatten().copied().collect();
        topics.sort_unstable();
        topics.dedup();
        for topic in topics {
            let decoder = Decoder::new(text, topic);
            if let Err(fault) = &decoder {
                faults.push((topic, fault.clone()));
            }
            self.decoders.insert((id, topic), decoder.ok());
        }
        (self.gates.answer(id, true), faults)
    }

    /// The registry definitely does not have the schema. Returns where to read on.
    pub fn not_found(&mut self, id: SchemaId) -> Vec<(SourcePartition, Waiting)> {
        self.gates.answer(id, false)
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
