//! The limits of a stream thread, with their units last in their names.

/// See `[processing]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A commit is due at this many records.
    pub records_per_commit_max: usize,
    /// A commit is due at this many bytes of output. A policy goes to every partition, so a few records may have much output.
    pub output_bytes_max: usize,
    /// A commit is due when the first record has waited this long.
    pub commit_interval_max_ms: u64,
    /// Minimum time between two commits. When nothing is left to read, a commit is due immediately, but not sooner than this.
    pub commit_interval_min_ms: u64,
    /// Between sweeps of one thread.
    pub sweep_interval_ms: u64,
    /// Between purges of the repartition topic.
    pub purge_interval_ms: u64,
    /// Before a failed task is tried again.
    pub task_retry_ms: u64,
    /// The first and the longest pause before what the cluster refuses is tried again. Each pause is twice the one before.
    pub pause_min_ms: u64,
    pub pause_max_ms: u64,
    /// A refusal is over when a commit has succeeded and nothing was refused for this long. A refusal may take as long as a
    /// record may wait for its delivery.
    pub refusal_quiet_ms: u64,
    /// How long a fenced thread waits for the rebalance that must follow, before it initialises its tasks again.
    pub fence_wait_ms: u64,
    /// Consecutive producers none of which ends a transaction, before the thread gives up. One that the cluster refuses is
    /// not counted.
    pub producer_replacements_max: u32,
    /// Retention of tombstones in the changelog. A store that is older is rebuilt from the whole changelog.
    pub tombstone_retention_ms: u64,
    /// Where a group without offsets starts on request topics.
    pub start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    Earliest,
    Latest,
}

impl Limits {
    pub const DEFAULT: Self = Self {
        records_per_commit_max: 2_000,
        output_bytes_max: 64 << 20,
        commit_interval_max_ms: 100,
        commit_interval_min_ms: 2,
        sweep_interval_ms: 1_000,
        purge_interval_ms: 60_000,
        task_retry_ms: 1_000,
        pause_min_ms: 500,
        pause_max_ms: 10_000,
        refusal_quiet_ms: 10_000,
        fence_wait_ms: 30_000,
        producer_replacements_max: 10,
        tombstone_retention_ms: 24 * 60 * 60 * 1000,
        start: Start::Earliest,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

const _: () = {
    let limits = Limits::DEFAULT;
    assert!(limits.records_per_commit_max > 0, "a commit must be able to carry a record");
    assert!(limits.commit_interval_min_ms < limits.commit_interval_max_ms);
    assert!(
        limits.commit_interval_max_ms < limits.sweep_interval_ms,
        "a sweep waits for the commit of a batch"
    );
    assert!(limits.sweep_interval_ms < limits.purge_interval_ms);
    assert!(limits.task_retry_ms < limits.fence_wait_ms);
    assert!(0 < limits.pause_min_ms && limits.pause_min_ms < limits.pause_max_ms);
    // Offsets into an outbox are 32 bits. One record's output comes on top of the limit.
    assert!(limits.output_bytes_max < u32::MAX as usize / 4);
};
