//! The assign path of one task: where the group stands, where its logs end, what the store lacks, where to resume.
//!
//! The order matters. The changelog's end is read after the stable committed offsets: then everything that those
//! offsets stand for lies below it, and the restore, which reads committed records only, waits until every
//! transaction below it is decided.

use std::collections::BTreeMap;

use super::StreamThread;
use super::assignment::AssignmentId;
use super::command::{Command, Report};
use super::event::{Extent, Extents, Unit};
use super::limits::Start;
use super::slot::{Input, Stage};
use crate::otp::LogTime;
use crate::state::{BadRecord, StateStore, WriteBatch};
use crate::task::{LocalKey, Path, SourceKind, Task, TaskError};
use crate::wire::record::SourcePartition;

/// A source partition without a home task: it keeps no position but the group's.
pub(super) enum Forwarder {
    Asking {
        stable: Option<Option<i64>>,
    },
    /// The marks of the broadcast topics are not on the repartition topic yet: what it forwarded would be decided before
    /// the policies are known.
    Unmarked {
        ask_at: LogTime,
    },
    /// Its start is known. `decided`: the start is not committed.
    Waiting {
        input: Input,
        decided: bool,
    },
    Running(Input),
}

impl Forwarder {
    pub fn asking() -> Self {
        Self::Asking { stable: None }
    }

    pub fn input(&mut self) -> Option<&mut Input> {
        match self {
            Self::Asking { .. } | Self::Unmarked { .. } => None,
            Self::Waiting { input, .. } | Self::Running(input) => Some(input),
        }
    }

    pub fn start_committed(&mut self) {
        if let Self::Waiting { decided, .. } = self {
            *decided = false;
        }
    }

    pub fn uncommitted_start(&self) -> Option<i64> {
        match self {
            Self::Waiting { input, decided: true } => Some(input.next),
            Self::Waiting { decided: false, .. }
            | Self::Asking { .. }
            | Self::Unmarked { .. }
            | Self::Running(_) => None,
        }
    }
}

/// Where to resume one source partition.
struct Resume {
    at: i64,
    /// Nobody ever read it, or retention has moved it on: the start must be committed before the first record is read.
    decided: bool,
    lost: i64,
}

impl<S: StateStore + Clone> StreamThread<S> {
    pub(super) fn opened(&mut self, assignment: AssignmentId, task: i32, result: Result<S, String>) {
        if !self.is_current(assignment, task) {
            return;
        }
        let checked = result.and_then(|store| self.check_store(task, &store).map(|()| store));
        match checked {
            Ok(store) => {
                self.set_stage(task, Stage::AskingStable { store });
                let sources = self.sources_of(task);
                self.command(Command::AskStable { assignment, unit: Unit::Task(task), sources });
            }
            Err(reason) => self.fail_task(task, &reason),
        }
    }

    pub(super) fn stable(
        &mut self,
        assignment: AssignmentId,
        unit: Unit,
        result: Result<Vec<(SourcePartition, Option<i64>)>, String>,
    ) {
        if assignment != self.assignment.id {
            return;
        }
        let stable: BTreeMap<_, _> = match result {
            Ok(stable) => stable.into_iter().collect(),
            Err(reason) => return self.fail_unit(unit, &reason),
        };
        let sources = match unit {
            Unit::Task(task) => {
                let Some(Stage::AskingStable { store }) =
                    self.take_stage(task, |stage| matches!(stage, Stage::AskingStable { .. }))
                else {
                    return;
                };
                let sources = stable.keys().copied().collect();
                self.set_stage(task, Stage::AskingExtents { store, stable });
                sources
            }
            Unit::Forwarder(source) => {
                // A late answer would move one that runs back.
                if !matches!(self.forwarders.get(&source), Some(Forwarder::Asking { stable: None })) {
                    return;
                }
                let offset = |it: SourcePartition| stable.get(&it).copied().flatten();
                if !self.topology.broadcast_sources().all(|it| offset(it).is_some()) {
                    let ask_at = self.passed.plus(self.limits.task_retry_ms);
                    self.forwarders.insert(source, Forwarder::Unmarked { ask_at });
                    return;
                }
                self.forwarders.insert(source, Forwarder::Asking { stable: Some(offset(source)) });
                vec![source]
            }
        };
        self.command(Command::AskExtents { assignment, unit, sources });
    }

    pub(super) fn extents(&mut self, assignment: AssignmentId, unit: Unit, result: Result<Extents, String>) {
        if assignment != self.assignment.id {
            return;
        }
        let extents = match result {
            Ok(extents) => extents,
            Err(reason) => return self.fail_unit(unit, &reason),
        };
        match unit {
            Unit::Task(task) => self.restore(assignment, task, extents),
            Unit::Forwarder(source) => self.place_forwarder(source, &extents),
        }
    }

    pub(super) fn restored(&mut self, assignment: AssignmentId, task: i32, result: Result<u64, String>) {
        if !self.is_current(assignment, task) {
            return;
        }
        match result {
            Ok(restored) => self.take_up(task, restored),
            Err(reason) => self.fail_task(task, &reason),
        }
    }

    /// Together with the broadcast topics: their offsets are there as soon as their marks are.
    pub(super) fn ask_stable_of_forwarder(&mut self, source: SourcePartition) {
        self.forwarders.insert(source, Forwarder::asking());
        let (assignment, unit) = (self.assignment.id, Unit::Forwarder(source));
        let sources = self.topology.broadcast_sources().chain([source]).collect();
        self.command(Command::AskStable { assignment, unit, sources });
    }

    /// Asks for those whose time has come.
    pub(super) fn ask_unmarked(&mut self, is_due: impl Fn(LogTime) -> bool) {
        let due =
            |forwarder: &Forwarder| matches!(forwarder, Forwarder::Unmarked { ask_at } if is_due(*ask_at));
        let again: Vec<_> =
            self.forwarders.iter().filter(|(_, it)| due(it)).map(|(source, _)| *source).collect();
        for source in again {
            self.ask_stable_of_forwarder(source);
        }
    }

    /// What a store says of itself must fit; a blank one is marked.
    fn check_store(&mut self, task: i32, store: &S) -> Result<(), String> {
        let text = |error: TaskError| error.to_string();
        let partitions = LocalKey::Partitions.read_number(store).map_err(text)?;
        let incarnation = LocalKey::Incarnation.read(store).map_err(|error| error.to_string())?;
        let position = LocalKey::ChangelogNext.read_number(store).map_err(text)?;
        let count = i64::from(self.topology.partitions);
        let ours = self.topology.changelog_incarnation.0;
        match (partitions, incarnation) {
            (None, None) if position.is_none() => {
                let mut batch = WriteBatch::default();
                batch.put(LocalKey::Partitions.key().as_bytes(), &count.to_be_bytes());
                batch.put(LocalKey::Incarnation.key().as_bytes(), &ours);
                self.command(Command::Write { task, batch });
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

    fn restore(&mut self, assignment: AssignmentId, task: i32, extents: Extents) {
        let Some(Stage::AskingExtents { store, stable }) =
            self.take_stage(task, |stage| matches!(stage, Stage::AskingExtents { .. }))
        else {
            return;
        };
        let position = match LocalKey::ChangelogNext.read_number(&store) {
            Ok(position) => position,
            Err(error) => return self.fail_task(task, &error.to_string()),
        };
        let Extent { start, end } = extents.changelog;
        if let Some(next) = position {
            if next > end {
                return self.fail_task(
                    task,
                    &format!(
                        "the changelog ends at {end}, before the position {next} of the state of task {task}: the topic \
                         was truncated or recreated. The store may be the last copy; re-seed the topic from it, or move \
                         store.directory away to go on with what the topic holds"
                    ),
                );
            }
            match self.why_wipe(&store, next, extents.changelog) {
                Ok(None) => {}
                Ok(Some(reason)) => {
                    self.set_stage(task, Stage::Opening);
                    self.report(Report::Wiped { task, reason });
                    return self.command(Command::Wipe { assignment, task });
                }
                Err(error) => return self.fail_task(task, &error.to_string()),
            }
        }
        let from = position.unwrap_or(start);
        self.set_stage(task, Stage::Restoring { store, stable, extents });
        self.command(Command::Restore { assignment, task, from, bound: end });
    }

    /// Compaction may have removed tombstones that this store never saw.
    fn why_wipe(&self, store: &S, next: i64, changelog: Extent) -> Result<Option<String>, TaskError> {
        if changelog.start > next {
            let start = changelog.start;
            return Ok(Some(format!("the changelog begins at {start}, after the store's position {next}")));
        }
        let Some(written_at) = LocalKey::WrittenAt.read_number(store)? else {
            return Ok(None);
        };
        let age = self.wall.ms().saturating_sub(written_at.unsigned_abs());
        let stale = next < changelog.end && age > self.limits.tombstone_retention_ms;
        Ok(stale.then(|| {
            format!("the store was last written {} hours ago, before tombstones expired", age / 3_600_000)
        }))
    }

    /// The state is complete: find out where every source partition goes on.
    fn take_up(&mut self, task: i32, restored: u64) {
        let Some(Stage::Restoring { store, stable, extents }) =
            self.take_stage(task, |stage| matches!(stage, Stage::Restoring { .. }))
        else {
            return;
        };
        let (mut opened, void) = match Task::open(task, self.topology.clone(), store) {
            Ok(opened) => opened,
            Err(error) => return self.fail_task(task, &error.to_string()),
        };
        let mut inputs = BTreeMap::new();
        for (source, extent) in &extents.sources {
            let is_void = void.contains(&self.topology.source(source.topic).name);
            let stable = stable.get(source).copied().flatten().filter(|_| !is_void);
            let position = opened.positions().next(Path::Read, *source);
            let resume = match self.resume_at(*source, stable, position, *extent, is_void) {
                Ok(resume) => resume,
                Err(reason) => return self.fail_task(task, &reason),
            };
            if resume.decided {
                opened.start_at(*source, resume.at);
            }
            if resume.lost > 0 {
                self.report(Report::Lost { source: *source, records: resume.lost });
            }
            inputs.insert(*source, Input::starting_at(resume.at, extent.end));
        }
        for topic in void {
            self.report(Report::PositionsVoid { topic });
        }
        let slot = self.slots.get_mut(&task).expect("it was there");
        slot.inputs = inputs;
        slot.stage = Stage::Gated(Box::new(opened));
        self.resume(task, |kind| matches!(kind, SourceKind::Directory | SourceKind::Broadcast(_)));
        self.report(Report::TaskReady { task, restored });
        self.advance();
    }

    fn resume_at(
        &self,
        source: SourcePartition,
        stable: Option<i64>,
        position: Option<i64>,
        extent: Extent,
        is_void: bool,
    ) -> Result<Resume, String> {
        let Extent { start, end } = extent;
        let kind = self.topology.source(source.topic).kind;
        let known = match kind {
            SourceKind::Directory | SourceKind::Broadcast(_) => position,
            SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition => position.max(stable),
        };
        // Forwarders wait for the group's offset of a broadcast topic, whatever became of an earlier one.
        let is_awaited = matches!(kind, SourceKind::Broadcast(_)) && stable.is_none();
        if let (Some(position), Some(stable)) = (position, stable)
            && known == Some(stable)
            && stable > position.max(start)
        {
            return Err(format!(
                "the group stands at {stable} of `{}` partition {}, past the position {position} of the state: the \
                 changelog has lost its newest records, or somebody moved the group on. Bring those records back; or set \
                 the group's offset to {position}, and the records between are served again with the same ids and codes",
                self.topology.source(source.topic).name,
                source.partition
            ));
        }
        let Some(at) = known else {
            let from_beginning = is_void || !matches!(kind, SourceKind::Requests(_) | SourceKind::Admin);
            let at = match self.limits.start {
                Start::Latest if !from_beginning => end,
                Start::Latest | Start::Earliest => start,
            };
            return Ok(Resume { at, decided: !from_beginning || is_void || is_awaited, lost: 0 });
        };
        if at > end {
            return Err(format!(
                "`{}` partition {} ends at {end}, before the position {at}: the topic was truncated. Records up to {at} \
                 would be skipped as already applied; recreate the topic, or wait for it to pass that offset",
                self.topology.source(source.topic).name,
                source.partition
            ));
        }
        let purged = matches!(kind, SourceKind::Repartition);
        let lost = if purged { 0 } else { (start - at).max(0) };
        // Once it is said, the gap is behind: or each start would count it again.
        Ok(Resume { at: at.max(start), decided: is_awaited || lost > 0, lost })
    }

    fn place_forwarder(&mut self, source: SourcePartition, extents: &Extents) {
        let Some(Forwarder::Asking { stable: Some(stable) }) = self.forwarders.get(&source) else {
            return;
        };
        let stable = *stable;
        let Some((_, extent)) = extents.sources.first() else {
            return;
        };
        match self.resume_at(source, stable, None, *extent, false) {
            Ok(resume) => {
                if resume.lost > 0 {
                    self.report(Report::Lost { source, records: resume.lost });
                }
                let input = Input::starting_at(resume.at, extent.end);
                self.forwarders.insert(source, Forwarder::Waiting { input, decided: resume.decided });
                self.advance();
            }
            Err(reason) => self.command(Command::Fail(reason)),
        }
    }

    /// Starts fetching those inputs of a task whose topics are of the given kinds.
    pub(super) fn resume(&mut self, task: i32, wanted: impl Fn(SourceKind) -> bool) {
        let topology = self.topology.clone();
        let Some(slot) = self.slots.get_mut(&task) else {
            return;
        };
        let mut starts = Vec::new();
        for (source, input) in &mut slot.inputs {
            if !input.resumed && wanted(topology.source(source.topic).kind) {
                input.resumed = true;
                starts.push((*source, input.next));
            }
        }
        if !starts.is_empty() {
            self.command(Command::Resume(starts));
        }
    }

    fn is_current(&self, assignment: AssignmentId, task: i32) -> bool {
        assignment == self.assignment.id && self.slots.contains_key(&task)
    }

    fn fail_unit(&mut self, unit: Unit, reason: &str) {
        match unit {
            Unit::Task(task) => self.fail_task(task, reason),
            Unit::Forwarder(source) => self.ask_stable_of_forwarder(source),
        }
    }

    fn set_stage(&mut self, task: i32, stage: Stage<S>) {
        if let Some(slot) = self.slots.get_mut(&task) {
            slot.stage = stage;
        }
    }

    /// Takes the stage that an answer belongs to. Another one stays: the task has failed since it was asked.
    fn take_stage(&mut self, task: i32, is_asked: impl Fn(&Stage<S>) -> bool) -> Option<Stage<S>> {
        let slot = self.slots.get_mut(&task)?;
        is_asked(&slot.stage).then(|| std::mem::replace(&mut slot.stage, Stage::Opening))
    }
}
