//! The retained batch: records between fetch and commit, and what processing them produced.
//!
//! Decides nothing: it knows how far the batch is processed.
//!
//! ```text
//!            ┌──────── processed ────────┐
//! records    │ r1 │ r2 │ r3 │ r4 │ r5 │ r6 │ r7 │ …      a commit takes the processed part; the rest stays
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::commit::{PlannedCommit, RecycledBuffers};
use super::limits::Limits;
use super::output::Output;
use crate::otp::LogTime;
use crate::task::Counters;
use crate::wire::record::{RecordBatch, SourcePartition};

/// Bytes of records at which a commit is due.
const BATCH_BYTES_MAX: usize = 16 << 20;

#[derive(Default)]
pub(super) struct RetainedBatch {
    records: RecordBatch,
    processed: usize,
    /// Of the processed records, and of sweeps and barriers, for the next commit.
    pub output: Output,
    /// The next offsets after what was processed.
    pub offsets: BTreeMap<SourcePartition, i64>,
    /// Of source partitions without a home task.
    pub counters: Counters,
    buffers: RecycledBuffers,
    /// When the first record came.
    since: LogTime,
    committed_at: LogTime,
    /// Nothing was left to read after the last record.
    is_caught_up: bool,
}

impl RetainedBatch {
    pub(super) fn append(&mut self, records: RecordBatch, is_caught_up: bool, now: LogTime) {
        if self.is_empty() {
            self.since = now;
        }
        self.records.append(records);
        self.is_caught_up = is_caught_up;
    }

    /// Nothing waits for a commit.
    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.output.outbox.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_processed(&self) -> bool {
        self.processed == self.records.len()
    }

    /// The records, and where their output goes.
    pub(super) fn parts(&mut self) -> (&RecordBatch, &mut Output) {
        (&self.records, &mut self.output)
    }

    /// The record to process next in this transaction.
    pub(super) fn next(&self, limits: &Limits) -> Option<usize> {
        let has_room = self.output.outbox.size_bytes() < limits.output_bytes_max;
        let end = self.records.len().min(limits.records_per_commit_max);
        (self.processed < end && has_room).then_some(self.processed)
    }

    /// The next record is processed.
    pub(super) fn advance(&mut self, source: SourcePartition, offset: i64) {
        assert!(self.processed < self.records.len(), "only a record of the batch is processed");
        self.offsets.insert(source, offset + 1);
        self.processed += 1;
        self.counters.count_record(source.topic);
    }

    pub(super) fn commit_due_at(&self, limits: &Limits) -> LogTime {
        let latest = self.since.plus(limits.commit_interval_max_ms);
        let soonest = self.committed_at.plus(limits.commit_interval_min_ms);
        if self.is_caught_up { latest.min(soonest) } else { latest }
    }

    pub(super) fn is_commit_due(&self, now: LogTime, limits: &Limits) -> bool {
        self.processed > 0
            && (self.records.len() >= limits.records_per_commit_max
                || self.records.size_bytes() >= BATCH_BYTES_MAX
                || self.output.outbox.size_bytes() >= limits.output_bytes_max
                || now >= self.commit_due_at(limits))
    }

    /// Takes the processed part for a commit; the rest stays.
    pub(super) fn plan(&mut self, tasks: BTreeSet<i32>) -> PlannedCommit {
        let buffers = std::mem::take(&mut self.buffers);
        let batch = self.records.split_to(std::mem::take(&mut self.processed));
        if self.records.is_empty() {
            self.records = buffers.batch;
        }
        let outbox = std::mem::replace(&mut self.output.outbox, buffers.outbox);
        PlannedCommit {
            batch,
            outbox: Arc::new(outbox),
            writers: std::mem::take(&mut self.output.writers),
            offsets: std::mem::take(&mut self.offsets),
            counters: std::mem::take(&mut self.counters),
            tasks,
        }
    }

    /// A commit has ended, and its memory is free.
    pub(super) fn committed(&mut self, buffers: RecycledBuffers, now: LogTime) {
        self.buffers = buffers;
        self.committed_at = now;
    }

    /// Forgets what processing produced. All records are to be processed again, after those of the commit that was rolled
    /// back, if there was one.
    pub(super) fn roll_back(&mut self, commit: Option<PlannedCommit>) {
        self.processed = 0;
        self.output.clear();
        self.offsets.clear();
        self.counters = Counters::default();
        if let Some(PlannedCommit { batch: mut records, .. }) = commit {
            records.append(std::mem::take(&mut self.records));
            self.records = records;
        }
    }

    /// Forgets the records, too.
    pub(super) fn clear(&mut self) {
        self.roll_back(None);
        self.records.clear();
    }

    /// Drops the records of these sources. They are read again when their sources are.
    pub(super) fn drop_records(&mut self, mut is_dropped: impl FnMut(SourcePartition) -> bool) {
        self.records.retain(|source, _| !is_dropped(source));
        if self.records.is_empty() {
            self.records.clear();
        }
        self.processed = 0;
    }
}
