//! A commit under way: what the open transaction carries, apart from what is decided meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::task::Counters;
use crate::wire::outbox::Outbox;
use crate::wire::record::{RecordBatch, SourcePartition};

/// Made by `finish`, ended by the answer to the commit, or taken back. There is one at most.
#[derive(Default)]
pub(super) struct Plan {
    /// Its records; they run again if it is taken back.
    pub batch: RecordBatch,
    /// Shared with whoever hands it to the producer.
    pub outbox: Arc<Outbox>,
    /// Records of the outbox that are with the producer.
    pub sent: usize,
    /// Next offsets of its records.
    pub offsets: BTreeMap<SourcePartition, i64>,
    /// The tasks that it writes for. Nothing but its end touches them.
    pub tasks: BTreeSet<i32>,
    /// Forwarded by source partitions without a home task.
    pub counters: Counters,
}

/// The memory of a commit that has ended, to be filled again.
#[derive(Default)]
pub(super) struct Spare {
    pub batch: RecordBatch,
    pub outbox: Outbox,
}

impl Plan {
    pub fn into_spare(self) -> Spare {
        let (mut batch, mut outbox) = (self.batch, Arc::into_inner(self.outbox).unwrap_or_default());
        batch.clear();
        outbox.clear();
        Spare { batch, outbox }
    }
}
