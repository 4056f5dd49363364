//! The gate of each partition: closed at a record whose schema nobody knows yet, open again when somebody does.
//!
//! A record behind a closed gate is not handed on, whatever its own schema. So the order of the partition holds, and no
//! position can pass the record at the gate.
//!
//! ```text
//!            admit: nothing is known of its schema            opened: the schema is known, or definitely not
//! open ─────────────────────────────────────▶ closed at offset ─────────────────────────────────▶ open, read from there
//!   ▲                                                │
//!   └────────────────────────────────────────────────┘
//!           forget: the partition is read from elsewhere, or not any more
//! ```

use std::collections::BTreeMap;

use otp_topology::wire::record::{LeaderEpoch, SourcePartition};

use crate::framing::SchemaId;

/// What is known of a schema at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Yes,
    /// The registry definitely does not have it.
    Absent,
    /// The registry has not answered yet.
    Unknown,
}

/// Whether a record may be handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// There is no such schema: the record cannot be decoded.
    Refused,
    /// The gate closes at this record: pause the partition.
    Closes,
    /// The gate is closed at this record or before it: drop the record, it is read again.
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

/// The gates of the partitions that one member of the group reads.
#[derive(Clone, Debug, Default)]
pub struct Gates {
    closed: BTreeMap<SourcePartition, Waiting>,
}

impl Gates {
    /// Asks for the next record of a partition. `known`: whether anybody knows `at.id`.
    pub fn admit(&mut self, source: SourcePartition, at: Waiting, known: Known) -> Admission {
        if self.holds(source, at.offset) {
            return Admission::Held;
        }
        match known {
            Known::Yes => Admission::Pass,
            Known::Absent => Admission::Refused,
            Known::Unknown => {
                self.closed.insert(source, at);
                Admission::Closes
            }
        }
    }

    /// Whether the gate is closed at this offset or before it. So nobody has read up to it.
    pub fn holds(&self, source: SourcePartition, offset: i64) -> bool {
        self.closed.get(&source).is_some_and(|waiting| offset >= waiting.offset)
    }

    /// Opens the gates that wait for a schema of which `is_answered` says that it is known, or definitely not. Returns where
    /// to read on.
    pub fn open(&mut self, mut is_answered: impl FnMut(SchemaId) -> bool) -> Vec<(SourcePartition, Waiting)> {
        self.closed.extract_if(.., |_, waiting| is_answered(waiting.id)).collect()
    }

    /// The partition is read from another offset, or is not read any more.
    pub fn forget(&mut self, source: SourcePartition) {
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

    pub fn is_empty(&self) -> bool {
        self.closed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use otp_topology::wire::record::SourceTopic;

    use super::*;

    fn source(partition: i32) -> SourcePartition {
        SourcePartition { topic: SourceTopic(0), partition }
    }

    fn at(offset: i64, id: u32) -> Waiting {
        Waiting { id: SchemaId(id), offset, leader_epoch: Some(LeaderEpoch(3)) }
    }

    #[test]
    fn nothing_passes_a_closed_gate() {
        let mut gates = Gates::default();
        assert_eq!(gates.admit(source(0), at(10, 1), Known::Yes), Admission::Pass);
        assert_eq!(gates.admit(source(0), at(11, 2), Known::Unknown), Admission::Closes);
        assert_eq!(gates.admit(source(0), at(12, 1), Known::Yes), Admission::Held);
        assert_eq!(gates.admit(source(0), at(12, 3), Known::Absent), Admission::Held);
        assert_eq!(gates.admit(source(0), at(11, 2), Known::Yes), Admission::Held);
        assert_eq!(gates.admit(source(1), at(12, 1), Known::Yes), Admission::Pass, "another partition");
        assert!(gates.holds(source(0), 13) && !gates.holds(source(0), 10) && !gates.holds(source(1), 13));
    }

    #[test]
    fn an_answer_opens_every_gate_that_waits_for_it() {
        let mut gates = Gates::default();
        for (partition, id) in [(0, 2), (1, 3), (2, 2)] {
            assert_eq!(gates.admit(source(partition), at(5, id), Known::Unknown), Admission::Closes);
        }
        let is_two = |id| id == SchemaId(2);
        assert_eq!(gates.open(is_two), [(source(0), at(5, 2)), (source(2), at(5, 2))]);
        assert_eq!(gates.admit(source(0), at(5, 2), Known::Yes), Admission::Pass);
        assert_eq!(
            gates.admit(source(1), at(6, 2), Known::Yes),
            Admission::Held,
            "it waits for another schema"
        );
        assert_eq!(gates.waiting().collect::<Vec<_>>(), [(source(1), at(5, 3))]);
        assert_eq!(gates.open(is_two), []);
    }

    #[test]
    fn only_a_definite_answer_refuses_a_record() {
        let mut gates = Gates::default();
        assert_eq!(gates.admit(source(0), at(5, 2), Known::Absent), Admission::Refused);
        assert_eq!(gates.admit(source(0), at(6, 2), Known::Unknown), Admission::Closes);
        assert_eq!(gates.open(|_| true).len(), 1);
        assert_eq!(gates.admit(source(0), at(6, 2), Known::Absent), Admission::Refused);
        assert_eq!(
            gates.admit(source(0), at(7, 2), Known::Yes),
            Admission::Pass,
            "it was registered meanwhile"
        );
    }

    #[test]
    fn a_partition_that_is_read_anew_has_no_gate() {
        let mut gates = Gates::default();
        assert_eq!(gates.admit(source(0), at(5, 2), Known::Unknown), Admission::Closes);
        gates.forget(source(0));
        assert_eq!(gates.admit(source(0), at(3, 2), Known::Unknown), Admission::Closes);
        gates.clear();
        assert!(gates.is_empty());
        assert_eq!(gates.open(|_| true), []);
        assert_eq!(gates.admit(source(0), at(3, 2), Known::Yes), Admission::Pass);
    }
}
