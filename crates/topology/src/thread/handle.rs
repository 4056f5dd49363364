//! What each event means: its facts go to their owners. Decides nothing: it returns what `drive` must look at.

use super::StreamThread;
use std::collections::BTreeSet;

use super::call::{AfterAbort, NextStep, TooManyProducers};
use super::command::{Call, StoreOperation};
use super::drive::Due;
use super::event::{CallOutcome, Event, NoProducer, Refusal, RefusedScope};
use super::membership::missing_home;
use super::report::ThreadReport;
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::Counters;
use crate::wire::record::{RecordBatch, SourcePartition};

impl<S: StateStore + Clone> StreamThread<S> {
    pub(super) fn handle(&mut self, event: Event<S>) -> Due {
        let env = &mut self.env;
        match event {
            Event::Fetched { batch, caught_up } => return self.fetched(batch, caught_up),
            Event::ReachedEnd { source, offset } => {
                if let Some(input) = self.tasks.input(source, &env.topology) {
                    input.reached = input.reached.max(offset);
                }
                return Due::work();
            }
            Event::OutOfRange { source } => self.out_of_range(source),
            Event::Tick => return self.tick(),
            Event::Assigned { partitions, generation } => self.assigned(partitions, generation),
            Event::Revoked { lost } => return self.revoked(lost),
            Event::Stop => return self.revoked(false),
            Event::Opened { assignment, task, result } => self.tasks.opened(assignment, task, result, env),
            Event::StableOffsets { assignment, unit, result } => {
                let result = result.map(|stable| stable.into_iter().collect());
                self.tasks.offsets_known(assignment, unit, result, env);
            }
            Event::OffsetRanges { assignment, unit, result } => {
                return Due {
                    work: self.tasks.ranges_known(assignment, unit, result, env),
                    ..Due::default()
                };
            }
            Event::Restored { assignment, task, result } => {
                return Due { work: self.tasks.restored(assignment, task, result, env), ..Due::default() };
            }
            Event::InputEnds { assignment, asked_at, ends } => {
                self.tasks.ends_known(assignment, asked_at, &ends, &env.topology);
            }
            Event::Written { task, result } => return self.written(task, result),
            Event::Began(outcome)
            | Event::Offered(outcome)
            | Event::OffsetsSent(outcome)
            | Event::Aborted(outcome) => return self.call_ended(outcome, &[]),
            Event::Committed { outcome, changelog_next } => {
                return self.call_ended(outcome, &changelog_next);
            }
            Event::ProducerReplaced(result) => return self.producer_replaced(result),
        }
        Due::default()
    }

    fn fetched(&mut self, mut records: RecordBatch, caught_up: bool) -> Due {
        if !self.takes_work() {
            return Due::default();
        }
        let (tasks, topology) = (&mut self.tasks, &self.env.topology);
        records
            .retain(|source, offset| tasks.input(source, topology).is_some_and(|input| input.reads(offset)));
        self.batch.append(records, caught_up, self.env.clock.monotonic);
        Due::work()
    }

    /// The log no longer holds the position: the task or the forwarder is placed again.
    fn out_of_range(&mut self, source: SourcePartition) {
        match self.env.topology.task_of(source.topic, source.partition) {
            Some(task) => {
                let (topic, partition) = (&self.env.topology.source(source.topic).name, source.partition);
                let reason = format!(
                    "`{topic}` partition {partition} does not hold what was read: retention has removed what follows, or the \
                     log was cut and written again (unclean leader election). If this lasts, bring the lost replica back, \
                     or create the topic again"
                );
                self.tasks.fail_later(task, reason);
            }
            None => self.tasks.forwarder_out_of_range(source, &mut self.env),
        }
    }

    fn tick(&mut self) -> Due {
        let now = self.env.clock.monotonic;
        self.timers.tick(now, &self.env.limits);
        if self.call.is_replacing() {
            self.make_producer();
        } else if self.is_fence_over(now) {
            self.reinitialise_all();
        } else {
            self.tasks.retry_failed(&mut self.env);
            self.tasks.retry_refused(&mut self.env);
        }
        Due { work: true, timers: true, ..Due::default() }
    }

    /// The rebalance that must follow a fence has not come.
    fn is_fence_over(&self, now: LogTime) -> bool {
        let since = self.membership.fenced_since();
        since.is_some_and(|since| now.since(since) >= self.env.limits.fence_wait_ms)
    }

    fn assigned(&mut self, partitions: Vec<SourcePartition>, generation: i32) {
        if let Some(missing) = missing_home(&self.env.topology, &partitions) {
            return self.env.report(ThreadReport::Misassigned { reason: missing });
        }
        self.membership.assign(partitions, generation);
        // Otherwise the tasks are initialised when the new producer is there.
        if !self.call.is_replacing() {
            self.tasks.initialise_all(self.membership.partitions(), &mut self.env);
        }
    }

    fn revoked(&mut self, lost: bool) -> Due {
        if self.membership.holds_nothing() {
            return Due::default();
        }
        let is_lost = lost || self.membership.fenced_since().is_some();
        self.membership.revoke();
        if is_lost {
            self.roll_back();
        }
        Due { last_commit: !is_lost, ..Due::default() }
    }

    fn written(&mut self, task: i32, result: Result<(), String>) -> Due {
        let is_of_commit = self.planned.as_ref().is_some_and(|commit| commit.tasks.contains(&task));
        if !self.call.is_writing() || !is_of_commit {
            if let Err(reason) = result {
                self.tasks.fail(task, reason, &mut self.env);
            }
            return Due::default();
        }
        if let Err(reason) = result {
            self.tasks.fail_later(task, reason);
        }
        if self.call.written() { self.commit_done() } else { Due::default() }
    }

    fn call_ended(&mut self, outcome: CallOutcome, changelog_next: &[(i32, i64)]) -> Due {
        match self.call.ended(outcome, self.env.clock.monotonic, &self.env.limits) {
            NextStep::Continue => {}
            NextStep::Commit => self.env.call(Call::Commit),
            NextStep::WriteStores => return self.write_stores(changelog_next),
            NextStep::AfterAbort(after) => {
                self.after_abort(after);
                return Due::work();
            }
            NextStep::AbortRefused(refusal) => {
                self.refused(refusal);
                self.env.call(Call::Abort);
            }
            NextStep::AbortFenced => {
                self.env.report(ThreadReport::Fenced);
                if self.membership.fence(self.env.clock.monotonic) {
                    self.tasks.pause(self.membership.partitions(), &mut self.env);
                }
                self.roll_back();
                self.drop_batch();
                self.env.call(Call::Abort);
            }
            NextStep::ReplaceProducer { reason } => {
                self.env.report(ThreadReport::UnknownOutcome { reason });
                self.roll_back();
                self.drop_batch();
                if self.membership.is_active() {
                    self.tasks.pause(self.membership.partitions(), &mut self.env);
                }
                self.make_producer();
            }
        }
        Due::default()
    }

    /// Only an acknowledged commit reaches the stores.
    fn write_stores(&mut self, changelog_next: &[(i32, i64)]) -> Due {
        // A lost assignment has rolled its commit back, although the commit succeeded: then nothing is written.
        let tasks = self.planned.as_ref().map(|commit| commit.tasks.clone()).unwrap_or_default();
        for partition in &tasks {
            let next = changelog_next.iter().find(|(task, _)| task == partition).map(|(_, next)| *next);
            let task = self.tasks.task_mut(*partition).expect("a planned task stays open");
            let cut = task.changelog_cut(next);
            let (batch, mut counters) = task.committed(next, self.env.clock.wall);
            self.counters.take_from(&mut counters);
            self.env.store(StoreOperation::Write { task: *partition, batch });
            if let Some(reason) = cut {
                self.tasks.fail_later(*partition, reason);
            }
        }
        if self.call.write(tasks.len()) { self.commit_done() } else { Due::default() }
    }

    /// The transaction is committed, and the stores are written.
    fn commit_done(&mut self) -> Due {
        // A lost assignment has rolled its commit back. One that ends in good order commits what lies over this commit.
        let is_in_order = self.planned.is_some() && !self.tasks.has_failing();
        let last_commit = self.membership.is_revoking() && is_in_order;
        let mut commit = self.planned.take().unwrap_or_default();
        self.tasks.committed(&commit.offsets, &self.env);
        let mut counters = std::mem::take(&mut commit.counters);
        counters.take_from(&mut self.counters);
        let records = commit.batch.len();
        self.env.report(ThreadReport::Committed { counters: Box::new(counters), records });
        self.batch.committed(commit.into_buffers(), self.env.clock.monotonic);
        self.tasks.ask_unmarked(&mut self.env);
        Due { work: true, timers: true, gates: true, last_commit }
    }

    /// The transaction is aborted, or there was none. Releases the tasks that failed, and keeps what may run again.
    pub(super) fn after_abort(&mut self, after: AfterAbort) {
        self.tasks.release_failing(&mut self.env);
        self.drop_paused_records();
        match after {
            AfterAbort::RunAgain if self.takes_work() => {}
            AfterAbort::RunAgain | AfterAbort::Drop => self.drop_batch(),
        }
    }

    /// The cluster does not take the transaction: those who wrote what it refuses wait, and the others go on.
    fn refused(&mut self, Refusal { scope, reason }: Refusal) {
        let units = match scope {
            RefusedScope::Topics(topics) => {
                let (outbox, writers) = match &self.planned {
                    Some(commit) => (&*commit.outbox, &commit.writers),
                    None => (&self.batch.output.outbox, &self.batch.output.writers),
                };
                writers.to(&topics, outbox)
            }
            RefusedScope::Everything => BTreeSet::new(),
        };
        // Nobody is known to have written it.
        let units = if units.is_empty() { self.tasks.units() } else { units };
        self.roll_back();
        self.tasks.refuse(&units, &reason, &mut self.env);
        self.drop_paused_records();
        self.env.report(ThreadReport::Refused { units: units.into_iter().collect(), reason });
    }

    /// Drops the records of sources that are not read: they are read again when their task or forwarder resumes.
    fn drop_paused_records(&mut self) {
        let (tasks, topology) = (&mut self.tasks, &self.env.topology);
        self.batch.drop_records(|source| !tasks.input(source, topology).is_some_and(|it| it.is_resumed));
    }

    /// Makes a new producer, if that is due.
    fn make_producer(&mut self) {
        match self.call.makes_producer(self.env.clock.monotonic, &self.env.limits) {
            Ok(true) => self.env.call(Call::ReplaceProducer),
            Ok(false) => {}
            Err(too_many) => self.give_up(&too_many),
        }
    }

    fn producer_replaced(&mut self, result: Result<(), NoProducer>) -> Due {
        let Err(why) = result else {
            self.call.replaced();
            self.reinitialise_all();
            return Due::work();
        };
        if let NoProducer::Failed(reason) = &why {
            self.env.report(ThreadReport::UnknownOutcome { reason: reason.clone() });
        }
        if let Err(too_many) = self.call.not_replaced(why, self.env.clock.monotonic, &self.env.limits) {
            self.give_up(&too_many);
        }
        Due::default()
    }

    fn give_up(&mut self, TooManyProducers { attempts, reason }: &TooManyProducers) {
        self.env
            .fail(format!("{attempts} transactional producers, and none could end a transaction: {reason}"));
    }

    /// Every task takes the assign path again, in the same assignment.
    fn reinitialise_all(&mut self) {
        if self.membership.holds_nothing() || self.membership.is_revoking() {
            return;
        }
        self.membership.resume();
        self.tasks.release_all(&mut self.env);
        self.tasks.pause(self.membership.partitions(), &mut self.env);
        self.tasks.initialise_all(self.membership.partitions(), &mut self.env);
    }

    /// Forgets everything that is not known to be committed. The records stay.
    pub(super) fn roll_back(&mut self) {
        for task in self.tasks.ready_mut() {
            task.abort();
        }
        self.batch.roll_back(self.planned.take());
        self.counters = Counters::default();
    }

    pub(super) fn drop_batch(&mut self) {
        self.tasks.forget_failing();
        self.batch.clear();
    }
}
