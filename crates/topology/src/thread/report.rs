//! What a stream thread reports to operators: the driver turns it into log lines and metrics.
//!
//! A report changes nothing and is not answered.

use super::ids::RecoveryUnit;
use crate::task::Counters;
use crate::wire::record::SourcePartition;

#[derive(Clone, Debug, PartialEq)]
pub enum ThreadReport {
    Committed {
        counters: Box<Counters>,
        records: usize,
    },
    /// The cluster does not take what was written on behalf of these.
    Refused {
        units: Vec<RecoveryUnit>,
        reason: String,
    },
    /// The cluster takes again what it had refused to this many tasks and forward-only partitions.
    RefusalOver {
        units: usize,
    },
    /// The group no longer knows this member.
    Fenced,
    /// The assignment separates the partitions of a task. The thread processes nothing until the next one.
    Misassigned {
        reason: String,
    },
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
    /// Retention passed the position: these records were removed before they were read.
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
}
