//! The lifecycle of one task in a stream thread.
//!
//! ```text
//!                                                            retry
//!                                                          ┌─ Refused ◀─┐
//!                                                          ▼    ▲  │    │
//! Opening ─▶ AskingOffsets ─▶ AskingRanges ─▶ Restoring ─▶ Gated ──┼──▶ Running
//!  ▲  ▲ │          │            │  │              │          │     │    │
//!  │  │ │          │     wipe   │  │              │          │     │    │
//!  │  └─┼──────────┼────────────┘  │              │          │     │    │
//!  │    ▼          ▼               ▼              ▼          ▼     ▼    ▼
//!  └─ Failed ◀─────┴───────────────┴──────────────┴──────────┴─────┴────┘
//! retry
//! ```
//!
//! *Gated*: the state is complete, but the task processes no request. First the directory is read to its end at
//! assignment, then the repartition topic, until the broadcast barriers have arrived.
//!
//! *Refused*: the cluster does not take what the task writes. The task keeps its state and reads nothing. After a pause it
//! reads on from what is committed, through the gate again.
//!
//! Every assigned task walks the whole path, also one that comes straight back: another owner may have committed in
//! between.

use std::collections::BTreeMap;

use super::ids::OffsetRanges;
use crate::otp::LogTime;
use crate::task::Task;
use crate::wire::record::SourcePartition;

/// Stable offsets of the group by source partition; `None`: it has none.
pub(super) type StableOffsets = BTreeMap<SourcePartition, Option<i64>>;

pub(super) enum Lifecycle<S> {
    Opening,
    AskingOffsets { store: S },
    AskingRanges { store: S, stable: StableOffsets },
    Restoring { store: S, stable: StableOffsets, ranges: OffsetRanges },
    Gated(Box<Task<S>>),
    Running(Box<Task<S>>),
    Refused(Box<Task<S>>),
    Failed { retry_at: LogTime, reason: String },
}

/// A task's place in its lifecycle, for health and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStage<'a> {
    Opening,
    /// The thread asks for the group's stable offsets.
    AskingOffsets,
    /// The thread asks for the offset ranges of changelog and sources.
    AskingRanges,
    Restoring,
    /// The state is complete. The task waits for its directory, then for the broadcast barriers.
    Gated,
    /// The task is ready.
    Running,
    /// The cluster refuses what the task writes. It waits, or is tried again.
    Refused {
        reason: &'a str,
    },
    Failed {
        reason: &'a str,
    },
}

impl TaskStage<'_> {
    /// The arrows of the drawing. A failed task may fail again before it is tried again.
    fn may_become(self, next: TaskStage<'_>) -> bool {
        use TaskStage as At;
        matches!(
            (self, next),
            (At::Opening, At::AskingOffsets)
                | (At::AskingOffsets, At::AskingRanges)
                | (At::AskingRanges, At::Restoring | At::Opening)
                | (At::Restoring, At::Gated)
                | (At::Gated, At::Running | At::Refused { .. })
                | (At::Running, At::Refused { .. })
                | (At::Refused { .. }, At::Gated)
                | (At::Failed { .. }, At::Opening)
                | (_, At::Failed { .. })
        )
    }
}

impl<S> Lifecycle<S> {
    /// Goes to the next stage.
    ///
    /// # Panics
    /// The drawing has no such arrow.
    #[must_use]
    pub(super) fn to(self, next: Self) -> Self {
        let (from, into) = (self.stage(), next.stage());
        assert!(from.may_become(into), "a task goes from {from:?} to {into:?}");
        next
    }

    pub(super) fn stage(&self) -> TaskStage<'_> {
        match self {
            Self::Opening => TaskStage::Opening,
            Self::AskingOffsets { .. } => TaskStage::AskingOffsets,
            Self::AskingRanges { .. } => TaskStage::AskingRanges,
            Self::Restoring { .. } => TaskStage::Restoring,
            Self::Gated(_) => TaskStage::Gated,
            Self::Running(_) => TaskStage::Running,
            // `Refusals` has the reason.
            Self::Refused(_) => TaskStage::Refused { reason: "" },
            Self::Failed { reason, .. } => TaskStage::Failed { reason },
        }
    }

    /// The task, if its state is complete and it takes records.
    pub(super) fn task(&self) -> Option<&Task<S>> {
        let (Self::Gated(task) | Self::Running(task)) = self else { return None };
        Some(task)
    }

    pub(super) fn task_mut(&mut self) -> Option<&mut Task<S>> {
        let (Self::Gated(task) | Self::Running(task)) = self else { return None };
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arrows_of_the_drawing_are_allowed() {
        use TaskStage as At;
        const FAILED: At<'_> = At::Failed { reason: "" };
        const REFUSED: At<'_> = At::Refused { reason: "" };
        let first = [At::Opening, At::AskingOffsets, At::AskingRanges, At::Restoring];
        let all = [&first[..], &[At::Gated, At::Running, REFUSED, FAILED]].concat();
        for (from, allowed) in [
            (At::Opening, &[At::AskingOffsets, FAILED][..]),
            (At::AskingOffsets, &[At::AskingRanges, FAILED]),
            (At::AskingRanges, &[At::Opening, At::Restoring, FAILED]),
            (At::Restoring, &[At::Gated, FAILED]),
            (At::Gated, &[At::Running, REFUSED, FAILED]),
            (At::Running, &[REFUSED, FAILED]),
            (REFUSED, &[At::Gated, FAILED]),
            (FAILED, &[At::Opening, FAILED]),
        ] {
            let found: Vec<_> = all.iter().copied().filter(|next| from.may_become(*next)).collect();
            assert_eq!(found, allowed, "from {from:?}");
        }
    }
}
