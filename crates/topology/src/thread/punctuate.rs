//! What time does: gates open, failed tasks are tried again, the sweep runs, the repartition topic is purged.

use super::StreamThread;
use super::assignment::{AssignmentId, Holding};
use super::command::Command;
use super::recovery::Forwarder;
use super::slot::{Slot, Stage};
use super::transaction::{After, State};
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::{SourceKind, Topology};
use crate::wire::record::SourcePartition;

/// Stamps further ahead of the wall clock than this do not move the sweep watermark. Milliseconds.
const STAMP_AHEAD_MAX_MS: u64 = 5 * 60 * 1000;

impl<S: StateStore + Clone> StreamThread<S> {
    pub(super) fn tick(&mut self) {
        self.retry();
        self.sweep_waits |= self.passed.since(self.swept_at) >= self.limits.sweep_interval_ms;
        self.punctuate();
        self.advance();
    }

    /// What comes around, between transactions. A sweep has one of its own, and takes its time from inputs of which
    /// everything is decided.
    pub(super) fn punctuate(&mut self) {
        if self.transaction.state != State::Idle || self.assignment.state != Holding::Active {
            return;
        }
        if self.sweep_waits && self.work.is_empty() {
            self.sweep_waits = false;
            self.swept_at = self.passed;
            self.probe();
            self.sweep();
        }
        if self.passed.since(self.purged_at) >= self.limits.purge_interval_ms {
            self.purged_at = self.passed;
            self.purge();
        }
    }

    pub(super) fn reached_end(&mut self, source: SourcePartition, offset: i64) {
        if let Some(input) = self.input(source) {
            input.reached = input.reached.max(offset);
        }
        self.advance();
    }

    /// The log lost the position under our feet: the task finds its place again.
    pub(super) fn out_of_range(&mut self, source: SourcePartition) {
        match self.topology.task_of(source.topic, source.partition) {
            Some(task) => {
                self.fail_task_at_work(task, "a position is out of its topic's range".to_owned());
            }
            // Another one does not read yet: it is on its way to a place in the log.
            None if !matches!(self.forwarders.get(&source), Some(Forwarder::Running(_))) => {}
            None => self.ask_stable_of_forwarder(source),
        }
    }

    pub(super) fn probed(
        &mut self,
        assignment: AssignmentId,
        asked_at: LogTime,
        ends: &[(SourcePartition, i64)],
    ) {
        if assignment != self.assignment.id {
            return;
        }
        for (source, end) in ends {
            if let Some(input) = self.input(*source)
                && input.reached >= *end
            {
                input.empty_at = Some(asked_at);
            }
        }
    }

    pub(super) fn note_time(&mut self, source: SourcePartition, time: LogTime) {
        let plausible = self.wall.plus(STAMP_AHEAD_MAX_MS);
        if let Some(input) = self.input(source)
            && time <= plausible
        {
            input.time = input.time.max(time);
        }
    }

    /// Opens what has everything it waited for. Only between transactions: what is not committed opens nothing. Only when
    /// everything that was read is processed: a mark follows what it marks the end of.
    pub(super) fn check_gates(&mut self) {
        let is_processed = self.work.processed == self.work.batch.len();
        if self.transaction.state != State::Idle || !is_processed {
            return;
        }
        let mut must_commit = false;
        let (mut informed, mut open) = (Vec::new(), Vec::new());
        for (partition, slot) in &mut self.slots {
            if !matches!(slot.stage, Stage::Gated(_)) {
                continue;
            }
            for (source, next) in send_marks(slot, &self.topology, &mut self.work.outbox) {
                // The transaction of a mark brings the group its offset, whatever else is in it.
                self.work.offsets.entry(source).or_insert(next);
                must_commit = true;
            }
            let directory_read = slot.inputs.iter().all(|(source, input)| {
                self.topology.source(source.topic).kind != SourceKind::Directory || input.has_reached_bound()
            });
            if directory_read {
                informed.push(*partition);
            }
            let Some(task) = slot.task() else { continue };
            must_commit |= task.is_dirty();
            if directory_read && !task.is_dirty() && task.has_all_marks().unwrap_or(false) {
                open.push(*partition);
            }
        }
        for task in informed {
            self.resume(task, |kind| kind == SourceKind::Repartition);
        }
        for task in open {
            self.open_gate(task);
        }
        must_commit |= self.start_forwarders();
        if must_commit {
            self.finish();
        }
    }

    fn open_gate(&mut self, task: i32) {
        let Some(slot) = self.slots.get_mut(&task) else {
            return;
        };
        slot.stage = match std::mem::replace(&mut slot.stage, Stage::Opening) {
            Stage::Gated(task) => Stage::Running(task),
            other => other,
        };
        self.resume(task, |_| true);
    }

    /// Returns whether a start is left to commit.
    fn start_forwarders(&mut self) -> bool {
        let mut starts = Vec::new();
        let mut must_commit = false;
        for (source, forwarder) in &mut self.forwarders {
            let Forwarder::Waiting { input, decided } = forwarder else {
                continue;
            };
            must_commit |= *decided;
            if !*decided {
                let running = super::slot::Input { resumed: true, ..*input };
                starts.push((*source, running.next));
                *forwarder = Forwarder::Running(running);
            }
        }
        if !starts.is_empty() {
            self.command(Command::Resume(starts));
        }
        must_commit
    }

    fn retry(&mut self) {
        match self.transaction.state {
            State::Replacing { retry_at: Some(at) } if self.passed >= at => {
                self.transaction.replacements += 1;
                self.transaction.state = State::Replacing { retry_at: None };
                self.command(Command::ReplaceProducer);
            }
            State::Replacing { .. } => return,
            State::Idle
            | State::Beginning
            | State::Open
            | State::Producing
            | State::SendingOffsets
            | State::Committing
            | State::Writing(_)
            | State::Aborting(_) => {}
        }
        if let Holding::Fenced { since } = self.assignment.state
            && self.passed.since(since) >= self.limits.fence_wait_ms
        {
            return self.retake();
        }
        let passed = self.passed;
        self.ask_unmarked(|ask_at| passed >= ask_at);
        let due =
            |slot: &Slot<S>| matches!(slot.stage, Stage::Failed { retry_at, .. } if self.passed >= retry_at);
        let again: Vec<i32> =
            self.slots.iter().filter(|(_, slot)| due(slot)).map(|(task, _)| *task).collect();
        for task in again {
            self.slots.insert(task, Slot::opening());
            self.command(Command::Open { assignment: self.assignment.id, task });
        }
    }

    /// Idle inputs are asked for their ends: a fetch that shows one empty makes it current.
    fn probe(&mut self) {
        let mut sources = Vec::new();
        for slot in self.slots.values().filter(|slot| matches!(slot.stage, Stage::Running(_))) {
            sources.extend(slot.inputs.keys().filter(|source| moves_watermark(&self.topology, **source)));
        }
        if !sources.is_empty() {
            let (assignment, asked_at) = (self.assignment.id, self.wall);
            self.command(Command::Probe { assignment, asked_at, sources });
        }
    }

    fn sweep(&mut self) {
        for (partition, slot) in &mut self.slots {
            let inputs = slot.inputs.iter().filter(|(source, _)| moves_watermark(&self.topology, **source));
            let watermark = inputs.map(|(_, input)| input.known_until()).min().unwrap_or_default();
            let Stage::Running(task) = &mut slot.stage else {
                continue;
            };
            match task.sweep(watermark, &mut self.work.outbox) {
                // What is left is due at the next tick already.
                Ok(true) => self.swept_at = LogTime::default(),
                Ok(false) => {}
                Err(error) => drop(self.work.failed.insert(*partition, error.to_string())),
            }
        }
        if self.work.failed.is_empty() {
            self.finish();
        } else {
            self.abandon(After::Continue);
        }
    }

    /// Only what an acknowledged commit has consumed.
    fn purge(&mut self) {
        let mut commands = Vec::new();
        for (partition, slot) in &mut self.slots {
            let repartition = slot
                .inputs
                .iter()
                .find(|(source, _)| self.topology.source(source.topic).kind == SourceKind::Repartition);
            let Some((_, input)) = repartition else { continue };
            if input.committed > slot.purged {
                slot.purged = input.committed;
                commands.push(Command::Purge { partition: *partition, before: input.committed });
            }
        }
        self.commands.extend(commands);
    }
}

fn moves_watermark(topology: &Topology, source: SourcePartition) -> bool {
    matches!(topology.source(source.topic).kind, SourceKind::Requests(_) | SourceKind::Repartition)
}

/// At the owner of the broadcast topics: what they held at assignment is read, so the mark follows, once. Returns those
/// whose mark this is, and where the group stands in them.
fn send_marks<S: StateStore>(
    slot: &mut Slot<S>,
    topology: &Topology,
    out: &mut crate::wire::outbox::Outbox,
) -> Vec<(SourcePartition, i64)> {
    let mut reached = Vec::new();
    for (source, input) in &slot.inputs {
        if let SourceKind::Broadcast(broadcast) = topology.source(source.topic).kind
            && input.has_reached_bound()
        {
            reached.push((broadcast, *source, input.committed));
        }
    }
    let Some(task) = slot.task() else { return Vec::new() };
    reached.retain(|(broadcast, ..)| !task.has_broadcast_mark(*broadcast).unwrap_or(true));
    for (broadcast, ..) in &reached {
        task.broadcast_mark(*broadcast, out);
    }
    reached.into_iter().map(|(_, source, next)| (source, next)).collect()
}
