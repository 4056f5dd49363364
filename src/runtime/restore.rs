//! One run of a restore: the changelog's records go into the store in large batches, and the progress is shown.
//!
//! Knows neither the reader nor when the run is no longer wanted.

use otp_topology::otp::LogTime;
use otp_topology::task::ChangelogFold;

use super::clock::wall;
use super::progress::{Progress, RestoreProgress};
use super::stores::TaskHandle;
use crate::kafka::{Replayed, TRANSACTION_TIMEOUT_MS};

/// Bytes that are collected before they are written. The fewer and larger the batches, the less is left to compact.
const BATCH_BYTES: usize = 60 << 20;
/// With room for one more record, so that the memory does not double.
pub(super) const RUN_BYTES: usize = BATCH_BYTES + (4 << 20);
/// What most changelog records need less than.
const RECORD_BYTES: usize = 1 << 10;
/// Records between two updates of the progress.
const STEP_RECORDS: u64 = 5_000;
/// If nothing new comes for this long, the log says what the restore waits for.
const QUIET_MAX_MS: u64 = 15_000;
/// If nothing new comes for this long, the task fails.
const DEADLINE_MS: u64 = 120_000;

// A transaction of a process that crashed ends by its time-out: that is no reason to complain.
const _: () = assert!((TRANSACTION_TIMEOUT_MS as u64) < QUIET_MAX_MS && QUIET_MAX_MS < DEADLINE_MS);

pub(super) struct RestoreRun<'a> {
    task: i32,
    topic: &'a str,
    bound: i64,
    store: TaskHandle,
    fold: ChangelogFold,
    progress: RestoreProgress,
    shown: u64,
    /// What remained when the run was last seen to move, and when that was.
    remaining: u64,
    moved_at: LogTime,
    is_quiet_logged: bool,
}

impl<'a> RestoreRun<'a> {
    /// `fold` leads from the store's position to `bound`. `topic` is for texts.
    pub(super) fn new(
        task: i32,
        topic: &'a str,
        bound: i64,
        fold: ChangelogFold,
        store: TaskHandle,
        progress: &Progress,
    ) -> Self {
        let progress = progress.begin(task, fold.remaining());
        let (remaining, moved_at) = (fold.remaining(), wall());
        let fold = fold.with_room(room_for(remaining));
        Self {
            task,
            topic,
            bound,
            store,
            fold,
            progress,
            shown: 0,
            remaining,
            moved_at,
            is_quiet_logged: false,
        }
    }

    pub(super) fn restored(&self) -> u64 {
        self.fold.restored()
    }

    /// Takes what the reader found. Returns whether the store is complete.
    ///
    /// # Errors
    /// A record cannot be read, the store cannot be written, or nothing has come for too long.
    pub(super) fn take(&mut self, replayed: Replayed<'_>) -> Result<bool, String> {
        match replayed {
            Replayed::Record { offset, key, value } => {
                let read = self.fold.record(offset, Some(key), value);
                read.map_err(|error| error.to_string())?;
            }
            Replayed::End { offset } => self.fold.end(offset),
            Replayed::Idle => self.check_quiet()?,
        }
        let is_reached = self.fold.is_reached();
        if is_reached || self.fold.size_bytes() >= BATCH_BYTES {
            self.store.load(self.fold.writes(wall())).map_err(|error| error.to_string())?;
            self.fold.written();
        }
        if is_reached || self.fold.restored() - self.shown >= STEP_RECORDS {
            self.progress.advance(self.fold.restored() - self.shown, self.fold.remaining());
            self.shown = self.fold.restored();
        }
        Ok(is_reached)
    }

    fn check_quiet(&mut self) -> Result<(), String> {
        let Self { task, topic, bound, .. } = *self;
        if self.fold.remaining() < self.remaining {
            (self.remaining, self.moved_at) = (self.fold.remaining(), wall());
        }
        let quiet_ms = wall().since(self.moved_at);
        if quiet_ms > QUIET_MAX_MS && !self.is_quiet_logged {
            self.is_quiet_logged = true;
            tracing::warn!(
                task,
                topic,
                bound,
                "the restore waits for an open transaction in the changelog; it ends with its transaction.timeout.ms"
            );
        }
        if quiet_ms > DEADLINE_MS {
            return Err(format!(
                "the restore of task {task} stands still before offset {bound} of `{topic}`: a hanging transaction; find \
                 it with kafka-transactions.sh find-hanging and abort it"
            ));
        }
        Ok(())
    }
}

/// Bytes that are enough for most runs of this many records, so that their batch is not copied while it grows.
fn room_for(records: u64) -> usize {
    usize::try_from(records).unwrap_or(usize::MAX).saturating_mul(RECORD_BYTES).min(RUN_BYTES)
}

impl Drop for RestoreRun<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.store.loaded() {
            tracing::error!(task = self.task, %error, "the restored store is not compacted until it is opened again");
        }
    }
}
