//! The retained batch: records between fetch and commit, and how much of them a transaction takes.
//!
//! While a commit is under way the work goes on, for the next one. If that commit comes to nothing, its records are put
//! before those that came after it, and all of them run again in their order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::StreamThread;
use super::command::Report;
use super::plan::{Plan, Spare};
use super::slot::{Input, Slot};
use super::transaction::After;
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::{Counters, SourceKind, Task, forward_only};
use crate::wire::outbox::Outbox;
use crate::wire::record::{RecordBatch, SourcePartition};

/// Bytes of records after which a commit is due.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// Records and what came of them since the last plan.
#[derive(Default)]
pub(super) struct Work {
    pub batch: RecordBatch,
    /// Records of the batch that are processed.
    pub processed: usize,
    /// Where the transaction stops, while a batch is bisected.
    pub stop: Option<usize>,
    /// The batch aborted so many times in a row, for reasons that are not ownership.
    pub aborts: u32,
    pub outbox: Outbox,
    /// Records of the outbox that are with the producer.
    pub sent: usize,
    /// Next offsets of what was processed.
    pub offsets: BTreeMap<SourcePartition, i64>,
    /// Forwarded by source partitions without a home task.
    pub counters: Counters,
    pub spare: Spare,
    /// Tasks that failed and are about to be let go, and why: nothing more is processed before that.
    pub failed: BTreeMap<i32, String>,
    /// When the first record came in.
    pub since: LogTime,
    pub committed_at: LogTime,
    /// The input was drained after the last record.
    pub drained: bool,
}

impl Work {
    /// Nothing waits for a plan.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.outbox.is_empty()
    }

    /// Takes back what was done, so that the batch can run again.
    pub fn rewind(&mut self) {
        self.processed = 0;
        self.outbox.clear();
        self.sent = 0;
        self.offsets.clear();
        self.counters = Counters::default();
    }

    /// Forgets the batch as well.
    pub fn drop_batch(&mut self) {
        self.rewind();
        self.failed.clear();
        self.batch.clear();
        (self.stop, self.aborts) = (None, 0);
    }

    /// What was processed, for a commit; the rest stays.
    fn plan(&mut self, tasks: BTreeSet<i32>) -> Plan {
        let spare = std::mem::take(&mut self.spare);
        let records = self.batch.split_to(std::mem::take(&mut self.processed));
        if self.batch.is_empty() {
            self.batch = spare.batch;
        }
        Plan {
            batch: records,
            outbox: Arc::new(std::mem::replace(&mut self.outbox, spare.outbox)),
            sent: std::mem::take(&mut self.sent),
            offsets: std::mem::take(&mut self.offsets),
            counters: std::mem::take(&mut self.counters),
            tasks,
        }
    }

    /// The records of a commit that came to nothing, before those that came since.
    pub fn put_back(&mut self, mut records: RecordBatch) {
        records.append(std::mem::take(&mut self.batch));
        self.batch = records;
    }
}

impl<S: StateStore + Clone> StreamThread<S> {
    pub(super) fn fetched(&mut self, mut batch: RecordBatch, drained: bool) {
        if !self.takes_work() {
            return;
        }
        if self.work.is_empty() {
            self.work.since = self.passed;
        }
        batch.retain(|source, offset| {
            let input = self.input(source).filter(|it| it.resumed && offset >= it.next);
            let Some(input) = input else { return false };
            input.next = offset + 1;
            input.reached = input.reached.max(input.next);
            true
        });
        self.work.batch.append(batch);
        self.work.drained = drained;
        self.advance();
    }

    pub(super) fn input(&mut self, source: SourcePartition) -> Option<&mut Input> {
        match self.topology.task_of(source.topic, source.partition) {
            Some(task) => self.slots.get_mut(&task)?.inputs.get_mut(&source),
            None => self.forwarders.get_mut(&source)?.input(),
        }
    }

    /// Processes what there is, hands it to the producer, and commits when it is due. While a commit is under way it only
    /// processes.
    pub(super) fn advance(&mut self) {
        let may_process = self.transaction.is_quiet() || self.works_ahead();
        if !self.takes_work() || !may_process {
            return;
        }
        self.process();
        if !self.transaction.is_quiet() {
            return;
        }
        if self.is_commit_due() {
            self.finish();
        } else {
            self.produce_along();
        }
        self.check_gates();
    }

    /// A commit is under way, and the next one may be worked on. Not what is left of a batch that is bisected: it would
    /// run again if its first part is the culprit.
    fn works_ahead(&self) -> bool {
        self.transaction.is_under_way() && self.work.stop.is_none()
    }

    /// Where the processing of the batch ends for this transaction.
    fn end(&self) -> usize {
        self.work.stop.unwrap_or_else(|| self.work.batch.len().min(self.limits.records_per_commit_max))
    }

    fn process(&mut self) {
        while self.work.processed < self.end()
            && self.work.failed.is_empty()
            && self.work.outbox.size_bytes() < self.limits.output_bytes_max
        {
            let at = self.work.processed;
            let record = self.work.batch.get(at);
            let source = record.source;
            let given_up =
                self.work.stop == Some(at + 1) && self.work.aborts >= self.limits.aborts_before_bisect;
            let task = self.topology.task_of(source.topic, source.partition);
            let mut is_poison = false;
            let result = match task {
                Some(task) => match self.slots.get_mut(&task).and_then(|slot| slot.task()) {
                    Some(task) if given_up => {
                        is_poison = task.give_up(&record, &mut self.work.outbox);
                        Ok(())
                    }
                    Some(task) => task.process(&record, self.wall, &mut self.work.outbox),
                    None => unreachable!("records of tasks that are not taken up are dropped"),
                },
                None => {
                    forward_only(&record, &self.topology, &mut self.work.outbox);
                    self.work.counters.forwarded += 1;
                    Ok(())
                }
            };
            let (offset, time) = (record.offset, record.timestamp);
            match result {
                Ok(()) => {
                    self.work.offsets.insert(source, offset + 1);
                    self.work.processed += 1;
                    self.work.counters.count_record(source.topic);
                    self.note_time(source, time);
                    if is_poison {
                        self.report(Report::Poison { source, offset });
                    }
                }
                Err(error) => {
                    return self.fail_task_at_work(task.expect("a task failed"), error.to_string());
                }
            }
        }
    }

    /// With the changelog's share of it: a third of the bytes would wait for the commit, and its partition become part of
    /// the transaction only then.
    fn produce_along(&mut self) {
        for task in self.slots.values_mut().filter_map(Slot::task) {
            task.log_along(&mut self.work.outbox);
        }
        if self.work.outbox.len() > self.work.sent {
            self.step();
        }
    }

    pub(super) fn commit_due_at(&self) -> LogTime {
        let capped = self.work.since.plus(self.limits.commit_interval_max_ms);
        let drained = self.work.committed_at.plus(self.limits.commit_interval_min_ms);
        if self.work.drained { capped.min(drained) } else { capped }
    }

    fn is_commit_due(&self) -> bool {
        let work = &self.work;
        if work.processed == 0 {
            return false;
        }
        work.stop.is_some()
            || work.batch.len() >= self.limits.records_per_commit_max
            || work.batch.size_bytes() >= BATCH_BYTES_MAX
            || work.outbox.size_bytes() >= self.limits.output_bytes_max
            || self.passed >= self.commit_due_at()
    }

    /// Plans the commit of everything processed, and of what the sweep and first starts left to commit.
    pub(super) fn finish(&mut self) {
        if !self.transaction.is_quiet() {
            return;
        }
        let is_dirty = |slot: &Slot<S>| slot.stage.task().is_some_and(Task::is_dirty);
        let dirty = self.slots.iter().filter(|(_, slot)| is_dirty(slot)).map(|(task, _)| *task);
        let dirty: BTreeSet<i32> = dirty.collect();
        let held_back = self.hold_back_unmarked();
        self.add_missing_offsets(dirty.union(&held_back));
        if self.work.offsets.is_empty() {
            return;
        }
        for task in &dirty {
            let task = self.slots.get_mut(task).and_then(Slot::task).expect("it was there");
            task.plan_commit(&mut self.work.outbox);
        }
        self.transaction.plan = Some(self.work.plan(dirty));
        self.step();
    }

    /// The call that carries offsets is the ownership fence, so every task that is written for must have one in it. Starts
    /// that were decided are committed in the group as well as in the state.
    fn add_missing_offsets<'a>(&mut self, written_for: impl Iterator<Item = &'a i32>) {
        for task in written_for {
            let slot = &self.slots[task];
            let is_lacking = !slot.inputs.keys().any(|source| self.work.offsets.contains_key(source));
            let starts = slot.stage.task().into_iter().flat_map(|task| task.positions().starts());
            let inputs = slot.inputs.iter().map(|(source, input)| (*source, input.committed));
            let missing: Vec<_> = starts
                .chain(inputs.filter(|_| is_lacking))
                .filter(|(source, _)| !self.is_unmarked(*source))
                .collect();
            for (source, next) in missing {
                self.work.offsets.entry(source).or_insert(next);
            }
        }
        for (source, forwarder) in &self.forwarders {
            if let Some(start) = forwarder.uncommitted_start() {
                self.work.offsets.entry(*source).or_insert(start);
            }
        }
    }

    /// The group has an offset of a broadcast topic only from the transaction of its mark on: whoever sees one may
    /// forward. Nobody resumes there, the position in the state alone decides. Returns the tasks whose offsets these are.
    fn hold_back_unmarked(&mut self) -> BTreeSet<i32> {
        let unmarked: Vec<_> = self.work.offsets.keys().copied().filter(|it| self.is_unmarked(*it)).collect();
        for source in &unmarked {
            self.work.offsets.remove(source);
        }
        unmarked.iter().filter_map(|it| self.topology.task_of(it.topic, it.partition)).collect()
    }

    /// A broadcast topic whose mark was not sent.
    fn is_unmarked(&self, source: SourcePartition) -> bool {
        let SourceKind::Broadcast(broadcast) = self.topology.source(source.topic).kind else {
            return false;
        };
        let task = self.topology.task_of(source.topic, source.partition);
        let slot = task.and_then(|task| self.slots.get(&task));
        let task = slot.and_then(|slot| slot.stage.task());
        !task.is_some_and(|task| task.has_broadcast_mark(broadcast).unwrap_or(false))
    }

    /// The transaction is committed and written.
    pub(super) fn complete(&mut self) {
        let mut plan = self.transaction.plan.take().unwrap_or_default();
        for (source, next) in &plan.offsets {
            if let Some(input) = self.input(*source) {
                input.committed = *next;
            }
            if let Some(forwarder) = self.forwarders.get_mut(source) {
                forwarder.start_committed();
            }
        }
        let mut counters = std::mem::take(&mut plan.counters);
        counters.take_from(&mut self.transaction.counters);
        self.report(Report::Committed { counters: Box::new(counters), records: plan.batch.len() });
        let work = &mut self.work;
        work.spare = plan.into_spare();
        (work.stop, work.aborts) = (None, 0);
        work.committed_at = self.passed;
        self.ask_unmarked(|_| true);
        if !self.work.failed.is_empty() {
            self.abandon(After::Continue);
        }
        self.punctuate();
        self.check_gates();
        self.settle();
    }

    /// The transaction was aborted for a reason that is not ownership: the batch runs again in its order, and after a
    /// few times in ever smaller parts, until the record that no transaction can carry stands alone.
    pub(super) fn run_again(&mut self) {
        self.work.rewind();
        self.work.aborts += 1;
        let part = self.end();
        if self.work.aborts >= self.limits.aborts_before_bisect && part > 0 {
            if part > 1 {
                self.work.stop = Some(part / 2);
                self.work.aborts = self.limits.aborts_before_bisect - 1;
            } else {
                self.work.stop = Some(1);
            }
        }
        self.advance();
    }

    /// A task failed while the batch was worked on: as soon as no call is under way, everything is taken back, and the
    /// rest runs again without it.
    pub(super) fn fail_task_at_work(&mut self, task: i32, reason: String) {
        self.work.failed.insert(task, reason);
        if self.transaction.is_quiet() {
            self.abandon(After::Continue);
        }
    }

    /// Forgets records of tasks that are not taken up any more: they are read again when their task is.
    pub(super) fn drop_orphans(&mut self) {
        let mut orphaned =
            |source: SourcePartition| match self.topology.task_of(source.topic, source.partition) {
                Some(task) => self.slots.get_mut(&task).and_then(|slot| slot.task()).is_none(),
                None => false,
            };
        let before = self.work.batch.len();
        self.work.batch.retain(|source, _| !orphaned(source));
        self.work.processed = 0;
        if self.work.batch.len() < before {
            // The parts of another batch; bisecting begins anew.
            self.work.stop = None;
        }
    }
}
