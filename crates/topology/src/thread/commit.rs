//! A planned commit: what the open transaction carries, apart from what is processed while it is in flight.
//!
//! There is at most one. It ends with the acknowledgement of the commit, or it is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::output::Writers;
use crate::task::Counters;
use crate::wire::outbox::Outbox;
use crate::wire::record::{RecordBatch, SourcePartition};

#[derive(Default)]
pub(super) struct PlannedCommit {
    /// Its records. They run again if it is rolled back.
    pub batch: RecordBatch,
    /// Shared with the thread that produces it.
    pub outbox: Arc<Outbox>,
    /// Of the outbox.
    pub writers: Writers,
    /// The next offsets after its records.
    pub offsets: BTreeMap<SourcePartition, i64>,
    /// The tasks that it writes for. Only the end of the commit touches their planned writes.
    pub tasks: BTreeSet<i32>,
    /// Of the source partitions without a home task.
    pub counters: Counters,
}

/// The memory of a commit that has ended, to be filled again.
#[derive(Default)]
pub(super) struct RecycledBuffers {
    pub batch: RecordBatch,
    pub outbox: Outbox,
}

impl PlannedCommit {
    pub(super) fn into_buffers(self) -> RecycledBuffers {
        let (mut batch, mut outbox) = (self.batch, Arc::into_inner(self.outbox).unwrap_or_default());
        batch.clear();
        outbox.clear();
        RecycledBuffers { batch, outbox }
    }
}
