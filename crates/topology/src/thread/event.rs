//! What happens to a stream thread: records, rebalances, time, and the answers to its commands.

use super::ids::{AssignmentId, OffsetRanges, RecoveryUnit};
use crate::otp::LogTime;
use crate::wire::outbox::OutputTopic;
use crate::wire::record::{RecordBatch, SourcePartition};

/// How a transactional call ended, by who must act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    Done,
    /// The cluster does not take what the transaction carries: it must change its mind. Meanwhile the transaction can be
    /// aborted, and its records run again later.
    Refused(Refusal),
    /// The group no longer knows this member, this generation or this instance: the group must rebalance.
    FencedByGroup,
    /// Nobody can say whether the call took effect (a time-out, a fatal error, a newer epoch of this transactional id): a
    /// new producer must settle it.
    Unknown(String),
}

/// What the cluster does not take, and why. It is never a record's own fault: the size and the form of each record that is
/// written are decided before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub scope: RefusedScope,
    /// With the topic, the right or limit, and the remedy.
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusedScope {
    /// Who wrote to none of these topics goes on.
    Topics(Vec<OutputTopic>),
    /// Everything, or nobody knows what.
    Everything,
}

/// Why there is no new producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoProducer {
    /// The cluster refuses it. It is made as soon as the cluster lets it.
    Refused(String),
    /// It is tried again a bounded number of times.
    Failed(String),
}

#[derive(Debug)]
pub enum Event<S> {
    /// Records in the order of the fetch. `caught_up`: nothing is left to read, so a commit need not wait for more.
    Fetched {
        batch: RecordBatch,
        caught_up: bool,
    },
    /// A source partition holds nothing more below this offset (control records included).
    ReachedEnd {
        source: SourcePartition,
        offset: i64,
    },
    /// The position of a source partition is not in its log, or the record before it is another one than was read.
    OutOfRange {
        source: SourcePartition,
    },
    /// Time passes.
    Tick,
    /// The group assigned these source partitions, and no others.
    Assigned {
        partitions: Vec<SourcePartition>,
        generation: i32,
    },
    /// Inside the rebalance callback: the assignment ends. `lost`: it has already ended, and another member may own the
    /// tasks.
    Revoked {
        lost: bool,
    },
    /// The process is about to stop.
    Stop,

    // Answers about tasks. Those of an earlier assignment are ignored.
    Opened {
        assignment: AssignmentId,
        task: i32,
        result: Result<S, String>,
    },
    StableOffsets {
        assignment: AssignmentId,
        unit: RecoveryUnit,
        result: Result<Vec<(SourcePartition, Option<i64>)>, String>,
    },
    OffsetRanges {
        assignment: AssignmentId,
        unit: RecoveryUnit,
        result: Result<OffsetRanges, String>,
    },
    /// With the number of restored records.
    Restored {
        assignment: AssignmentId,
        task: i32,
        result: Result<u64, String>,
    },
    /// The ends of inputs, as asked for at a wall time.
    InputEnds {
        assignment: AssignmentId,
        asked_at: LogTime,
        ends: Vec<(SourcePartition, i64)>,
    },
    Written {
        task: i32,
        result: Result<(), String>,
    },

    // How transactional calls ended, in the order of the calls.
    Began(CallOutcome),
    Offered(CallOutcome),
    OffsetsSent(CallOutcome),
    /// `changelog_next`: per task, the offset after the last changelog record of this transaction whose delivery was reported.
    Committed {
        outcome: CallOutcome,
        changelog_next: Vec<(i32, i64)>,
    },
    Aborted(CallOutcome),
    ProducerReplaced(Result<(), NoProducer>),
}
