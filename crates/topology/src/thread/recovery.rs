//! The assign path of one task: where the group stands, where its logs end, what the store lacks, where to resume.
//!
//! The order matters. The end of the changelog is read after the stable committed offsets. Then everything that those
//! offsets stand for lies below it, and the restore, which reads committed records only, waits until every transaction
//! below it is decided.
//!
//! Each step checks that the task is still in the stage that it answers. A step that fails returns the reason, and the
//! caller fails the task.

use std::collections::BTreeMap;

use super::command::{Question, StoreOperation};
use super::environment::Environment;
use super::ids::{AssignmentId, OffsetRange, OffsetRanges, RecoveryUnit};
use super::lifecycle::{Lifecycle, StableOffsets};
use super::report::ThreadReport;
use super::resume::{KnownOffsets, resume_point};
use super::slot::{Input, TaskSlot};
use crate::state::{BadRecord, InputPath, LocalKey, StateStore, StoreError, WriteBatch};
use crate::task::{Task, TaskError};

impl<S: StateStore + Clone> TaskSlot<S> {
    pub(super) fn open(&mut self, assignment: AssignmentId, env: &mut Environment) {
        env.store(StoreOperation::Open { assignment, task: self.task });
    }

    /// The store is open.
    ///
    /// # Errors
    /// The store belongs elsewhere, or cannot be read.
    pub(super) fn opened(
        &mut self,
        store: S,
        assignment: AssignmentId,
        env: &mut Environment,
    ) -> Result<(), String> {
        let Lifecycle::Opening = self.lifecycle else {
            return Ok(());
        };
        self.check_store(&store, env)?;
        self.go(Lifecycle::AskingOffsets { store });
        let (unit, sources) = (RecoveryUnit::Task(self.task), self.sources.clone());
        env.ask(Question::StableOffsets { assignment, unit, sources });
        Ok(())
    }

    /// The group's stable offsets are known.
    pub(super) fn offsets_known(
        &mut self,
        stable: StableOffsets,
        assignment: AssignmentId,
        env: &mut Environment,
    ) {
        let Lifecycle::AskingOffsets { store } = &self.lifecycle else {
            return;
        };
        let (unit, sources) = (RecoveryUnit::Task(self.task), stable.keys().copied().collect());
        let store = store.clone();
        self.go(Lifecycle::AskingRanges { store, stable });
        env.ask(Question::OffsetRanges { assignment, unit, sources });
    }

    /// The offset ranges are known: restores what the store lacks, or rebuilds it.
    ///
    /// # Errors
    /// The changelog does not fit the store, or the store cannot be read.
    pub(super) fn ranges_known(
        &mut self,
        ranges: OffsetRanges,
        assignment: AssignmentId,
        env: &mut Environment,
    ) -> Result<(), String> {
        let Lifecycle::AskingRanges { store, stable } = &mut self.lifecycle else {
            return Ok(());
        };
        let (store, stable, task) = (store.clone(), std::mem::take(stable), self.task);
        let OffsetRange { start, end } = ranges.changelog;
        let position = LocalKey::ChangelogNext.read_number(&store).map_err(|error| error.to_string())?;
        if let Some(next) = position {
            if next > end {
                return Err(format!(
                    "the changelog ends at {end}, before the position {next} of the state of task {task}: the topic was \
                     truncated or recreated. The store may be the last copy; re-seed the topic from it, or move \
                     store.directory away to continue with what the topic holds"
                ));
            }
            let wipe = why_wipe(&store, next, ranges.changelog, env).map_err(|error| error.to_string())?;
            if let Some(reason) = wipe {
                self.go(Lifecycle::Opening);
                env.report(ThreadReport::Wiped { task, reason });
                env.store(StoreOperation::Wipe { assignment, task });
                return Ok(());
            }
        }
        self.go(Lifecycle::Restoring { store, stable, ranges });
        let from = position.unwrap_or(start);
        env.ask(Question::Restore { assignment, task, from, bound: end });
        Ok(())
    }

    /// The state is complete: finds out where every source partition resumes. Returns whether the task was restoring.
    ///
    /// # Errors
    /// A source partition cannot be resumed, or the store cannot be read.
    pub(super) fn restored(&mut self, restored: u64, env: &mut Environment) -> Result<bool, String> {
        let Lifecycle::Restoring { store, stable, ranges } = &self.lifecycle else {
            return Ok(false);
        };
        let opened = Task::open(self.task, env.topology.clone(), store.clone());
        let (mut task, void) = opened.map_err(|error| error.to_string())?;
        let mut inputs = BTreeMap::new();
        for (source, range) in &ranges.sources {
            let is_void = void.contains(&env.topology.source(source.topic).name);
            let applied = task.positions().applied(InputPath::Read, *source);
            let known = KnownOffsets {
                stable: stable.get(source).copied().flatten().filter(|_| !is_void),
                position: applied.map(|it| it.next),
                range: *range,
                is_void,
            };
            let resume = resume_point(*source, &known, env.limits.start, &env.topology)?;
            if resume.is_decided {
                task.start_at(*source, resume.at);
            }
            if resume.lost > 0 {
                env.report(ThreadReport::Lost { source: *source, records: resume.lost });
            }
            let leader_epoch = applied.filter(|it| it.next == resume.at).and_then(|it| it.leader_epoch);
            inputs.insert(*source, Input { leader_epoch, ..Input::starting_at(resume.at, range.end) });
        }
        for topic in void {
            env.report(ThreadReport::PositionsVoid { topic });
        }
        self.inputs = inputs;
        self.go(Lifecycle::Gated(Box::new(task)));
        self.resume_state_topics(env);
        env.report(ThreadReport::TaskReady { task: self.task, restored });
        Ok(true)
    }

    /// What a store says of itself must fit. A blank store gets its marks.
    fn check_store(&self, store: &S, env: &mut Environment) -> Result<(), String> {
        let task = self.task;
        let text = |error: StoreError| error.to_string();
        let partitions = LocalKey::Partitions.read_number(store).map_err(text)?;
        let incarnation = LocalKey::Incarnation.read(store).map_err(text)?;
        let position = LocalKey::ChangelogNext.read_number(store).map_err(text)?;
        let count = i64::from(env.topology.partitions);
        let ours = env.topology.changelog_incarnation.0;
        match (partitions, incarnation) {
            (None, None) if position.is_none() => {
                let mut batch = WriteBatch::default();
                batch.put(LocalKey::Partitions.key().as_bytes(), &count.to_be_bytes());
                batch.put(LocalKey::Incarnation.key().as_bytes(), &ours);
                env.store(StoreOperation::Write { task, batch });
                Ok(())
            }
            (None, _) | (_, None) => {
                let error = BadRecord::Damaged("it does not say what it was made for");
                Err(TaskError::Record { what: "local entry", error }.to_string())
            }
            (Some(made_for), _) if made_for != count => Err(format!(
                "the state of task {task} was made for {made_for} partitions and the changelog has {count}: the count \
                 never changes under one application id; restore the old count or choose a new application.id"
            )),
            (Some(_), Some(made_on)) if made_on == ours => Ok(()),
            (Some(_), Some(_)) => Err(format!(
                "the state of task {task} belongs to another changelog (recreated topic, or another cluster): point \
                 kafka.bootstrap_servers back, or move store.directory away to start from this cluster's changelog"
            )),
        }
    }
}

/// Why a store must be rebuilt: compaction may have removed tombstones that it never saw.
fn why_wipe(
    store: &impl StateStore,
    next: i64,
    changelog: OffsetRange,
    env: &Environment,
) -> Result<Option<String>, TaskError> {
    if changelog.start > next {
        let start = changelog.start;
        return Ok(Some(format!("the changelog begins at {start}, after the store's position {next}")));
    }
    let Some(written_at) = LocalKey::WrittenAt.read_number(store)? else {
        return Ok(None);
    };
    let age_ms = env.clock.wall.ms().saturating_sub(written_at.unsigned_abs());
    let is_stale = next < changelog.end && age_ms > env.limits.tombstone_retention_ms;
    Ok(is_stale.then(|| {
        format!("the store was last written {} hours ago, before tombstones expired", age_ms / 3_600_000)
    }))
}
