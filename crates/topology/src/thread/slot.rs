//! One task in a stream thread: its lifecycle and what the thread knows of its source partitions.

use std::collections::BTreeMap;

use super::command::{Fetch, ReadFrom};
use super::environment::Environment;
use super::ids::RecoveryUnit;
use super::lifecycle::Lifecycle;
use super::output::Output;
use super::report::ThreadReport;
use crate::deployment::{SourceKind, Topology};
use crate::otp::LogTime;
use crate::task::Task;
use crate::wire::record::{LeaderEpoch, SourcePartition};

pub(super) struct TaskSlot<S> {
    pub task: i32,
    /// All source partitions of the task.
    pub sources: Vec<SourcePartition>,
    pub lifecycle: Lifecycle<S>,
    /// Empty until the state is complete.
    pub inputs: BTreeMap<SourcePartition, Input>,
    /// How far the repartition topic was purged.
    purged: i64,
}

/// One source partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    /// The next offset to read.
    pub next: i64,
    /// Of the record before the start.
    pub leader_epoch: Option<LeaderEpoch>,
    /// The offset of the last commit, or of the start. Committing it again is always safe.
    pub committed: i64,
    /// Every record below this offset was read (control records are not read).
    pub reached: i64,
    /// The end at assignment: a barrier for the directory and the broadcast topics.
    pub bound: i64,
    /// The latest append time seen.
    pub time: LogTime,
    /// The wall time at which it was last seen empty.
    pub empty_at: Option<LogTime>,
    pub is_resumed: bool,
}

impl Input {
    pub(super) fn starting_at(next: i64, bound: i64) -> Self {
        Self {
            next,
            leader_epoch: None,
            committed: next,
            reached: next,
            bound,
            time: LogTime::default(),
            empty_at: None,
            is_resumed: false,
        }
    }

    /// Whether this offset is the next one to read, or a later one; then everything up to it is read.
    pub(super) fn reads(&mut self, offset: i64) -> bool {
        let is_next = self.is_resumed && offset >= self.next;
        if is_next {
            self.next = offset + 1;
            self.reached = self.reached.max(self.next);
        }
        is_next
    }

    /// Reads on from what is committed, when it is resumed.
    pub(super) fn pause(&mut self) {
        *self = Self::starting_at(self.committed, self.bound);
    }

    pub(super) fn has_reached_bound(&self) -> bool {
        self.reached >= self.bound
    }

    /// Log time up to which this input is known: its latest record, or the wall time at which it was empty.
    pub(super) fn known_until(&self) -> LogTime {
        self.time.max(self.empty_at.unwrap_or_default())
    }
}

impl<S> TaskSlot<S> {
    pub(super) fn new(task: i32, sources: Vec<SourcePartition>) -> Self {
        Self { task, sources, lifecycle: Lifecycle::Opening, inputs: BTreeMap::new(), purged: 0 }
    }

    /// Goes to the next stage.
    pub(super) fn go(&mut self, next: Lifecycle<S>) {
        self.lifecycle = std::mem::replace(&mut self.lifecycle, Lifecycle::Opening).to(next);
    }

    /// The task cannot go on; it is tried again later.
    pub(super) fn fail(&mut self, reason: String, env: &mut Environment) {
        let retry_at = env.clock.monotonic.plus(env.limits.task_retry_ms);
        self.inputs.clear();
        self.go(Lifecycle::Failed { retry_at, reason: reason.clone() });
        env.fetch(Fetch::Pause(self.sources.clone()));
        env.report(ThreadReport::TaskFailed { task: self.task, reason });
    }

    /// The cluster refuses what the task writes: it waits, if it was at work. Returns whether it was.
    pub(super) fn refuse(&mut self, env: &mut Environment) -> bool {
        if self.lifecycle.task().is_none() {
            return false;
        }
        let (Lifecycle::Gated(task) | Lifecycle::Running(task)) =
            std::mem::replace(&mut self.lifecycle, Lifecycle::Opening)
        else {
            unreachable!("a task at work is gated or runs");
        };
        self.lifecycle = Lifecycle::Refused(task);
        self.inputs.values_mut().for_each(Input::pause);
        env.fetch(Fetch::Pause(self.sources.clone()));
        true
    }

    /// The refused task is tried again, if it still waits.
    pub(super) fn retry_refused(&mut self, env: &mut Environment) {
        if !matches!(self.lifecycle, Lifecycle::Refused(_)) {
            return;
        }
        let Lifecycle::Refused(task) = std::mem::replace(&mut self.lifecycle, Lifecycle::Opening) else {
            unreachable!("its stage was looked at");
        };
        self.lifecycle = Lifecycle::Gated(task);
        self.resume_state_topics(env);
    }

    /// The failed task is tried again, from the beginning of its lifecycle.
    pub(super) fn retry(&mut self) {
        self.go(Lifecycle::Opening);
        self.purged = 0;
    }

    /// Starts to fetch those inputs whose topics are of the wanted kinds.
    pub(super) fn resume(&mut self, env: &mut Environment, is_wanted: impl Fn(SourceKind) -> bool) {
        let mut starts = Vec::new();
        for (source, input) in &mut self.inputs {
            if !input.is_resumed && is_wanted(env.topology.source(source.topic).kind) {
                input.is_resumed = true;
                let (offset, leader_epoch) = (input.next, input.leader_epoch);
                starts.push(ReadFrom { source: *source, offset, leader_epoch });
            }
        }
        if !starts.is_empty() {
            env.fetch(Fetch::Resume(starts));
        }
    }

    /// Starts to fetch what must be read before the gate can open.
    pub(super) fn resume_state_topics(&mut self, env: &mut Environment) {
        self.resume(env, |kind| matches!(kind, SourceKind::Directory | SourceKind::Broadcast(_)));
    }

    /// The directory was read to its end at assignment.
    pub(super) fn has_read_directory(&self, topology: &Topology) -> bool {
        self.inputs.iter().all(|(source, input)| {
            topology.source(source.topic).kind != SourceKind::Directory || input.has_reached_bound()
        })
    }

    /// The part of the repartition topic that an acknowledged commit has consumed since the last call.
    pub(super) fn purgeable(&mut self, topology: &Topology) -> Option<i64> {
        let is_repartition = |it: &SourcePartition| topology.source(it.topic).kind == SourceKind::Repartition;
        let (_, input) = self.inputs.iter().find(|(source, _)| is_repartition(source))?;
        let before = input.committed;
        let is_news = before > self.purged;
        self.purged = self.purged.max(before);
        is_news.then_some(before)
    }

    /// The inputs whose time moves the sweep watermark.
    pub(super) fn timed_inputs<'a>(
        &'a self,
        topology: &'a Topology,
    ) -> impl Iterator<Item = (&'a SourcePartition, &'a Input)> {
        self.inputs.iter().filter(|(source, _)| {
            matches!(topology.source(source.topic).kind, SourceKind::Requests(_) | SourceKind::Repartition)
        })
    }
}

impl<S: crate::state::StateStore> TaskSlot<S> {
    /// At the owner of the broadcast topics: emits the barrier of each broadcast topic that was read to its end at
    /// assignment, once. Returns those topics, and where the group stands in them.
    pub(super) fn emit_barriers(
        &mut self,
        topology: &Topology,
        output: &mut Output,
    ) -> Vec<(SourcePartition, i64)> {
        let mut reached = Vec::new();
        for (source, input) in &self.inputs {
            if let SourceKind::Broadcast(broadcast) = topology.source(source.topic).kind
                && input.has_reached_bound()
            {
                reached.push((broadcast, *source, input.committed));
            }
        }
        let Some(task) = self.lifecycle.task_mut() else { return Vec::new() };
        reached.retain(|(broadcast, ..)| !task.has_sent_barrier(*broadcast).unwrap_or(true));
        for (broadcast, ..) in &reached {
            output.write(RecoveryUnit::Task(self.task), |out| task.send_barrier(*broadcast, out));
        }
        reached.into_iter().map(|(_, source, next)| (source, next)).collect()
    }

    /// The gate opens: the task processes requests.
    pub(super) fn open_gate(&mut self, env: &mut Environment) {
        let Lifecycle::Gated(task) = std::mem::replace(&mut self.lifecycle, Lifecycle::Opening) else {
            unreachable!("only a gated task has a gate");
        };
        self.lifecycle = Lifecycle::Running(task);
        self.resume(env, |_| true);
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.lifecycle.task().is_some_and(Task::is_dirty)
    }
}
