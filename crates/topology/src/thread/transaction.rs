//! The transaction: one call at a time, and what each ending of a call means.

use super::StreamThread;
use super::assignment::Holding;
use super::command::{Command, Report};
use super::event::Outcome;
use super::plan::Plan;
use super::slot::Slot;
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::Counters;

/// Where the producer stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Idle,
    Beginning,
    /// Begun, and no call is under way.
    Open,
    Producing,
    SendingOffsets,
    Committing,
    /// Committed; so many write batches are not acknowledged.
    Writing(usize),
    Aborting(After),
    /// The producer may not be used again; a new one is being made. `retry_at` is set after a failure.
    Replacing {
        retry_at: Option<LogTime>,
    },
}

/// What follows an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The batch runs again; counted, because a record in it may be the cause.
    RunAgain,
    /// What is left of the batch goes on.
    Continue,
    /// The batch is dropped: its tasks are someone else's, or are taken up anew.
    Drop,
}

#[derive(Default)]
pub(super) struct Transaction {
    pub state: State,
    /// What it carries, once its commit is planned.
    pub plan: Option<Plan>,
    /// Of the tasks in the commit that is being written.
    pub counters: Counters,
    /// Producers replaced in a row without a commit.
    pub replacements: u32,
}

impl Transaction {
    /// No call is under way, and the producer is good.
    pub fn is_quiet(&self) -> bool {
        matches!(self.state, State::Idle | State::Open)
    }

    /// The calls of a planned commit, which nobody knows the end of yet.
    pub fn is_under_way(&self) -> bool {
        let is_called = matches!(
            self.state,
            State::Beginning | State::Producing | State::SendingOffsets | State::Committing
        );
        is_called && self.plan.is_some()
    }
}

impl<S: StateStore + Clone> StreamThread<S> {
    /// The next call of the transaction, if one is due.
    pub(super) fn step(&mut self) {
        let sent = self.transaction.plan.as_ref().map_or(self.work.sent, |plan| plan.sent);
        let unsent = self.outbox().len() > sent;
        let (state, command) = match (self.transaction.state, &self.transaction.plan) {
            (State::Idle, plan) if unsent || plan.is_some() => (State::Beginning, Command::Begin),
            (State::Open, _) if unsent => (State::Producing, Command::Produce { from: sent }),
            (State::Open, Some(plan)) => {
                let offsets = plan.offsets.iter().map(|(source, next)| (*source, *next)).collect();
                (
                    State::SendingOffsets,
                    Command::SendOffsets { offsets, generation: self.assignment.generation },
                )
            }
            (
                State::Idle
                | State::Open
                | State::Beginning
                | State::Producing
                | State::SendingOffsets
                | State::Committing
                | State::Writing(_)
                | State::Aborting(_)
                | State::Replacing { .. },
                _,
            ) => return,
        };
        self.transaction.state = state;
        self.command(command);
    }

    pub(super) fn began(&mut self, outcome: Outcome) {
        if self.is_done(outcome) {
            self.go_on();
        }
    }

    pub(super) fn produced(&mut self, outcome: Outcome) {
        if self.is_done(outcome) {
            match &mut self.transaction.plan {
                Some(plan) => plan.sent = plan.outbox.len(),
                None => self.work.sent = self.work.outbox.len(),
            }
            self.go_on();
        }
    }

    /// No call is under way. A revocation or a failure that came in the midst of one ends a transaction whose commit is not
    /// planned.
    fn go_on(&mut self) {
        self.transaction.state = State::Open;
        if self.transaction.plan.is_some() {
            self.step();
        } else if self.assignment.state == Holding::Revoking {
            self.abandon(After::Drop);
        } else if !self.work.failed.is_empty() {
            self.abandon(After::Continue);
        } else {
            self.step();
        }
    }

    pub(super) fn offsets_sent(&mut self, outcome: Outcome) {
        if self.is_done(outcome) {
            self.transaction.state = State::Committing;
            self.command(Command::Commit);
        }
    }

    /// Only an acknowledged commit reaches the stores.
    pub(super) fn committed(&mut self, outcome: Outcome, changelog_next: &[(i32, i64)]) {
        if !self.is_done(outcome) {
            return;
        }
        self.transaction.replacements = 0;
        let tasks = self.transaction.plan.as_ref().map(|plan| plan.tasks.clone()).unwrap_or_default();
        self.transaction.state = State::Writing(tasks.len());
        for partition in &tasks {
            let next = changelog_next.iter().find(|(task, _)| task == partition).map(|(_, next)| *next);
            let task =
                self.slots.get_mut(partition).and_then(Slot::task).expect("planned tasks are taken up");
            let (batch, mut counters) = task.committed(next, self.wall);
            self.transaction.counters.take_from(&mut counters);
            self.command(Command::Write { task: *partition, batch });
        }
        if tasks.is_empty() {
            self.transaction.state = State::Idle;
            self.complete();
        }
    }

    pub(super) fn written(&mut self, task: i32, result: Result<(), String>) {
        let State::Writing(left) = self.transaction.state else {
            if let Err(reason) = result {
                self.fail_task(task, &reason);
            }
            return;
        };
        if let Err(reason) = result {
            self.fail_task_at_work(task, reason);
        }
        self.transaction.state = State::Writing(left - 1);
        if left == 1 {
            self.transaction.state = State::Idle;
            self.complete();
        }
    }

    pub(super) fn aborted(&mut self, outcome: Outcome) {
        let State::Aborting(after) = self.transaction.state else {
            return;
        };
        match outcome {
            Outcome::Done => {
                self.transaction.state = State::Idle;
                self.follow(after);
            }
            Outcome::Abortable(reason) | Outcome::Unknown(reason) => self.replace_producer(reason),
            Outcome::FencedByGroup => self.replace_producer("the abort was fenced".to_owned()),
        }
    }

    /// Takes back what is not committed, on the broker too if a transaction is open.
    pub(super) fn abandon(&mut self, after: After) {
        self.take_back();
        match self.transaction.state {
            State::Open => {
                self.transaction.state = State::Aborting(after);
                self.command(Command::Abort);
            }
            State::Idle => self.follow(after),
            State::Beginning
            | State::Producing
            | State::SendingOffsets
            | State::Committing
            | State::Writing(_)
            | State::Aborting(_)
            | State::Replacing { .. } => {}
        }
    }

    pub(super) fn producer_replaced(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.transaction.state = State::Idle;
                self.retake();
                self.settle();
            }
            Err(reason) if self.transaction.replacements >= self.limits.producer_replacements_max => {
                let tried = self.transaction.replacements;
                self.command(Command::Fail(format!(
                    "no transactional producer after {tried} attempts: {reason}"
                )));
            }
            Err(reason) => {
                self.report(Report::UnknownOutcome { reason });
                let retry_at = Some(self.passed.plus(self.limits.task_retry_ms));
                self.transaction.state = State::Replacing { retry_at };
            }
        }
    }

    /// Nobody knows what became of the transaction: nothing more on this producer, nothing kept of the batch.
    pub(super) fn replace_producer(&mut self, reason: String) {
        self.report(Report::UnknownOutcome { reason });
        self.take_back();
        self.work.drop_batch();
        self.transaction.replacements += 1;
        self.transaction.state = State::Replacing { retry_at: None };
        self.command(Command::ReplaceProducer);
    }

    fn is_done(&mut self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Done => return true,
            Outcome::Abortable(reason) => {
                self.report(Report::Aborted { reason });
                self.take_back();
                self.transaction.state = State::Aborting(After::RunAgain);
                self.command(Command::Abort);
            }
            Outcome::FencedByGroup => {
                self.report(Report::Fenced);
                self.fence();
                self.take_back();
                self.work.drop_batch();
                self.transaction.state = State::Aborting(After::Drop);
                self.command(Command::Abort);
            }
            Outcome::Unknown(reason) => self.replace_producer(reason),
        }
        false
    }

    fn take_back(&mut self) {
        for slot in self.slots.values_mut() {
            if let Some(task) = slot.task() {
                task.abort();
            }
        }
        self.work.rewind();
        if let Some(plan) = self.transaction.plan.take() {
            self.work.put_back(plan.batch);
        }
        self.transaction.counters = Counters::default();
    }

    fn follow(&mut self, after: After) {
        let live = self.takes_work();
        for (task, reason) in std::mem::take(&mut self.work.failed) {
            self.fail_task(task, &reason);
        }
        self.drop_orphans();
        match after {
            After::RunAgain if live => self.run_again(),
            After::Continue if live => self.advance(),
            After::RunAgain | After::Continue | After::Drop => self.work.drop_batch(),
        }
        self.settle();
    }
}
