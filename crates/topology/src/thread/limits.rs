//! The bounds of a stream thread, with their units last in their names.

/// See `[processing]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Commit at the latest after so many records.
    pub records_per_commit_max: usize,
    /// Commit when so many bytes came of the records so far: a policy goes to every partition.
    pub output_bytes_max: usize,
    /// Commit at the latest when the first record has waited so long.
    pub commit_interval_max_ms: u64,
    /// A drained input commits at once, but not more often than this.
    pub commit_interval_min_ms: u64,
    /// Aborts of one batch before it is bisected.
    pub aborts_before_bisect: u32,
    /// Between sweeps of one thread.
    pub sweep_interval_ms: u64,
    /// Between purges of the repartition topic.
    pub purge_interval_ms: u64,
    /// Before a failed task is tried again.
    pub task_retry_ms: u64,
    /// How long a fenced thread waits for the rebalance that must follow, before it takes up its tasks again.
    pub fence_wait_ms: u64,
    /// Producers replaced in a row without a commit before the thread gives up.
    pub producer_replacements_max: u32,
    /// Retention of tombstones in the changelog: an older store is restored from nothing.
    pub tombstone_retention_ms: u64,
    /// Where a group without offsets starts on request topics.
    pub start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Earliest,
    Latest,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records_per_commit_max: 2_000,
            output_bytes_max: 64 << 20,
            commit_interval_max_ms: 100,
            commit_interval_min_ms: 2,
            aborts_before_bisect: 3,
            sweep_interval_ms: 1_000,
            purge_interval_ms: 60_000,
            task_retry_ms: 1_000,
            fence_wait_ms: 30_000,
            producer_replacements_max: 10,
            tombstone_retention_ms: 24 * 60 * 60 * 1000,
            start: Start::Earliest,
        }
    }
}
