//! The retained batch: records between fetch and commit, and what processing them produced.
//!
//! Decides nothing: it knows how far the batch is processed, and where a bisected batch stops.
//!
//! ```text
//!            ┌──────── processed ────────┐
//! records    │ r1 │ r2 │ r3 │ r4 │ r5 │ r6 │ r7 │ …      a commit takes the processed part; the rest stays
//! bisected   │    r1 … r3   ▲ stop                       after aborts a transaction takes half, then a quarter, …
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::commit::{PlannedCommit, RecycledBuffers};
use super::limits::Limits;
use crate::otp::LogTime;
use crate::task::Counters;
use crate::wire::outbox::Outbox;
use crate::wire::record::{RecordBatch, SourcePartition};

/// Bytes of records at which a commit is due.
const BATCH_BYTES_MAX: usize = 16 << 20;

#[derive(Default)]
pub(super) struct RetainedBatch {
    records: RecordBatch,
    processed: usize,
    /// Where the transaction stops while the batch is bisected.
    stop: Option<usize>,
    /// Consecutive aborts of the batch whose reason was not ownership.
    aborts: u32,
    /// Output of the processed records, and of sweeps and barriers, for the next commit.
    pub outbox: Outbox,
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
        self.records.is_empty() && self.outbox.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn is_processed(&self) -> bool {
        self.processed == self.records.len()
    }

    pub(super) fn is_bisected(&self) -> bool {
        self.stop.is_some()
    }

    /// The records, and where their output goes.
    pub(super) fn parts(&mut self) -> (&RecordBatch, &mut Outbox) {
        (&self.records, &mut self.outbox)
    }

    /// The record to process next in this transaction.
    pub(super) fn next(&self, limits: &Limits) -> Option<usize> {
        let has_room = self.outbox.size_bytes() < limits.output_bytes_max;
        (self.processed < self.end(limits) && has_room).then_some(self.processed)
    }

    /// The record at `at` stands alone in its transaction, and that was aborted every time.
    pub(super) fn is_poison(&self, at: usize, limits: &Limits) -> bool {
        self.stop == Some(at + 1) && self.aborts >= limits.aborts_before_bisect
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
            && (self.is_bisected()
                || self.records.len() >= limits.records_per_commit_max
                || self.records.size_bytes() >= BATCH_BYTES_MAX
                || self.outbox.size_bytes() >= limits.output_bytes_max
                || now >= self.commit_due_at(limits))
    }

    /// Takes the processed part for a commit; the rest stays.
    pub(super) fn plan(&mut self, tasks: BTreeSet<i32>) -> PlannedCommit {
        let buffers = std::mem::take(&mut self.buffers);
        let batch = self.records.split_to(std::mem::take(&mut self.processed));
        if self.records.is_empty() {
            self.records = buffers.batch;
        }
        PlannedCommit {
            batch,
            outbox: Arc::new(std::mem::replace(&mut self.outbox, buffers.outbox)),
            offsets: std::mem::take(&mut self.offsets),
            counters: std::mem::take(&mut self.counters),
            tasks,
        }
    }

    /// A commit has ended, and its memory is free.
    pub(super) fn committed(&mut self, buffers: RecycledBuffers, now: LogTime) {
        self.buffers = buffers;
        (self.stop, self.aborts) = (None, 0);
        self.committed_at = now;
    }

    /// Forgets what processing produced. All records are to be processed again, after those of the commit that was rolled
    /// back, if there was one.
    pub(super) fn roll_back(&mut self, commit: Option<PlannedCommit>) {
        self.processed = 0;
        self.outbox.clear();
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
        (self.stop, self.aborts) = (None, 0);
    }

    /// Counts an abort that is not about ownership. After some of them the transaction takes half of the records, and so on,
    /// until the record that no transaction can carry stands alone.
    pub(super) fn count_abort(&mut self, limits: &Limits) {
        self.aborts += 1;
        let part = self.end(limits);
        if self.aborts >= limits.aborts_before_bisect && part > 0 {
            if part > 1 {
                self.stop = Some(part / 2);
                self.aborts = limits.aborts_before_bisect - 1;
            } else {
                self.stop = Some(1);
            }
        }
    }

    /// Drops the records of these sources. They are read again when their task is initialised.
    pub(super) fn drop_records(&mut self, is_dropped: impl Fn(SourcePartition) -> bool) {
        let before = self.records.len();
        self.records.retain(|source, _| !is_dropped(source));
        self.processed = 0;
        if self.records.len() < before {
            // It is another batch, so bisecting starts again.
            self.stop = None;
        }
    }

    /// Where processing stops for this transaction.
    fn end(&self, limits: &Limits) -> usize {
        self.stop.unwrap_or_else(|| self.records.len().min(limits.records_per_commit_max))
    }
}
