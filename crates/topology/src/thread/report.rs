//! What a stream thread reports to operators: the driver turns it into log lines and metrics.
//!
//! A report changes nothing and is not answered.

use crate::task::Counters;
use crate::wire::record::SourcePartition;

#[derive(Clone, Debug, PartialEq)]
pub enum ThreadReport {
    Committed {
        counters: Box<Counters>,
        records: usize,
    },
    Aborted {
        reason: String,
    },
    /// The group no longer knows this member.
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
    /// A record whose transaction was aborted every time went to the dead letters.
    Poison {
        source: SourcePartition,
        offset: i64,
    },
}
