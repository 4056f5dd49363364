//! What a stream thread asks its driver to do, grouped by who does it.
//!
//! ```text
//! Command ─┬─ Fetch ──────── the consumer          no event follows
//!          ├─ Ask ────────── the worker thread     its event comes at any later time
//!          ├─ Call ───────── the producer          exactly one event ends a call; one call at a time
//!          ├─ Store ──────── the state store       its event follows immediately
//!          └─ Report, Fail ─ the log, the metrics  no event follows
//! ```
//!
//! The driver performs commands in their order.

use super::ids::{AssignmentId, RecoveryUnit};
use super::report::ThreadReport;
use crate::otp::LogTime;
use crate::state::WriteBatch;
use crate::wire::record::{LeaderEpoch, SourcePartition};

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Fetch(Fetch),
    Ask(Question),
    /// Drop the questions of the current assignment, stop a restore that runs, and wait until it has stopped. A purge is
    /// not dropped.
    CancelQuestions,
    Call(Call),
    Store(StoreOperation),
    Report(ThreadReport),
    /// This thread cannot go on, and why.
    Fail(String),
}

/// For the consumer.
#[derive(Clone, Debug, PartialEq)]
pub enum Fetch {
    /// Start fetching here.
    Resume(Vec<ReadFrom>),
    Pause(Vec<SourcePartition>),
}

/// Where the reading of a source partition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadFrom {
    pub source: SourcePartition,
    pub offset: i64,
    /// Of the record before that offset, if it was read. If the log has another record there, the position is answered by
    /// `Event::OutOfRange`.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// For the worker thread: everything that waits for brokers and must not delay the poll loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// The group's stable offsets. Answered by `Event::StableOffsets`.
    StableOffsets { assignment: AssignmentId, unit: RecoveryUnit, sources: Vec<SourcePartition> },
    /// The offset ranges of the changelog and of these sources. Asked only when the stable offsets are known. Answered by
    /// `Event::OffsetRanges`.
    OffsetRanges { assignment: AssignmentId, unit: RecoveryUnit, sources: Vec<SourcePartition> },
    /// Replay the changelog into the task's store, up to `bound`. Answered by `Event::Restored`.
    Restore { assignment: AssignmentId, task: i32, from: i64, bound: i64 },
    /// The ends of these inputs. Answered by `Event::InputEnds`.
    InputEnds { assignment: AssignmentId, asked_at: LogTime, sources: Vec<SourcePartition> },
    /// Delete the consumed part of a partition of the repartition topic. Not answered.
    Purge { partition: i32, before: i64 },
}

impl Question {
    /// The assignment whose end makes the question void; `None` for a purge, which stays useful.
    pub fn assignment(&self) -> Option<AssignmentId> {
        match self {
            Self::StableOffsets { assignment, .. }
            | Self::OffsetRanges { assignment, .. }
            | Self::Restore { assignment, .. }
            | Self::InputEnds { assignment, .. } => Some(*assignment),
            Self::Purge { .. } => None,
        }
    }
}

/// A call on the transactional producer.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    Begin,
    /// The outbox has records that were not offered before. The driver may produce any of them now or later, but must have
    /// produced all of them before it sends the offsets.
    Offer,
    /// The ownership fence. `generation` is that of the assignment in which the tasks were initialised.
    SendOffsets {
        offsets: Vec<(SourcePartition, i64)>,
        generation: i32,
    },
    Commit,
    Abort,
    /// Make a new producer with the same transactional id. It fences the old producer and settles its transaction.
    ReplaceProducer,
}

/// For the store of one task.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreOperation {
    /// Open the store. Answered by `Event::Opened`.
    Open { assignment: AssignmentId, task: i32 },
    /// Delete the store and open a blank one. Answered by `Event::Opened`.
    Wipe { assignment: AssignmentId, task: i32 },
    /// Write one batch. Answered by `Event::Written`.
    Write { task: i32, batch: WriteBatch },
}
