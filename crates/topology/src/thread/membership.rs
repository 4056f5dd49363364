//! What the group has assigned to this member, and whether it may process records.
//!
//! ```text
//! Nothing ── assigned ─▶ Active ── revoked ─▶ Revoking ── tasks released ─▶ Nothing
//!                          │ ▲                    ▲
//!                   fenced │ │ no rebalance came  │ revoked
//!                          ▼ │                    │
//!                         Fenced ─────────────────┘
//! ```

use std::collections::BTreeSet;

use crate::deployment::Topology;
use crate::otp::LogTime;
use crate::wire::record::{SourcePartition, SourceTopic};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Nothing,
    Active,
    /// The group no longer knows this member, so a rebalance must follow.
    Fenced {
        since: LogTime,
    },
    /// Inside the rebalance callback.
    Revoking,
}

#[derive(Default)]
pub(super) struct Membership {
    standing: Standing,
    /// Of the group, at the time of the assignment.
    generation: i32,
    partitions: Vec<SourcePartition>,
}

impl Membership {
    pub(super) fn is_active(&self) -> bool {
        self.standing == Standing::Active
    }

    pub(super) fn is_revoking(&self) -> bool {
        self.standing == Standing::Revoking
    }

    pub(super) fn holds_nothing(&self) -> bool {
        self.standing == Standing::Nothing
    }

    pub(super) fn fenced_since(&self) -> Option<LogTime> {
        match self.standing {
            Standing::Fenced { since } => Some(since),
            Standing::Nothing | Standing::Active | Standing::Revoking => None,
        }
    }

    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    pub(super) fn partitions(&self) -> &[SourcePartition] {
        &self.partitions
    }

    pub(super) fn assign(&mut self, partitions: Vec<SourcePartition>, generation: i32) {
        self.partitions = partitions;
        self.generation = generation;
        self.standing = Standing::Active;
    }

    /// Returns whether this is news.
    pub(super) fn fence(&mut self, now: LogTime) -> bool {
        let is_active = self.is_active();
        if is_active {
            self.standing = Standing::Fenced { since: now };
        }
        is_active
    }

    /// The assignment is valid as far as this member knows: no rebalance came.
    pub(super) fn resume(&mut self) {
        assert!(!self.holds_nothing() && !self.is_revoking(), "no assignment can be resumed");
        self.standing = Standing::Active;
    }

    pub(super) fn revoke(&mut self) {
        self.standing = Standing::Revoking;
    }

    /// Everything of the assignment has ended.
    pub(super) fn release(&mut self) {
        assert!(self.is_revoking(), "an assignment ends by a revocation");
        self.standing = Standing::Nothing;
        self.partitions.clear();
    }
}

/// A task is initialised and served as a whole, so the assignor must give all its source partitions to one member.
/// Returns what is missing. After partitions were added to a request topic, the group assigns by a count that this thread
/// learns later, with the next topology.
pub(super) fn missing_home(topology: &Topology, partitions: &[SourcePartition]) -> Option<String> {
    let ours: BTreeSet<_> = partitions.iter().copied().collect();
    let tasks: BTreeSet<_> = ours.iter().filter_map(|it| topology.task_of(it.topic, it.partition)).collect();
    for (at, source) in topology.sources.iter().enumerate() {
        let topic = SourceTopic(u16::try_from(at).expect("few topics"));
        for partition in 0..source.partitions {
            let home = topology.task_of(topic, partition);
            if home.is_some_and(|task| tasks.contains(&task))
                && !ours.contains(&SourcePartition { topic, partition })
            {
                return Some(format!(
                    "the group did not assign `{}` partition {partition} together with the other partitions of its \
                     task. Either partitions were added to a topic, which this instance notices within seconds; or \
                     another member does not use the range assignor, or does not read the same topics",
                    source.name
                ));
            }
        }
    }
    None
}
