//! What a simulated process knows of schemas: requests count as Avro, with a new schema after every few records, and the
//! registry answers whenever it likes.
//!
//! The gates are those of production. Values stay JSON: what is simulated is the order in which records are handed on.

use std::collections::BTreeSet;

use otp_codec::{Admission, Gates, Known, SchemaId, Waiting};
use otp_topology::wire::record::SourcePartition;

/// How many records of a partition have the same schema.
const RECORDS_PER_SCHEMA: i64 = 16;

/// One of so many polls brings the registry's answer.
const POLLS_PER_ANSWER: u32 = 8;

pub(crate) struct Schemas {
    /// For the life of the process.
    known: BTreeSet<SchemaId>,
    gates: Gates,
    /// Of its own, so that seeds mean what they mean without gates.
    dice: fastrand::Rng,
}

impl Schemas {
    pub(crate) fn new(process: usize) -> Self {
        let dice = fastrand::Rng::with_seed(process as u64);
        // The first one is known: bugs that show only right after the start are not hidden.
        Self { known: BTreeSet::from([SchemaId(0)]), gates: Gates::default(), dice }
    }

    /// Whether a record may be handed on. If not, the partition waits at it.
    pub(crate) fn admits(&mut self, source: SourcePartition, offset: i64) -> bool {
        let id = SchemaId((offset / RECORDS_PER_SCHEMA) as u32);
        let known = if self.known.contains(&id) { Known::Yes } else { Known::Unknown };
        match self.gates.admit(source, Waiting { id, offset, leader_epoch: None }, known) {
            Admission::Pass => true,
            Admission::Closes | Admission::Held => false,
            Admission::Refused => unreachable!("the registry has every schema"),
        }
    }

    /// A poll: perhaps the registry has answered. Returns where to read on.
    pub(crate) fn poll(&mut self) -> Vec<(SourcePartition, i64)> {
        for (_, waiting) in self.gates.waiting() {
            if self.dice.u32(..POLLS_PER_ANSWER) == 0 {
                self.known.insert(waiting.id);
            }
        }
        let opened = self.gates.open(|id| self.known.contains(&id));
        opened.into_iter().map(|(source, waiting)| (source, waiting.offset)).collect()
    }

    /// The partition is read from elsewhere.
    pub(crate) fn forget(&mut self, source: SourcePartition) {
        self.gates.forget(source);
    }

    /// No partition is read any more.
    pub(crate) fn clear(&mut self) {
        self.gates.clear();
    }
}
