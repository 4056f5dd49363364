//! `[processing]`: stream threads and the size of their commits.

use otp_topology::thread::Start;
use serde::Deserialize;

use super::Range;
use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    pub threads: usize,
    pub commit_interval_min_ms: u64,
    pub commit_interval_max_ms: u64,
    pub records_per_commit_max: usize,
    /// Where an application id starts to read its request topics for the first time.
    pub start: Start,
    /// Request topics without `LogAppendTime` are accepted, with a warning.
    pub accept_create_time: bool,
}

pub(super) const RANGES: &[Range] = &[
    Range("processing.threads", 1, 256),
    Range("processing.commit_interval_min_ms", 0, 5_000),
    Range("processing.commit_interval_max_ms", 1, 5_000),
    Range("processing.records_per_commit_max", 1, 100_000),
];

impl Processing {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.commit_interval_min_ms > self.commit_interval_max_ms {
            found.add(
                "processing.commit_interval_min_ms",
                format!("larger than commit_interval_max_ms ({})", self.commit_interval_max_ms),
                "lower it, or raise processing.commit_interval_max_ms",
            );
        }
    }
}
