//! One restore: what the changelog tells goes into the store in large runs, with signs of progress.
//!
//! Knows neither the reader nor when it is no longer wanted.

use otp_topology::otp::LogTime;
use otp_topology::task::ChangelogFold;

use super::clock::wall;
use super::progress::{Progress, Restoring};
use super::stores::TaskHandle;
use crate::kafka::Replayed;

/// What is collected before it is written, in bytes. The fewer and larger the runs, the less is left to compact.
const RUN_BYTES: usize = 60 << 20;
/// One record at the end, so that the memory does not double.
const RUN_ROOM_BYTES: usize = RUN_BYTES + (4 << 20);
/// Between two signs of progress.
const STEP_RECORDS: u64 = 5_000;
/// Without anything new for this long it says what it waits for.
const QUIET_MAX_MS: u64 = 15_000;
/// Without anything new for this long the task fails.
const DEADLINE_MS: u64 = 120_000;

pub(super) struct Restore<'a> {
    task: i32,
    topic: &'a str,
    bound: i64,
    store: &'a TaskHandle,
    restorer: ChangelogFold,
    bar: Restoring,
    shown: u64,
    /// What was left when last nothing came, and since when it is so.
    remaining: u64,
    moved_at: LogTime,
    told: bool,
}

impl<'a> Restore<'a> {
    /// `restorer` leads from the store's position to `bound`; `topic` is told to people.
    pub fn new(
        task: i32,
        topic: &'a str,
        bound: i64,
        restorer: ChangelogFold,
        store: &'a TaskHandle,
        progress: &Progress,
    ) -> Self {
        let bar = progress.begin(task, restorer.remaining());
        let (remaining, moved_at) = (restorer.remaining(), wall());
        let restorer = restorer.with_room(RUN_ROOM_BYTES);
        Self { task, topic, bound, store, restorer, bar, shown: 0, remaining, moved_at, told: false }
    }

    pub fn restored(&self) -> u64 {
        self.restorer.restored()
    }

    /// Takes what the reader came upon; whether the store has all of it.
    ///
    /// # Errors
    /// A record cannot be read, the store cannot be written, or nothing has come for too long.
    pub fn take(&mut self, replayed: Replayed<'_>) -> Result<bool, String> {
        match replayed {
            Replayed::Record { offset, key, value } => {
                let read = self.restorer.record(offset, Some(key), value);
                read.map_err(|error| error.to_string())?;
            }
            Replayed::End { offset } => self.restorer.end(offset),
            Replayed::Idle => self.check_quiet()?,
        }
        let is_reached = self.restorer.is_reached();
        if is_reached || self.restorer.size_bytes() >= RUN_BYTES {
            self.store.load(self.restorer.writes(wall())).map_err(|error| error.to_string())?;
            self.restorer.written();
        }
        if is_reached || self.restorer.restored() - self.shown >= STEP_RECORDS {
            self.bar.advance(self.restorer.restored() - self.shown, self.restorer.remaining());
            self.shown = self.restorer.restored();
        }
        Ok(is_reached)
    }

    fn check_quiet(&mut self) -> Result<(), String> {
        let Self { task, topic, bound, .. } = *self;
        if self.restorer.remaining() < self.remaining {
            (self.remaining, self.moved_at) = (self.restorer.remaining(), wall());
        }
        let quiet_ms = wall().since(self.moved_at);
        if quiet_ms > QUIET_MAX_MS && !self.told {
            self.told = true;
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

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.store.loaded() {
            tracing::error!(task = self.task, %error, "the restored store is not compacted until it is opened again");
        }
    }
}
