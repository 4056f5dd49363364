//! Names for what events and commands refer to: one assignment, one unit of recovery, ranges of offsets.
//!
//! Plain values, without rules.

use crate::wire::record::SourcePartition;

/// Counts how often this thread initialised its tasks. An event that answers an earlier initialisation is ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignmentId(pub u64);

/// What is recovered as a whole after an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecoveryUnit {
    /// A task with its store and all its source partitions.
    Task(i32),
    /// A source partition without a home task: its records are only forwarded.
    Forwarder(SourcePartition),
}

/// The offsets that a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    /// The log start.
    pub start: i64,
    /// The high watermark. It includes transactions that are not decided.
    pub end: i64,
}

/// The offset ranges that recovery needs, read after the stable offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRanges {
    pub changelog: OffsetRange,
    pub sources: Vec<(SourcePartition, OffsetRange)>,
}
