//! What a stream thread wants done. The driver performs the commands in order and answers those that have an answer.

use super::assignment::AssignmentId;
use super::event::Unit;
use crate::otp::LogTime;
use crate::state::WriteBatch;
use crate::task::Counters;
use crate::wire::record::SourcePartition;

#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Take over these partitions, paused.
    Assign(Vec<SourcePartition>),
    /// Give all partitions back; every restore has ended before.
    Unassign,
    /// Start fetching at these offsets.
    Resume(Vec<(SourcePartition, i64)>),
    Pause(Vec<SourcePartition>),

    /// Open the task's store; answered by `Opened`.
    Open {
        assignment: AssignmentId,
        task: i32,
    },
    /// Delete the task's store and open a blank one; answered by `Opened`.
    Wipe {
        assignment: AssignmentId,
        task: i32,
    },
    /// Answered by `Stable`. Off the polling path, like the next two.
    AskStable {
        assignment: AssignmentId,
        unit: Unit,
        sources: Vec<SourcePartition>,
    },
    /// Answered by `Extents`; never before the answer to `AskStable` is there.
    AskExtents {
        assignment: AssignmentId,
        unit: Unit,
        sources: Vec<SourcePartition>,
    },
    /// Replay the changelog into the store; answered by `Restored`.
    Restore {
        assignment: AssignmentId,
        task: i32,
        from: i64,
        bound: i64,
    },
    /// End every restore of the assignment, and wait for its end.
    CancelRecovery,
    /// Keep only the database handle: the task's state is not to be read before it is recovered.
    Suspend {
        task: i32,
    },
    /// Answered by `Probed`.
    Probe {
        assignment: AssignmentId,
        asked_at: LogTime,
        sources: Vec<SourcePartition>,
    },
    /// Delete what was consumed of the repartition topic; no answer.
    Purge {
        partition: i32,
        before: i64,
    },

    Begin,
    /// Produce the outbox's records from the `from`th on; the producer may take its time with them until the offsets are
    /// sent.
    Produce {
        from: usize,
    },
    /// The generation is that of the assignment in which the tasks were taken up.
    SendOffsets {
        offsets: Vec<(SourcePartition, i64)>,
        generation: i32,
    },
    Commit,
    Abort,
    /// A new producer with the same id: fences the old one and settles its transaction.
    ReplaceProducer,
    /// One write batch, after the commit.
    Write {
        task: i32,
        batch: WriteBatch,
    },

    /// Something an operator should know; no answer.
    Report(Report),
    /// This thread cannot go on.
    Fail(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    Committed {
        counters: Box<Counters>,
        records: usize,
    },
    Aborted {
        reason: String,
    },
    Fenced,
    UnknownOutcome {
        reason: String,
    },
    TaskReady {
        task: i32,
        restored: u64,
    },
    TaskFailed {
        task: i32,
        reason: String,
    },
    /// Retention passed the position: these records are gone unread.
    Lost {
        source: SourcePartition,
        records: i64,
    },
    /// The positions in this topic are void: it was recreated, or the cluster is another one.
    PositionsVoid {
        topic: String,
    },
    /// The store is rebuilt from the changelog.
    Wiped {
        task: i32,
        reason: String,
    },
    /// A record whose transaction failed again and again went to the dead letters.
    Poison {
        source: SourcePartition,
        offset: i64,
    },
}
