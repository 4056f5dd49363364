//! What happens to a stream thread.

use super::assignment::AssignmentId;
use crate::otp::LogTime;
use crate::wire::record::{RecordBatch, SourcePartition};

/// How a transactional call ended, by who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The transaction cannot be committed, and can be aborted.
    Abortable(String),
    /// The group no longer knows this member, this generation or this instance: another owns the tasks, or will.
    FencedByGroup,
    /// Nobody can say whether it happened: a time-out, a fatal error, a newer epoch of this producer's id.
    Unknown(String),
}

/// The offsets at which a partition begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The log start.
    pub start: i64,
    /// The high watermark (uncommitted transactions included).
    pub end: i64,
}

/// What recovery asks after the stable offsets are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extents {
    pub changelog: Extent,
    pub sources: Vec<(SourcePartition, Extent)>,
}

/// What a unit of recovery is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    Task(i32),
    /// A source partition without a home task.
    Forwarder(SourcePartition),
}

#[derive(Debug)]
pub enum Event<S> {
    /// Records in the order of the fetch; `drained`: nothing more to poll right now.
    Fetched {
        batch: RecordBatch,
        drained: bool,
    },
    /// A source partition has nothing up to this offset (control records included).
    ReachedEnd {
        source: SourcePartition,
        offset: i64,
    },
    /// The position of a source partition is no longer in its log.
    OutOfRange {
        source: SourcePartition,
    },
    /// Time passes.
    Tick,
    /// The group assigned these source partitions, all there are.
    Assigned {
        partitions: Vec<SourcePartition>,
        generation: i32,
    },
    /// Inside the callback: the assignment ends. `lost`: it has ended already, another may own the tasks.
    Revoked {
        lost: bool,
    },
    /// The process is about to stop.
    Stop,

    // Answers to commands about tasks; those of an earlier assignment are ignored.
    Opened {
        assignment: AssignmentId,
        task: i32,
        result: Result<S, String>,
    },
    Stable {
        assignment: AssignmentId,
        unit: Unit,
        result: Result<Vec<(SourcePartition, Option<i64>)>, String>,
    },
    Extents {
        assignment: AssignmentId,
        unit: Unit,
        result: Result<Extents, String>,
    },
    Restored {
        assignment: AssignmentId,
        task: i32,
        result: Result<u64, String>,
    },
    /// The ends of inputs, asked at a wall time.
    Probed {
        assignment: AssignmentId,
        asked_at: LogTime,
        ends: Vec<(SourcePartition, i64)>,
    },

    // Answers to transactional commands, in the order of the commands.
    Began(Outcome),
    Produced(Outcome),
    OffsetsSent(Outcome),
    /// `changelog_next`: per task, the offset after the last changelog record whose delivery was reported.
    Committed {
        outcome: Outcome,
        changelog_next: Vec<(i32, i64)>,
    },
    Aborted(Outcome),
    ProducerReplaced(Result<(), String>),
    Written {
        task: i32,
        result: Result<(), String>,
    },
}
