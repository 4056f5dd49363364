//! What becomes of the values that one stream thread fetches, where topics are in Avro: they are decoded, or their partition
//! waits until the registry has told the schema.
//!
//! ```text
//! record ─▶ decoded ─▶ Round
//!       └─▶ schema not known: the partition is paused at that offset ── the registry has answered ─▶ read again from there
//! ```

use std::sync::Arc;

use otp_codec::{Fetched, Inputs, Lookup, SchemaId, Taken, Waiting};
use otp_topology::deployment::Topology;
use otp_topology::thread::ReadFrom;
use otp_topology::wire::record::SourcePartition;

use super::avro::Avro;
use super::round::Round;
use crate::kafka::{FetchedRecord, Group};
use crate::telemetry::Health;

pub(super) struct AvroInputs {
    thread: usize,
    topology: Arc<Topology>,
    avro: Arc<Avro>,
    health: Arc<Health>,
    inputs: Inputs,
    /// Partitions wait, as the health report says.
    is_told: bool,
}

impl AvroInputs {
    pub(super) fn new(thread: usize, topology: Arc<Topology>, avro: Arc<Avro>, health: Arc<Health>) -> Self {
        let inputs = Inputs::new(avro.inputs(&topology));
        Self { thread, topology, avro, health, inputs, is_told: false }
    }

    /// Adds a record to a round, decoded. Returns its size in bytes; 0: its partition waits.
    pub(super) fn take(&mut self, record: &FetchedRecord<'_>, group: &Group<'_>, round: &mut Round) -> usize {
        let source = record.source();
        let fetched = Fetched {
            source,
            offset: record.offset(),
            leader_epoch: record.leader_epoch(),
            value: record.value(),
        };
        match self.inputs.take(fetched, |id| self.avro.schema_of(id)) {
            Taken::AsItIs => round.push(record, record.value(), None),
            Taken::Json(json) => round.push(record, Some(json), None),
            Taken::Undecodable(error) => round.push(record, record.value(), Some(error)),
            Taken::Held => 0,
            Taken::Closes(id) => {
                self.log_wait(source, record.offset(), id);
                if let Err(error) = group.pause(&[source]) {
                    tracing::debug!(%error, "a partition that waits is no longer assigned");
                }
                0
            }
        }
    }

    /// Whether the partition waits before this offset: then nobody has read up to it.
    pub(super) fn holds(&self, source: SourcePartition, offset: i64) -> bool {
        self.inputs.gates().holds(source, offset)
    }

    pub(super) fn are_waiting(&self) -> bool {
        !self.inputs.gates().is_empty()
    }

    /// The partitions whose schema is told by now: where to read on.
    pub(super) fn opened(&mut self) -> Vec<ReadFrom> {
        if self.inputs.gates().is_empty() && !self.is_told {
            return Vec::new();
        }
        let avro = &self.avro;
        let opened = self.inputs.gates_mut().open(|id| avro.schema_of(id) != Lookup::Pending);
        self.tell();
        let start =
            |(source, Waiting { offset, leader_epoch, .. })| ReadFrom { source, offset, leader_epoch };
        opened.into_iter().map(start).collect()
    }

    /// These partitions are read from elsewhere, or not any more.
    pub(super) fn forget(&mut self, sources: impl IntoIterator<Item = SourcePartition>) {
        sources.into_iter().for_each(|source| self.inputs.gates_mut().forget(source));
    }

    /// The assignment has ended.
    pub(super) fn clear(&mut self) {
        self.inputs.gates_mut().clear();
        self.tell();
    }

    /// Reports the partitions that wait while the registry does not answer.
    fn tell(&mut self) {
        let waiting: Vec<_> = self.inputs.gates().waiting().collect();
        let outage = if waiting.is_empty() { None } else { self.avro.outage() };
        let text = |(source, Waiting { id, offset, .. }): &(SourcePartition, Waiting), why: &str| {
            let topic = &self.topology.source(source.topic).name;
            let partition = source.partition;
            format!("schema id {id} of `{topic}` partition {partition}, offset {offset}, is not known: {why}")
        };
        let failing = outage.iter().flat_map(|why| waiting.iter().map(|it| text(it, why))).collect();
        self.health.set_waiting(self.thread, waiting.len(), failing);
        self.is_told = !waiting.is_empty();
    }

    fn log_wait(&self, source: SourcePartition, offset: i64, id: SchemaId) {
        let topic = &self.topology.source(source.topic).name;
        let partition = source.partition;
        tracing::debug!(topic, partition, offset, schema_id = id.0, "a partition waits for its schema");
    }
}
