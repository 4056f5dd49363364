//! What is due after an event, and in which order. The only place that begins a transaction, plans a commit, rolls back
//! between two calls, or ends an assignment.
//!
//! ```text
//! 1  the last commit of an assignment that ends in good order
//! 2  a rollback: a task has failed, or the assignment has ended
//! 3  the sweep and the purge          ┐ between two transactions
//! 4  gates that waited for a commit   ┘
//! 5  the end of the assignment
//! 6  records: process, commit or produce early, check the gates
//! 7  the next call
//! ```

use super::StreamThread;
use super::call::{AfterAbort, NextCall};
use super::command::Call;
use super::ids::RecoveryUnit;
use crate::state::StateStore;
use crate::task::forward_only;

/// What an event makes necessary to look at. Whether it may be done yet is for `drive` to say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Due {
    /// Records: some came, or something that they wait for has changed.
    pub work: bool,
    /// The sweep and the purge: time has passed, or a transaction has ended.
    pub timers: bool,
    /// The gates: a transaction has ended.
    pub gates: bool,
    /// A commit of what is processed, before the assignment ends.
    pub last_commit: bool,
}

impl Due {
    pub(super) fn work() -> Self {
        Self { work: true, ..Self::default() }
    }
}

enum Action {
    LastCommit,
    RollBack(AfterAbort),
    RunTimers,
    CheckGates,
    EndAssignment,
    Work,
}

impl<S: StateStore + Clone> StreamThread<S> {
    pub(super) fn drive(&mut self, mut due: Due) {
        while let Some(action) = self.next_action(&mut due) {
            match action {
                Action::LastCommit => self.plan_commit(),
                Action::RollBack(after) => self.abort_open(after),
                Action::RunTimers => self.run_timers(),
                Action::CheckGates => self.check_gates(),
                Action::EndAssignment => self.end_assignment(),
                Action::Work => self.work(),
            }
        }
        self.issue_next_call();
    }

    fn next_action(&self, due: &mut Due) -> Option<Action> {
        let is_revoking = self.membership.is_revoking();
        // A planned commit is carried to its end first.
        let is_free = self.call.is_quiet() && self.planned.is_none();
        if std::mem::take(&mut due.last_commit) && is_free {
            Some(Action::LastCommit)
        } else if is_free && self.tasks.has_failing() {
            Some(Action::RollBack(AfterAbort::RunAgain))
        } else if is_free && is_revoking && self.call.is_open() {
            Some(Action::RollBack(AfterAbort::Drop))
        } else if std::mem::take(&mut due.timers) {
            Some(Action::RunTimers)
        } else if std::mem::take(&mut due.gates) {
            Some(Action::CheckGates)
        } else if is_revoking && (self.call.is_idle() || self.call.is_replacing()) {
            Some(Action::EndAssignment)
        } else if std::mem::take(&mut due.work) {
            Some(Action::Work)
        } else {
            None
        }
    }

    /// Rolls back between two calls, on the broker too if a transaction is open.
    fn abort_open(&mut self, after: AfterAbort) {
        self.roll_back();
        if self.call.is_idle() {
            self.after_abort(after);
            // The rest of the batch comes before anything else.
            return self.work();
        }
        self.call.abort(after);
        self.env.call(Call::Abort);
    }

    fn end_assignment(&mut self) {
        self.drop_batch();
        self.tasks.release_all(&mut self.env);
        self.tasks.forget_refusals();
        self.membership.release();
    }

    /// The sweep and the purge run between transactions. The sweep has a transaction of its own, and takes its watermark
    /// from inputs that are fully processed.
    fn run_timers(&mut self) {
        if !self.call.is_idle() || !self.membership.is_active() {
            return;
        }
        let now = self.env.clock.monotonic;
        if self.timers.is_sweep_waiting() && self.batch.is_empty() {
            self.timers.sweep_begins(now);
            self.tasks.ask_input_ends(&mut self.env);
            self.sweep();
        }
        if self.timers.purge_begins(now, &self.env.limits) {
            self.tasks.purge(&mut self.env);
        }
    }

    fn sweep(&mut self) {
        let (is_more_due, failed) = self.tasks.sweep(&mut self.batch.output, &self.env.topology);
        if is_more_due {
            self.timers.sweep_again();
        }
        for (task, reason) in failed {
            self.tasks.fail_later(task, reason);
        }
        if !self.tasks.has_failing() {
            self.plan_commit();
        }
    }

    /// Only between transactions: what is not committed opens nothing. Only when everything that was read is processed: a
    /// barrier follows what it marks the end of.
    fn check_gates(&mut self) {
        if !self.call.is_idle() || !self.batch.is_processed() {
            return;
        }
        let check = self.tasks.check_gates(&mut self.batch.output, &mut self.env);
        for (source, next) in check.barriers {
            // The transaction of a barrier commits the offset of its topic, whatever else it carries.
            self.batch.offsets.entry(source).or_insert(next);
        }
        if check.must_commit {
            self.plan_commit();
        }
    }

    /// Processes records, then commits them if that is due, or offers their output early. While a commit is in flight it only
    /// processes.
    fn work(&mut self) {
        if !self.takes_work() || !(self.call.is_quiet() || self.is_commit_in_flight()) {
            return;
        }
        self.process();
        if !self.call.is_quiet() || self.tasks.has_failing() {
            return;
        }
        if self.batch.is_commit_due(self.env.clock.monotonic, &self.env.limits) {
            self.plan_commit();
        } else {
            self.produce_early();
        }
        self.check_gates();
    }

    fn process(&mut self) {
        while !self.tasks.has_failing()
            && let Some(at) = self.batch.next(&self.env.limits)
        {
            let (records, output) = self.batch.parts();
            let record = records.get(at);
            let (source, offset, time) = (record.source, record.offset, record.timestamp);
            match self.env.topology.task_of(source.topic, source.partition) {
                Some(partition) => {
                    let task = self.tasks.task_mut(partition);
                    let task = task.expect("records of tasks that are not open are dropped");
                    let wall = self.env.clock.wall;
                    let unit = RecoveryUnit::Task(partition);
                    if let Err(error) = output.write(unit, |out| task.process(&record, wall, out)) {
                        return self.tasks.fail_later(partition, error.to_string());
                    }
                }
                None => {
                    let unit = RecoveryUnit::Forwarder(source);
                    let has_waited = self.tasks.has_waited(source, offset);
                    output.write(unit, |out| forward_only(&record, has_waited, &self.env.topology, out));
                    self.batch.counters.forwarded += 1;
                }
            }
            self.batch.advance(source, offset);
            self.tasks.note_time(source, time, &self.env);
        }
    }

    /// Offers output before its commit is planned, so that the producer works while more records are processed. Includes the
    /// changelog records. Otherwise a third of the bytes would be produced only at commit time, and the changelog partition
    /// would join the transaction only then.
    fn produce_early(&mut self) {
        for task in self.tasks.ready_mut() {
            let unit = RecoveryUnit::Task(task.partition);
            self.batch.output.write(unit, |out| task.log_changes(out));
        }
        self.issue_next_call();
    }

    /// Plans the commit of everything processed, and of what sweeps, barriers and first starts left to commit.
    fn plan_commit(&mut self) {
        if !self.call.is_quiet() {
            return;
        }
        let (tasks, topology) = (&mut self.tasks, &self.env.topology);
        let dirty = tasks.dirty();
        let held_back = tasks.hold_back_offsets(&mut self.batch.offsets, topology);
        tasks.complete_offsets(dirty.union(&held_back), &mut self.batch.offsets, topology);
        if self.batch.offsets.is_empty() {
            return;
        }
        for task in &dirty {
            let unit = RecoveryUnit::Task(*task);
            let task = tasks.task_mut(*task).expect("a dirty task is open");
            self.batch.output.write(unit, |out| task.plan_commit(out));
        }
        assert!(self.planned.is_none(), "one commit is planned at a time");
        self.planned = Some(self.batch.plan(dirty));
        self.issue_next_call();
    }

    fn issue_next_call(&mut self) {
        let next = self.call.next(self.outbox().len(), self.planned.is_some());
        match (next, &self.planned) {
            (Some(NextCall::Begin), _) => self.env.call(Call::Begin),
            (Some(NextCall::Offer), _) => self.env.call(Call::Offer),
            (Some(NextCall::SendOffsets), Some(commit)) => {
                assert!(!commit.offsets.is_empty(), "a transaction without offsets is not fenced");
                let offsets = commit.offsets.iter().map(|(source, next)| (*source, *next)).collect();
                let generation = self.membership.generation();
                self.env.call(Call::SendOffsets { offsets, generation });
            }
            (Some(NextCall::SendOffsets), None) => unreachable!("offsets are sent for a planned commit"),
            (None, _) => {}
        }
    }
}
