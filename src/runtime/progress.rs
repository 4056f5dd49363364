//! Progress of restores: a bar on a terminal, lines in a log, and the metrics.

use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::telemetry::Metrics;

#[derive(Clone)]
pub(super) struct Progress {
    metrics: Arc<Metrics>,
    bars: MultiProgress,
}

/// One restore.
pub(super) struct Restoring {
    task: i32,
    metrics: Arc<Metrics>,
    bar: ProgressBar,
}

impl Progress {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, bars: MultiProgress::new() }
    }

    pub fn begin(&self, task: i32, records: u64) -> Restoring {
        let style = "restore task {prefix} [{bar:30}] {human_pos}/{human_len} records, {per_sec}, {eta} left";
        let style = ProgressStyle::with_template(style).expect("a constant template");
        let bar = self.bars.add(ProgressBar::new(records)).with_style(style.progress_chars("=> "));
        bar.set_prefix(task.to_string());
        self.metrics.set_restore_remaining(task, records);
        tracing::info!(task, records, "restoring from the changelog");
        Restoring { task, metrics: self.metrics.clone(), bar }
    }
}

impl Restoring {
    pub fn advance(&self, records: u64, remaining: u64) {
        self.bar.inc(records);
        self.metrics.restored(self.task, records);
        self.metrics.set_restore_remaining(self.task, remaining);
    }
}

impl Drop for Restoring {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.metrics.forget_restore(self.task);
    }
}
