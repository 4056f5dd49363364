//! `[processing]`: stream threads and the size of their commits.

use serde::Deserialize;

use super::Range;
use super::problem::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Processing {
    pub threads: usize,
    pub commit_interval_min_ms: u64,
    pub commit_interval_max_ms: u64,
    pub records_per_commit_max: usize,
    /// Where request topics begin at the very first start of an application id.
    pub start: Start,
    /// Request topics without LogAppendTime are served, with a warning.
    pub accept_create_time: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    Earliest,
    Latest,
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
                format!("above commit_interval_max_ms ({})", self.commit_interval_max_ms),
                "lower it, or raise processing.commit_interval_max_ms",
            );
        }
    }
}
