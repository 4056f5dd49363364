//! Progress of restores: a bar on a terminal, a line in the log every few seconds, and the metrics.
//!
//! Restores nothing itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

use super::clock::now;
use crate::telemetry::Metrics;

/// Between two lines in the log about one restore.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// A restore of fewer records is too short for a line of its own; a member has hundreds of them when it takes over.
const LOGGED_RECORDS_MIN: u64 = 10_000;

/// Shared by all stream threads, so that their bars stand one below the other.
#[derive(Clone)]
pub(crate) struct Progress {
    metrics: Arc<Metrics>,
    bars: MultiProgress,
}

/// One restore.
pub(super) struct RestoreProgress {
    task: i32,
    metrics: Arc<Metrics>,
    bar: ProgressBar,
    restored: u64,
    begun: Instant,
    moved: Instant,
    logged: Instant,
}

impl Progress {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, bars: MultiProgress::new() }
    }

    pub(super) fn begin(&self, task: i32, records: u64) -> RestoreProgress {
        if records >= LOGGED_RECORDS_MIN {
            tracing::info!(task, records, "restoring from the changelog");
        }
        let style = "restore task {prefix} [{bar:30}] {human_pos}/{human_len} records, {msg}/s, {eta} left";
        let style = ProgressStyle::with_template(style).expect("a constant template");
        let bar = self.bars.add(ProgressBar::new(records)).with_style(style.progress_chars("=> "));
        bar.set_prefix(task.to_string());
        self.metrics.set_restore_remaining(task, records);
        let now = now();
        let metrics = self.metrics.clone();
        RestoreProgress { task, metrics, bar, restored: 0, begun: now, moved: now, logged: now }
    }
}

impl RestoreProgress {
    /// This many more records are read, and at most `remaining` are left.
    pub(super) fn advance(&mut self, records: u64, remaining: u64) {
        let now = now();
        self.restored += records;
        let records_per_s = self.records_per_s(now);
        self.bar.set_message(HumanCount(records_per_s).to_string());
        self.bar.inc(records);
        self.metrics.restored(self.task, records, (now - self.moved).as_secs_f64());
        self.metrics.set_restore_remaining(self.task, remaining);
        self.metrics.set_restore_rate(self.task, records_per_s);
        self.moved = now;
        if now - self.logged >= LINE_INTERVAL {
            self.logged = now;
            let (task, restored) = (self.task, self.restored);
            self.bar.suspend(|| tracing::info!(task, restored, remaining, records_per_s, "restoring"));
        }
    }

    fn records_per_s(&self, now: Instant) -> u64 {
        (self.restored as f64 / (now - self.begun).as_secs_f64().max(0.001)) as u64
    }
}

impl Drop for RestoreProgress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.metrics.forget_restore(self.task);
        let (task, restored, records_per_s) = (self.task, self.restored, self.records_per_s(self.moved));
        if restored >= LOGGED_RECORDS_MIN {
            tracing::info!(task, restored, records_per_s, "the restore has ended");
        }
    }
}
