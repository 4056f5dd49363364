//! The stream thread, sans-IO: events come in, commands come out; it does nothing itself.
//!
//! One stream thread is one member of the consumer group, one transactional producer and the tasks of its partitions.
//! The commit protocol lives here and nowhere else; a driver performs the commands on a real broker, in memory for
//! `replay`, or in a simulation that fails at every boundary.
//!
//! ```text
//! Fetched ─▶ process ─▶ Begin ─▶ Produce … ─▶ SendOffsets ─▶ Commit ─▶ Write (one batch a task) ─▶ done
//!                          │         └─ meanwhile: Fetched ─▶ process, for the next commit ─┘
//!                          │ abortable ─▶ Abort ─▶ the batch runs again, in the same assignment
//!                          │ fenced by the group ─▶ Abort ─▶ the batch is dropped, a rebalance follows
//!                          └ unknown ─▶ ReplaceProducer ─▶ every task takes the assign path again
//! Assigned ─▶ Assign (paused) ─▶ per task: Open ─▶ AskStable ─▶ AskExtents ─▶ Restore ─▶ Resume
//! Revoked  ─▶ commit what is open (nothing if lost) ─▶ CancelRecovery ─▶ Suspend ─▶ Unassign
//! ```

mod assignment;
mod command;
mod event;
pub mod in_memory;
mod limits;
mod plan;
mod punctuate;
mod recovery;
mod slot;
mod transaction;
mod work;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use assignment::Assignment;
pub use assignment::AssignmentId;
pub use command::{Command, Report};
pub use event::{Event, Extent, Extents, Outcome, Unit};
pub use limits::{Limits, Start};
use recovery::Forwarder;
use slot::{Slot, Stage};
use transaction::Transaction;
use work::Work;

use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::Topology;
use crate::wire::outbox::Outbox;
use crate::wire::record::SourcePartition;

/// See the module.
pub struct StreamThread<S> {
    topology: Arc<Topology>,
    limits: Limits,
    /// The wall clock as of the latest event.
    wall: LogTime,
    /// What intervals are measured by: moves with the wall clock, and stands still when that is set back.
    passed: LogTime,
    commands: VecDeque<Command>,
    assignment: Assignment,
    slots: BTreeMap<i32, Slot<S>>,
    forwarders: BTreeMap<SourcePartition, Forwarder>,
    work: Work,
    transaction: Transaction,
    swept_at: LogTime,
    /// A sweep is due, as of the last tick.
    sweep_waits: bool,
    purged_at: LogTime,
}

impl<S: StateStore + Clone> StreamThread<S> {
    pub fn new(topology: Arc<Topology>, limits: Limits) -> Self {
        Self {
            topology,
            limits,
            wall: LogTime::default(),
            passed: LogTime::default(),
            commands: VecDeque::new(),
            assignment: Assignment::default(),
            slots: BTreeMap::new(),
            forwarders: BTreeMap::new(),
            work: Work::default(),
            transaction: Transaction::default(),
            swept_at: LogTime::default(),
            sweep_waits: false,
            purged_at: LogTime::default(),
        }
    }

    /// Takes in an event. `wall` is the wall clock.
    pub fn on(&mut self, event: Event<S>, wall: LogTime) {
        self.passed = self.passed.plus(wall.since(self.wall));
        self.wall = wall;
        match event {
            Event::Fetched { batch, drained } => self.fetched(batch, drained),
            Event::ReachedEnd { source, offset } => self.reached_end(source, offset),
            Event::OutOfRange { source } => self.out_of_range(source),
            Event::Tick => self.tick(),
            Event::Assigned { partitions, generation } => self.assigned(partitions, generation),
            Event::Revoked { lost } => self.revoked(lost),
            Event::Stop => self.revoked(false),
            Event::Opened { assignment, task, result } => self.opened(assignment, task, result),
            Event::Stable { assignment, unit, result } => self.stable(assignment, unit, result),
            Event::Extents { assignment, unit, result } => self.extents(assignment, unit, result),
            Event::Restored { assignment, task, result } => self.restored(assignment, task, result),
            Event::Probed { assignment, asked_at, ends } => self.probed(assignment, asked_at, &ends),
            Event::Began(outcome) => self.began(outcome),
            Event::Produced(outcome) => self.produced(outcome),
            Event::OffsetsSent(outcome) => self.offsets_sent(outcome),
            Event::Committed { outcome, changelog_next } => self.committed(outcome, &changelog_next),
            Event::Aborted(outcome) => self.aborted(outcome),
            Event::ProducerReplaced(result) => self.producer_replaced(result),
            Event::Written { task, result } => self.written(task, result),
        }
    }

    /// The next thing to do, if any. Transactional commands come one at a time: the next follows the answer.
    pub fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// What `Produce` is about: the records of the open transaction.
    pub fn outbox(&self) -> &Outbox {
        self.transaction.plan.as_ref().map_or(&self.work.outbox, |plan| &plan.outbox)
    }

    /// The same, once the commit is planned: nothing is added to it any more.
    pub fn planned_outbox(&self) -> Option<Arc<Outbox>> {
        self.transaction.plan.as_ref().map(|plan| plan.outbox.clone())
    }

    /// How long the driver may wait for records, in milliseconds.
    pub fn poll_wait_ms(&self, wall: LogTime) -> u64 {
        const IDLE_MS: u64 = 100;
        /// While answers are awaited that do not come through the poll.
        const RECOVERING_MS: u64 = 2;
        let recovering =
            self.slots.values().any(|slot| !matches!(slot.stage, Stage::Running(_) | Stage::Failed { .. }));
        if recovering {
            RECOVERING_MS
        } else if self.work.is_empty() {
            IDLE_MS
        } else {
            self.commit_due_at().since(self.passed.plus(wall.since(self.wall))).min(IDLE_MS)
        }
    }

    /// How many more records the driver may hand in before a commit. None: it waits for the answer to the call under way,
    /// because the next commit is full, or because the sweep waits for its turn.
    pub fn room(&self) -> usize {
        if self.transaction.is_under_way() && self.sweep_waits {
            return 0;
        }
        self.limits.records_per_commit_max.saturating_sub(self.work.batch.len())
    }

    /// The tasks and what they are at, for health and metrics: `running` is ready.
    pub fn stages(&self) -> impl Iterator<Item = (i32, &'static str, Option<&str>)> {
        self.slots.iter().map(|(task, slot)| {
            let reason = match &slot.stage {
                Stage::Failed { reason, .. } => Some(reason.as_str()),
                Stage::Opening
                | Stage::AskingStable { .. }
                | Stage::AskingExtents { .. }
                | Stage::Restoring { .. }
                | Stage::Gated(_)
                | Stage::Running(_) => None,
            };
            (*task, slot.stage_name(), reason)
        })
    }

    /// How many records of a source partition lie between what was read of it and its end; `None`: it is not ours.
    pub fn lag(&mut self, source: SourcePartition, end: i64) -> Option<u64> {
        self.input(source).map(|input| u64::try_from(end - input.reached).unwrap_or(0))
    }

    fn command(&mut self, command: Command) {
        self.commands.push_back(command);
    }

    fn report(&mut self, report: Report) {
        self.command(Command::Report(report));
    }
}
