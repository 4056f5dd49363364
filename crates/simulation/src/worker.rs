//! What is asked off the polling path: stable offsets, ends, restores, purges; one job a step, or a part of one.

use otp_topology::otp::LogTime;
use otp_topology::state::StateStore;
use otp_topology::task::{Broadcast, Restorer, SourceKind};
use otp_topology::thread::{AssignmentId, Command, Event, Extent, Extents, Unit};
use otp_topology::wire::headers::OriginHeaders;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::driver::{applied, split_position, take};
use crate::plan::Fault;
use crate::planted::Planted;
use crate::process::{Process, Site};

/// So often the stable offsets are asked for before the call gives up.
const STABLE_TRIES_MAX: u32 = 40;

pub(crate) enum Job {
    Stable { assignment: AssignmentId, unit: Unit, sources: Vec<SourcePartition>, tries: u32 },
    Ends { assignment: AssignmentId, unit: Unit, sources: Vec<SourcePartition> },
    Restore { assignment: AssignmentId, task: i32, restorer: Box<Restorer>, at: i64 },
    Probe { assignment: AssignmentId, asked_at: LogTime, sources: Vec<SourcePartition> },
    Purge { partition: i32, before: i64 },
}

impl Job {
    pub fn of(command: Command) -> Option<Self> {
        match command {
            Command::AskStable { assignment, unit, sources } => {
                Some(Self::Stable { assignment, unit, sources, tries: 0 })
            }
            Command::AskExtents { assignment, unit, sources } => {
                Some(Self::Ends { assignment, unit, sources })
            }
            Command::Restore { assignment, task, from, bound } => {
                let restorer = Box::new(Restorer::new(from, bound));
                Some(Self::Restore { assignment, task, restorer, at: from })
            }
            Command::Probe { assignment, asked_at, sources } => {
                Some(Self::Probe { assignment, asked_at, sources })
            }
            Command::Purge { partition, before } => Some(Self::Purge { partition, before }),
            _ => None,
        }
    }

    pub fn outlives_its_assignment(&self) -> bool {
        matches!(self, Self::Purge { .. })
    }
}

impl Process {
    /// Works on the first job, or on a part of it.
    pub fn work(&mut self, site: &mut Site<'_>) {
        let Some(job) = self.jobs.pop_front() else { return };
        match job {
            Job::Stable { assignment, unit, sources, tries } => {
                self.ask_stable(assignment, unit, sources, tries, site)
            }
            Job::Ends { assignment, unit, sources } => {
                let result = self.ends(unit, &sources, site);
                self.answers.push_back(Event::Extents { assignment, unit, result });
            }
            Job::Restore { assignment, task, restorer, at } => {
                self.restore(assignment, task, restorer, at, site)
            }
            Job::Probe { assignment, asked_at, sources } => {
                let end = |source| site.broker.log(site.house.source_place(source)).end();
                let ends = sources.into_iter().map(|source| (source, end(source))).collect();
                self.answers.push_back(Event::Probed { assignment, asked_at, ends });
            }
            Job::Purge { partition, before } => {
                let at = site.house.output_place(self.topology.repartition, partition);
                site.broker.log_mut(at).delete_before(before);
            }
        }
    }

    fn ask_stable(
        &mut self,
        assignment: AssignmentId,
        unit: Unit,
        sources: Vec<SourcePartition>,
        tries: u32,
        site: &mut Site<'_>,
    ) {
        if let (0, Unit::Task(task), Some(Planted::EndBeforeStable)) = (tries, unit, site.planted) {
            let at = site.house.output_place(self.topology.changelog, task);
            self.early_ends.insert(task, site.broker.log(at).end());
        }
        let fails = take(site.armed, |fault| fault == Fault::StableFails).is_some();
        let result = match site.broker.offsets.stable(&sources) {
            Some(offsets) if !fails => Ok(offsets),
            None if !fails && tries < STABLE_TRIES_MAX => {
                return self.jobs.push_front(Job::Stable { assignment, unit, sources, tries: tries + 1 });
            }
            Some(_) | None => Err("the coordinator does not answer".to_owned()),
        };
        self.answers.push_back(Event::Stable { assignment, unit, result });
    }

    fn ends(
        &mut self,
        unit: Unit,
        sources: &[SourcePartition],
        site: &mut Site<'_>,
    ) -> Result<Extents, String> {
        let unknown = take(site.armed, |fault| fault == Fault::EndsFail).is_some();
        let zero = site.planted == Some(Planted::UnknownEndIsZero) && (unknown || site.dice.u8(..3) == 0);
        if unknown && !zero {
            return Err("the leader does not answer".to_owned());
        }
        let extent = |source: &SourcePartition| {
            let log = site.broker.log(site.house.source_place(*source));
            (*source, Extent { start: log.start, end: log.end() })
        };
        let sources = sources.iter().map(extent).collect();
        let changelog = match unit {
            Unit::Forwarder(_) => Extent { start: 0, end: 0 },
            Unit::Task(task) => {
                let log = site.broker.log(site.house.output_place(self.topology.changelog, task));
                let end = match site.planted {
                    Some(Planted::RestoreToLso) => log.lso(),
                    Some(Planted::EndBeforeStable) => {
                        self.early_ends.get(&task).copied().unwrap_or(log.end())
                    }
                    _ => log.end(),
                };
                Extent { start: log.start, end }
            }
        };
        if zero && matches!(unit, Unit::Task(_)) {
            let start = changelog.start;
            return Ok(Extents { changelog: Extent { start, end: start }, sources });
        }
        Ok(Extents { changelog, sources })
    }

    fn restore(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        mut restorer: Box<Restorer>,
        mut at: i64,
        site: &mut Site<'_>,
    ) {
        let store = site.disk.store(task);
        if site.planted == Some(Planted::KeepSuspended) && self.recovered.contains(&task) {
            return self.answers.push_back(Event::Restored { assignment, task, result: Ok(0) });
        }
        let log = site.broker.log(site.house.output_place(self.topology.changelog, task));
        for _ in 0..site.dice.usize(1..12) {
            if restorer.is_reached() {
                break;
            }
            let Some((offset, _, record)) = log.next_visible(at) else {
                at = log.lso();
                restorer.end(at);
                break;
            };
            at = offset + 1;
            let key = record.key.as_deref();
            let mut value = record.value.clone();
            if site.planted == Some(Planted::LogDeltas) && key.is_some_and(|key| key[0] == b'S') {
                let old = store.get(key.unwrap_or_default()).ok().flatten().unwrap_or_default();
                value = value.map(|value| applied(&old, &value));
            }
            if let Err(error) = restorer.record(offset, key, value.as_deref()) {
                let result = Err(error.to_string());
                return self.answers.push_back(Event::Restored { assignment, task, result });
            }
        }
        let is_reached = restorer.is_reached();
        if is_reached || site.dice.u8(..3) == 0 {
            let mut batch = restorer.take_batch(site.wall);
            if site.planted == Some(Planted::PositionFirst)
                && let Some(first) = split_position(&mut batch)
            {
                store.write(&first).expect("planted");
            }
            if let Err(error) = store.write(&batch) {
                let result = Err(error.to_string());
                return self.answers.push_back(Event::Restored { assignment, task, result });
            }
            site.auditor.written(self.number, task, &batch);
        }
        if is_reached {
            let result = Ok(restorer.restored());
            self.answers.push_back(Event::Restored { assignment, task, result });
        } else {
            self.jobs.push_front(Job::Restore { assignment, task, restorer, at });
        }
    }

    /// One round of polling: some records, the ends that were met, answers of the worker, and the time.
    pub(crate) fn fetch(&mut self, site: &mut Site<'_>) {
        let mut batch = RecordBatch::default();
        let mut sources: Vec<_> =
            self.fetching.iter().filter(|(_, it)| !it.is_paused).map(|(source, _)| *source).collect();
        site.dice.shuffle(&mut sources);
        let mut room = self.thread.room().min(site.dice.usize(1..8));
        let mut drained = true;
        for source in &sources {
            let most = site.dice.usize(1..=4).min(room);
            let (taken, more) = self.fetch_from(*source, most, &mut batch, site);
            room -= taken;
            drained &= !more;
        }
        self.events.push_back(Event::Fetched { batch, drained });
        for source in sources {
            let log = site.broker.log(site.house.source_place(source));
            let fetching = self.fetching.get_mut(&source).expect("it is in the list");
            if fetching.next < log.start || fetching.next > log.end() {
                self.events.push_back(Event::OutOfRange { source });
            } else if log.next_visible(fetching.next).is_none() && fetching.end_told != log.lso() {
                fetching.end_told = log.lso();
                self.events.push_back(Event::ReachedEnd { source, offset: fetching.end_told });
            }
        }
        self.events.append(&mut self.answers);
        self.events.push_back(Event::Tick);
    }

    fn fetch_from(
        &mut self,
        source: SourcePartition,
        most: usize,
        batch: &mut RecordBatch,
        site: &mut Site<'_>,
    ) -> (usize, bool) {
        let log = site.broker.log(site.house.source_place(source));
        let fetching = self.fetching.get_mut(&source).expect("it is in the list");
        if fetching.next < log.start {
            return (0, false);
        }
        let mut taken = 0;
        while let Some((offset, time, record)) = log.next_visible(fetching.next) {
            if taken == most {
                return (taken, true);
            }
            fetching.next = offset + 1;
            let hides_id = site.planted == Some(Planted::AnswerAnew);
            let headers = record.headers.iter().filter(|(name, _)| !hides_id || name != "ce_id");
            let headers = headers.map(|(name, value)| (name.as_str(), value.as_deref()));
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let mut one = RecordBatch::default();
            one.push(source, offset, LogTime::from_ms(time), key, value, headers.clone());
            let origin = OriginHeaders::read(one.get(0).headers);
            if site.planted == Some(Planted::SharedPosition)
                && let Some(origin) = origin
                && self.topology.source_named(origin.topic).is_some_and(|topic| {
                    let kind = self.topology.source(topic).kind;
                    let source = SourcePartition { topic, partition: origin.partition };
                    let is_mark = record.headers.iter().any(|(name, _)| name == "otp.kind");
                    matches!(kind, SourceKind::Broadcast(Broadcast::Policy | Broadcast::Template))
                        && !is_mark
                        && site.broker.offsets.get(source).is_some_and(|next| origin.offset < next)
                        && log_is_of_task_zero(&self.topology, batch_source(&one))
                })
            {
                self.delivered.push((source, offset));
                continue;
            }
            batch.push(source, offset, LogTime::from_ms(time), key, value, headers);
            self.delivered.push((source, offset));
            taken += 1;
        }
        (taken, false)
    }
}

fn batch_source(batch: &RecordBatch) -> SourcePartition {
    batch.get(0).source
}

/// Where the broadcast topics are read as well.
fn log_is_of_task_zero(topology: &otp_topology::task::Topology, source: SourcePartition) -> bool {
    topology.task_of(source.topic, source.partition) == Some(0)
}
