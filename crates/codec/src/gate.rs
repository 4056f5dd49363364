//! The gate of each partition: closed at a record whose schema nobody knows yet, open again when somebody does.
//!
//! A record behind a closed gate is not handed on, whatever its own schema. So the order of the partition holds, and no
//! position can pass the record at the gate.
//!
//! ```text
//!                admit: id is not known                     answer: known, or definitely not
//! open ─────────────────────────────────▶ closed at offset ─────────────────────────────────▶ open, read from there
//!   ▲                                          │
//!   └──────────────────────────────────────────┘
//!      reads_from: the partition is read from elsewhere, or not any more
//! ```

use std::collections::BTreeMap;
use std::collections::HashMap;

use otp_topology::wire::record::{LeaderEpoch, SourcePartition};

use crate::framing::SchemaId;

/// Whether a record may be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// The registry does not know the schema, and said so: the record cannot be decoded.
    Refused,
    /// The gate closes at this record: pause the partition, and ask for the schema.
    Closes,
    /// The gate is closed at this record or before it.
    Held,
}

/// A partition that waits at a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub id: SchemaId,
    /// Of the record at the gate.
    pub offset: i64,
    /// Of the record at the gate: under another leader another record may lie there.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// The gates of the partitions that one member reads.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    /// Whether the registry knows a schema. Never forgotten: a registry does not give an id to another schema.
    known: HashMap<SchemaId, bool>,
    closed: BTreeMap<SourcePartition, Waiting>,
}

impl Gates {
    /// Asks for a record of a partition that is read in order.
    pub fn admit(
        &mut self,
        source: SourcePartition,
        offset: i64,
        leader_epoch: Option<LeaderEpoch>,
        id: SchemaId,
    ) -> Admission {
        if self.holds(source, offset) {
            return Admission::Held;
        }
        match self.known.get(&id) {
            Some(true) => Admission::Pass,
            Some(false) => Admission::Refused,
            None => {
                self.closed.insert(source, Waiting { id, offset, leader_epoch });
                Admission::Closes
            }
        }
    }

    /// Whether the gate is closed at this offset or before it. So nobody has read up to it.
    pub fn holds(&self, source: SourcePartition, offset: i64) -> bool {
        self.closed.get(&source).is_some_and(|waiting| offset >= waiting.offset)
    }

    /// The registry knows the schema, or definitely does not. Returns where to read on.
    pub fn answer(&mut self, id: SchemaId, is_known: bool) -> Vec<(SourcePartition, Waiting)> {
        self.known.insert(id, is_known);
        let opened: Vec<_> =
            self.closed.iter().filter(|(_, it)| it.id == id).map(|(source, it)| (*source, *it)).collect();
        for (source, _) in &opened {
            self.closed.remove(source);
        }
        opened
    }

    /// The partition is read from another offset, or is not read any more.
    pub fn reads_from_elsewhere(&mut self, source: SourcePartition) {
        self.closed.remove(&source);
    }

    /// No partition is read any more.
    pub fn clear(&mut self) {
        self.closed.clear();
    }

    /// The partitions that wait.
    pub fn waiting(&self) -> impl Iterator<Item = (SourcePartition, Waiting)> {
        self.closed.iter().map(|(source, waiting)| (*source, *waiting))
    }
}

#[cfg(test)]
mod tests {
    use otp_topology::wire::record::SourceTopic;

    use super::*;

    fn source(partition: i32) -> SourcePartition {
        SourcePartition { topic: SourceTopic(0), partition }
    }

    fn admit(gates: &mut Gates, partition: i32, offset: i64, id: u32) -> Admission {
        gates.admit(source(partition), offset, Some(LeaderEpoch(3)), SchemaId(id))
    }

    #[test]
    fn nothing_passes_a_closed_gate() {
        let mut gates = Gates::default();
        gates.answer(SchemaId(1), true);
        assert_eq!(admit(&mut gates, 0, 10, 1), Admission::Pass);
        assert_eq!(admit(&mut gates, 0, 11, 2), Admission::Closes);
        assert_eq!(admit(&mut gates, 0, 12, 1), Admission::Held);
        assert_eq!(admit(&mut gates, 0, 11, 2), Admission::Held);
        assert_eq!(admit(&mut gates, 1, 12, 1), Admission::Pass, "another partition");
        assert!(gates.holds(source(0), 13) && !gates.holds(source(0), 10) && !gates.holds(source(1), 13));
    }

    #[test]
    fn an_answer_opens_every_gate_that_waits_for_it() {
        let mut gates = Gates::default();
        for (partition, id) in [(0, 2), (1, 3), (2, 2)] {
            assert_eq!(admit(&mut gates, partition, 5, id), Admission::Closes);
        }
        let at = Waiting { id: SchemaId(2), offset: 5, leader_epoch: Some(LeaderEpoch(3)) };
        assert_eq!(gates.answer(SchemaId(2), true), [(source(0), at), (source(2), at)]);
        assert_eq!(admit(&mut gates, 0, 5, 2), Admission::Pass);
        assert_eq!(admit(&mut gates, 1, 6, 2), Admission::Held, "it waits for another schema");
        assert_eq!(gates.waiting().map(|(source, _)| source).collect::<Vec<_>>(), [source(1)]);
        assert_eq!(gates.answer(SchemaId(2), true), []);
    }

    #[test]
    fn only_a_definite_answer_refuses_a_record() {
        let mut gates = Gates::default();
        assert_eq!(admit(&mut gates, 0, 5, 2), Admission::Closes);
        assert_eq!(gates.answer(SchemaId(2), false).len(), 1);
        assert_eq!(admit(&mut gates, 0, 5, 2), Admission::Refused);
        assert_eq!(admit(&mut gates, 0, 6, 3), Admission::Closes);
    }

    #[test]
    fn a_partition_that_is_read_anew_has_no_gate() {
        let mut gates = Gates::default();
        assert_eq!(admit(&mut gates, 0, 5, 2), Admission::Closes);
        gates.reads_from_elsewhere(source(0));
        assert_eq!(admit(&mut gates, 0, 3, 2), Admission::Closes);
        gates.clear();
        assert_eq!(gates.answer(SchemaId(2), true), []);
        assert_eq!(admit(&mut gates, 0, 3, 2), Admission::Pass);
    }
}
