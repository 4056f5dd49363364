//! The tasks of this thread and its forward-only partitions: their recovery, their gates, and their failures.
//!
//! Owns the slots and the forwarders. Begins no transaction: it returns what must be committed.

use std::collections::{BTreeMap, BTreeSet};

use super::command::{Fetch, Question};
use super::environment::Environment;
use super::forwarder::Forwarders;
use super::ids::{AssignmentId, OffsetRanges, RecoveryUnit};
use super::lifecycle::{Lifecycle, StableOffsets, TaskStage};
use super::output::Output;
use super::refusals::Refusals;
use super::report::ThreadReport;
use super::slot::{Input, TaskSlot};
use crate::deployment::{SourceKind, Topology};
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::task::Task;
use crate::wire::record::SourcePartition;

/// Append times further ahead of the wall clock than this do not move the sweep watermark. Milliseconds.
const TIME_AHEAD_MAX_MS: u64 = 5 * 60 * 1000;

pub(super) struct Tasks<S> {
    /// Answers to questions of an earlier assignment are ignored.
    assignment: AssignmentId,
    slots: BTreeMap<i32, TaskSlot<S>>,
    forwarders: Forwarders,
    /// Tasks that failed and are not released yet, and why. No record is processed before they are.
    failing: BTreeMap<i32, String>,
    /// Outlives the initialisation by a new producer, and ends with the assignment.
    refusals: Refusals,
}

/// What a look at the gates found.
#[derive(Default)]
pub(super) struct GateCheck {
    /// Something must be committed before a gate can open.
    pub must_commit: bool,
    /// Broadcast topics whose barriers were emitted, with the offsets of the group. Their transaction commits these.
    pub barriers: Vec<(SourcePartition, i64)>,
}

impl<S> Default for Tasks<S> {
    fn default() -> Self {
        Self {
            assignment: AssignmentId::default(),
            slots: BTreeMap::new(),
            forwarders: Forwarders::default(),
            failing: BTreeMap::new(),
            refusals: Refusals::default(),
        }
    }
}

impl<S: StateStore + Clone> Tasks<S> {
    pub(super) fn stages(&self) -> impl Iterator<Item = (i32, TaskStage<'_>)> {
        self.slots.iter().map(|(task, slot)| {
            let refused = self.refusals.reason(RecoveryUnit::Task(*task));
            (*task, refused.map_or(slot.lifecycle.stage(), |reason| TaskStage::Refused { reason }))
        })
    }

    /// Why a forward-only partition does not serve, if one does not.
    pub(super) fn forwarder_refusal(&self) -> Option<&str> {
        self.refusals.forwarder_reason()
    }

    /// A task waits for answers that do not come through the poll.
    pub(super) fn is_recovering(&self) -> bool {
        let is_at_rest = |slot: &TaskSlot<S>| {
            matches!(slot.lifecycle, Lifecycle::Running(_) | Lifecycle::Refused(_) | Lifecycle::Failed { .. })
        };
        !self.slots.values().all(is_at_rest)
    }

    pub(super) fn task_mut(&mut self, task: i32) -> Option<&mut Task<S>> {
        self.slots.get_mut(&task)?.lifecycle.task_mut()
    }

    /// Tasks whose state is complete.
    pub(super) fn ready_mut(&mut self) -> impl Iterator<Item = &mut Task<S>> {
        self.slots.values_mut().filter_map(|slot| slot.lifecycle.task_mut())
    }

    /// Tasks with something to commit.
    pub(super) fn dirty(&self) -> BTreeSet<i32> {
        self.slots.iter().filter(|(_, slot)| slot.is_dirty()).map(|(task, _)| *task).collect()
    }

    pub(super) fn input(&mut self, source: SourcePartition, topology: &Topology) -> Option<&mut Input> {
        match topology.task_of(source.topic, source.partition) {
            Some(task) => self.slots.get_mut(&task)?.inputs.get_mut(&source),
            None => self.forwarders.input(source),
        }
    }

    /// A record of this source has this append time.
    pub(super) fn note_time(&mut self, source: SourcePartition, time: LogTime, env: &Environment) {
        let plausible = env.clock.wall.plus(TIME_AHEAD_MAX_MS);
        if let Some(input) = self.input(source, &env.topology)
            && time <= plausible
        {
            input.time = input.time.max(time);
        }
    }

    /// Initialises every task and forwarder of the assigned partitions.
    pub(super) fn initialise_all(&mut self, partitions: &[SourcePartition], env: &mut Environment) {
        self.assignment.0 += 1;
        let mut tasks: BTreeMap<i32, Vec<SourcePartition>> = BTreeMap::new();
        for source in partitions {
            match env.topology.task_of(source.topic, source.partition) {
                Some(task) => tasks.entry(task).or_default().push(*source),
                None => self.forwarders.ask(*source, self.assignment, env),
            }
        }
        for (task, sources) in tasks {
            let mut slot = TaskSlot::new(task, sources);
            slot.open(self.assignment, env);
            self.slots.insert(task, slot);
        }
    }

    /// Ends everything of the assignment.
    pub(super) fn release_all(&mut self, env: &mut Environment) {
        env.cancel_questions();
        self.slots.clear();
        self.forwarders.clear();
        self.failing.clear();
    }

    /// All tasks and forwarders that write.
    pub(super) fn units(&self) -> BTreeSet<RecoveryUnit> {
        let tasks = self.slots.values().filter(|slot| slot.lifecycle.task().is_some());
        let tasks = tasks.map(|slot| RecoveryUnit::Task(slot.task));
        tasks.chain(self.forwarders.placed().map(RecoveryUnit::Forwarder)).collect()
    }

    /// The cluster refuses what these have written: they wait.
    pub(super) fn refuse(&mut self, units: &BTreeSet<RecoveryUnit>, reason: &str, env: &mut Environment) {
        for unit in units {
            let was_at_work = match unit {
                RecoveryUnit::Task(task) => self.slots.get_mut(task).is_some_and(|slot| slot.refuse(env)),
                RecoveryUnit::Forwarder(source) => self.forwarders.refuse(*source, env),
            };
            if was_at_work {
                self.refusals.refuse(*unit, reason, env.clock.monotonic, &env.limits);
            }
        }
    }

    /// Tries those again whose pause is over, and forgets refusals that are over.
    pub(super) fn retry_refused(&mut self, env: &mut Environment) {
        let now = env.clock.monotonic;
        for unit in self.refusals.take_due(now, &env.limits) {
            match unit {
                RecoveryUnit::Task(task) => {
                    if let Some(slot) = self.slots.get_mut(&task) {
                        slot.retry_refused(env);
                    }
                }
                RecoveryUnit::Forwarder(source) => self.forwarders.retry_refused(source),
            }
        }
        let units = self.refusals.end(now);
        if units > 0 {
            env.report(ThreadReport::RefusalOver { units });
        }
    }

    /// The assignment has ended.
    pub(super) fn forget_refusals(&mut self) {
        self.refusals.clear();
    }

    /// A task failed. It is released as soon as no call is under way, because a commit that writes for it may succeed.
    pub(super) fn fail_later(&mut self, task: i32, reason: String) {
        self.failing.insert(task, reason);
    }

    pub(super) fn has_failing(&self) -> bool {
        !self.failing.is_empty()
    }

    pub(super) fn forget_failing(&mut self) {
        self.failing.clear();
    }

    /// Releases the tasks that failed.
    pub(super) fn release_failing(&mut self, env: &mut Environment) {
        for (task, reason) in std::mem::take(&mut self.failing) {
            self.fail(task, reason, env);
        }
    }

    /// The task cannot go on; it is tried again later, and the others go on.
    pub(super) fn fail(&mut self, task: i32, reason: String, env: &mut Environment) {
        if let Some(slot) = self.slots.get_mut(&task) {
            slot.fail(reason, env);
        }
    }

    /// Tries failed tasks again whose time has come.
    pub(super) fn retry_failed(&mut self, env: &mut Environment) {
        let now = env.clock.monotonic;
        self.forwarders.ask_unmarked(self.assignment, env, |ask_at| now >= ask_at);
        for slot in self.slots.values_mut() {
            if matches!(slot.lifecycle, Lifecycle::Failed { retry_at, .. } if now >= retry_at) {
                slot.retry();
                slot.open(self.assignment, env);
            }
        }
    }

    /// A commit has ended: the barriers that forwarders wait for may be there.
    pub(super) fn ask_unmarked(&mut self, env: &mut Environment) {
        self.forwarders.ask_unmarked(self.assignment, env, |_| true);
    }

    /// Whether a record of a forward-only partition waited there before anybody read the partition.
    pub(super) fn has_waited(&self, source: SourcePartition, offset: i64) -> bool {
        self.forwarders.has_waited(source, offset)
    }

    /// The position of a forward-only partition is not in its log.
    pub(super) fn forwarder_out_of_range(&mut self, source: SourcePartition, env: &mut Environment) {
        self.forwarders.out_of_range(source, self.assignment, env);
    }

    pub(super) fn opened(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        result: Result<S, String>,
        env: &mut Environment,
    ) {
        let Some(slot) = self.current(assignment, task) else { return };
        if let Err(reason) = result.and_then(|store| slot.opened(store, assignment, env)) {
            slot.fail(reason, env);
        }
    }

    pub(super) fn offsets_known(
        &mut self,
        assignment: AssignmentId,
        unit: RecoveryUnit,
        result: Result<StableOffsets, String>,
        env: &mut Environment,
    ) {
        if assignment != self.assignment {
            return;
        }
        match (unit, result) {
            (RecoveryUnit::Task(task), Ok(stable)) => {
                if let Some(slot) = self.slots.get_mut(&task) {
                    slot.offsets_known(stable, assignment, env);
                }
            }
            (RecoveryUnit::Forwarder(source), Ok(stable)) => {
                self.forwarders.offsets_known(source, &stable, assignment, env);
            }
            (unit, Err(reason)) => self.question_failed(unit, reason, env),
        }
    }

    /// Returns whether a forwarder has a start that may have to be committed.
    pub(super) fn ranges_known(
        &mut self,
        assignment: AssignmentId,
        unit: RecoveryUnit,
        result: Result<OffsetRanges, String>,
        env: &mut Environment,
    ) -> bool {
        if assignment != self.assignment {
            return false;
        }
        match (unit, result) {
            (RecoveryUnit::Task(task), Ok(ranges)) => {
                if let Some(slot) = self.slots.get_mut(&task)
                    && let Err(reason) = slot.ranges_known(ranges, assignment, env)
                {
                    slot.fail(reason, env);
                }
            }
            (RecoveryUnit::Forwarder(source), Ok(ranges)) => {
                match self.forwarders.range_known(source, &ranges, env) {
                    Ok(is_placed) => return is_placed,
                    Err(reason) => env.fail(reason),
                }
            }
            (unit, Err(reason)) => self.question_failed(unit, reason, env),
        }
        false
    }

    /// Returns whether a task's state is complete.
    pub(super) fn restored(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        result: Result<u64, String>,
        env: &mut Environment,
    ) -> bool {
        let Some(slot) = self.current(assignment, task) else { return false };
        match result.and_then(|restored| slot.restored(restored, env)) {
            Ok(is_complete) => is_complete,
            Err(reason) => {
                slot.fail(reason, env);
                false
            }
        }
    }

    /// Inputs that were read up to their ends are known to be empty as of the time of the question.
    pub(super) fn ends_known(
        &mut self,
        assignment: AssignmentId,
        asked_at: LogTime,
        ends: &[(SourcePartition, i64)],
        topology: &Topology,
    ) {
        if assignment != self.assignment {
            return;
        }
        for (source, end) in ends {
            if let Some(input) = self.input(*source, topology)
                && input.reached >= *end
            {
                input.empty_at = Some(asked_at);
            }
        }
    }

    /// A commit has these offsets: at least one of each task that it wrote for.
    pub(super) fn committed(&mut self, offsets: &BTreeMap<SourcePartition, i64>, env: &Environment) {
        for (source, next) in offsets {
            if let Some(input) = self.input(*source, &env.topology) {
                input.committed = *next;
            }
            self.forwarders.committed(*source);
            let task = env.topology.task_of(source.topic, source.partition);
            let unit = task.map_or(RecoveryUnit::Forwarder(*source), RecoveryUnit::Task);
            self.refusals.committed(unit, env.clock.monotonic, &env.limits);
        }
    }

    /// Opens the gates of tasks that have everything they waited for, and starts forwarders. Called only between
    /// transactions, because what is not committed opens nothing, and only when everything that was read is processed,
    /// because a barrier follows what it marks the end of.
    pub(super) fn check_gates(&mut self, output: &mut Output, env: &mut Environment) -> GateCheck {
        let mut check = GateCheck::default();
        let (mut informed, mut open) = (Vec::new(), Vec::new());
        for (partition, slot) in &mut self.slots {
            if !matches!(slot.lifecycle, Lifecycle::Gated(_)) {
                continue;
            }
            check.barriers.extend(slot.emit_barriers(&env.topology, output));
            let has_read_directory = slot.has_read_directory(&env.topology);
            if has_read_directory {
                informed.push(*partition);
            }
            check.must_commit |= slot.is_dirty();
            let has_barriers = |task: &Task<S>| task.has_all_barriers().unwrap_or(false);
            if has_read_directory && !slot.is_dirty() && slot.lifecycle.task().is_some_and(has_barriers) {
                open.push(*partition);
            }
        }
        for task in informed {
            self.slot(task).resume(env, |kind| kind == SourceKind::Repartition);
        }
        for task in open {
            self.slot(task).open_gate(env);
        }
        check.must_commit |= self.forwarders.start(env) | !check.barriers.is_empty();
        check
    }

    /// Adds offsets so that every task that is written for has one, because the call that carries offsets is the ownership
    /// fence. Also adds decided starts, which the group must get together with the state.
    pub(super) fn complete_offsets<'a>(
        &self,
        written_for: impl Iterator<Item = &'a i32>,
        offsets: &mut BTreeMap<SourcePartition, i64>,
        topology: &Topology,
    ) {
        for task in written_for {
            let slot = &self.slots[task];
            let is_lacking = !slot.inputs.keys().any(|source| offsets.contains_key(source));
            let starts = slot.lifecycle.task().into_iter().flat_map(|task| task.positions().starts());
            let inputs = slot.inputs.iter().map(|(source, input)| (*source, input.committed));
            for (source, next) in starts.chain(inputs.filter(|_| is_lacking)) {
                if !self.lacks_barrier(source, topology) {
                    offsets.entry(source).or_insert(next);
                }
            }
        }
        for (source, start) in self.forwarders.decided_starts() {
            offsets.entry(source).or_insert(start);
        }
    }

    /// Removes offsets of broadcast topics whose barrier was not emitted, and returns their tasks. The group gets an offset
    /// of a broadcast topic only from the transaction of its barrier on, because whoever sees one may forward. Nobody
    /// resumes there: the position in the state alone decides.
    pub(super) fn hold_back_offsets(
        &self,
        offsets: &mut BTreeMap<SourcePartition, i64>,
        topology: &Topology,
    ) -> BTreeSet<i32> {
        let held: Vec<_> = offsets.keys().copied().filter(|it| self.lacks_barrier(*it, topology)).collect();
        for source in &held {
            offsets.remove(source);
        }
        held.iter().filter_map(|it| topology.task_of(it.topic, it.partition)).collect()
    }

    /// A broadcast topic whose barrier was not emitted.
    fn lacks_barrier(&self, source: SourcePartition, topology: &Topology) -> bool {
        let SourceKind::Broadcast(broadcast) = topology.source(source.topic).kind else {
            return false;
        };
        let task = topology.task_of(source.topic, source.partition);
        let slot = task.and_then(|task| self.slots.get(&task));
        let task = slot.and_then(|slot| slot.lifecycle.task());
        !task.is_some_and(|task| task.has_sent_barrier(broadcast).unwrap_or(false))
    }

    /// Asks for the ends of inputs, because an idle input that is known to be empty is as good as current.
    pub(super) fn ask_input_ends(&self, env: &mut Environment) {
        let is_placed =
            |slot: &&TaskSlot<S>| matches!(slot.lifecycle, Lifecycle::Running(_) | Lifecycle::Refused(_));
        let running = self.slots.values().filter(is_placed);
        let timed = running.flat_map(|slot| slot.timed_inputs(&env.topology)).map(|(source, _)| *source);
        // Those of forwarders are shown to the operator.
        let sources: Vec<_> = timed.chain(self.forwarders.positioned()).collect();
        if !sources.is_empty() {
            let (assignment, asked_at) = (self.assignment, env.clock.wall);
            env.ask(Question::InputEnds { assignment, asked_at, sources });
        }
    }

    /// Expires what is over at each task's watermark. Returns whether more is due, and the tasks that failed.
    pub(super) fn sweep(
        &mut self,
        output: &mut Output,
        topology: &Topology,
    ) -> (bool, BTreeMap<i32, String>) {
        let (mut is_more_due, mut failed) = (false, BTreeMap::new());
        for slot in self.slots.values_mut() {
            let watermark = slot.timed_inputs(topology).map(|(_, input)| input.known_until()).min();
            let Lifecycle::Running(task) = &mut slot.lifecycle else {
                continue;
            };
            let unit = RecoveryUnit::Task(slot.task);
            match output.write(unit, |out| task.sweep(watermark.unwrap_or_default(), out)) {
                Ok(is_more) => is_more_due |= is_more,
                Err(error) => drop(failed.insert(slot.task, error.to_string())),
            }
        }
        (is_more_due, failed)
    }

    /// Purges what acknowledged commits have consumed of the repartition topic.
    pub(super) fn purge(&mut self, env: &mut Environment) {
        for slot in self.slots.values_mut() {
            if let Some(before) = slot.purgeable(&env.topology) {
                env.ask(Question::Purge { partition: slot.task, before });
            }
        }
    }

    pub(super) fn pause(&self, partitions: &[SourcePartition], env: &mut Environment) {
        env.fetch(Fetch::Pause(partitions.to_vec()));
    }

    fn slot(&mut self, task: i32) -> &mut TaskSlot<S> {
        self.slots.get_mut(&task).expect("its slot was looked at")
    }

    fn current(&mut self, assignment: AssignmentId, task: i32) -> Option<&mut TaskSlot<S>> {
        if assignment != self.assignment {
            return None;
        }
        self.slots.get_mut(&task)
    }

    fn question_failed(&mut self, unit: RecoveryUnit, reason: String, env: &mut Environment) {
        match unit {
            RecoveryUnit::Task(task) => self.fail(task, reason, env),
            RecoveryUnit::Forwarder(source) => self.forwarders.ask(source, self.assignment, env),
        }
    }
}
