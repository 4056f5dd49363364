//! The place of one task in a stream thread, and its lifecycle.
//!
//! ```text
//! Opening ─▶ AskingStable ─▶ AskingExtents ─▶ Restoring ─▶ Gated ─▶ Running
//!    ▲             │                │             │          │         │
//!    └── retry ── Failed ◀──────────┴─────────────┴──────────┴─────────┘
//! ```
//!
//! *Gated*: the state is complete, and nothing is decided yet: first the directory is read to its end at assignment,
//! then the repartition topic, until the marks of the broadcast topics have arrived. Every assigned task walks the whole path, also one that comes
//! straight back: another owner may have committed in between.

use std::collections::BTreeMap;

use super::event::Extents;
use crate::otp::LogTime;
use crate::task::Task;
use crate::wire::record::SourcePartition;

pub(super) enum Stage<S> {
    Opening,
    AskingStable { store: S },
    AskingExtents { store: S, stable: BTreeMap<SourcePartition, Option<i64>> },
    Restoring { store: S, stable: BTreeMap<SourcePartition, Option<i64>>, extents: Extents },
    Gated(Box<Task<S>>),
    Running(Box<Task<S>>),
    Failed { retry_at: LogTime, reason: String },
}

/// What a thread knows of one source partition of a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    /// The next offset to read.
    pub next: i64,
    /// The offset of the last commit, or of the start; always safe to commit again.
    pub committed: i64,
    /// Nothing lies before this offset that was not read (control records may).
    pub reached: i64,
    /// The end at assignment; a barrier for the directory and the broadcast topics.
    pub bound: i64,
    /// The latest append time seen.
    pub time: LogTime,
    /// The wall time at which it was last seen empty.
    pub empty_at: Option<LogTime>,
    pub resumed: bool,
}

pub(super) struct Slot<S> {
    pub stage: Stage<S>,
    pub inputs: BTreeMap<SourcePartition, Input>,
    /// How far the repartition topic was purged.
    pub purged: i64,
}

impl Input {
    pub fn starting_at(next: i64, bound: i64) -> Self {
        Self {
            next,
            committed: next,
            reached: next,
            bound,
            time: LogTime::default(),
            empty_at: None,
            resumed: false,
        }
    }

    pub fn has_reached_bound(&self) -> bool {
        self.reached >= self.bound
    }

    /// Log time up to which this input is known: its latest record, or the wall time at which it was empty.
    pub fn known_until(&self) -> LogTime {
        self.time.max(self.empty_at.unwrap_or_default())
    }
}

impl<S> Stage<S> {
    /// The task, if its state is complete.
    pub fn task(&self) -> Option<&Task<S>> {
        let (Self::Gated(task) | Self::Running(task)) = self else { return None };
        Some(task)
    }
}

impl<S> Slot<S> {
    pub fn opening() -> Self {
        Self { stage: Stage::Opening, inputs: BTreeMap::new(), purged: 0 }
    }

    /// As [`Stage::task`], to work with.
    pub fn task(&mut self) -> Option<&mut Task<S>> {
        let (Stage::Gated(task) | Stage::Running(task)) = &mut self.stage else { return None };
        Some(task)
    }

    pub const fn stage_name(&self) -> &'static str {
        match self.stage {
            Stage::Opening => "opening",
            Stage::AskingStable { .. } | Stage::AskingExtents { .. } => "locating",
            Stage::Restoring { .. } => "restoring",
            Stage::Gated(_) => "gated",
            Stage::Running(_) => "running",
            Stage::Failed { .. } => "failed",
        }
    }
}
