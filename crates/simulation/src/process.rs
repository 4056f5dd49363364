//! One process: a stream thread, its consumer, its producer, and the driver between them.
//!
//! One step is one command performed, one event told, or one poll; between any two steps it can die.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use otp_topology::otp::LogTime;
use otp_topology::state::WriteBatch;
use otp_topology::task::{SourceKind, Topology};
use otp_topology::thread::{AssignmentId, Command, Event, Limits, Outcome, Report, Start, StreamThread};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::SourcePartition;

use crate::auditor::Auditor;
use crate::broker::{Broker, Credentials, Epoch, HeartbeatReply, MemberId, StoredRecord, TopicPartition};
use crate::disk::{Disk, PolicyTable, SimStore};
use crate::house::House;
use crate::names::instance_name as name;
use crate::plan::Fault;
use crate::planted::Planted;
use crate::trace::Trace;

/// What a process can reach: everything but other processes.
pub struct Site<'a> {
    pub house: &'a House,
    pub broker: &'a mut Broker,
    pub auditor: &'a mut Auditor,
    pub disk: &'a mut Disk,
    pub dice: &'a mut fastrand::Rng,
    pub trace: &'a mut Trace,
    /// Faults that wait for their occasion.
    pub armed: &'a mut Vec<Fault>,
    pub late: &'a mut Vec<Late>,
    pub policies: &'a PolicyTable,
    pub now: u64,
    pub wall: LogTime,
    pub planted: Option<Planted>,
}

/// A request to end a transaction that is still on its way.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    pub at: u64,
    pub producer: usize,
    pub epoch: Epoch,
}

/// Where a process stands in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// No producer yet.
    Starting,
    Out {
        rejoin: Option<MemberId>,
    },
    Joining {
        member: MemberId,
    },
    In {
        member: MemberId,
        generation: i32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callback {
    Revoke,
    Lose,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetching {
    pub next: i64,
    pub is_paused: bool,
    pub end_told: i64,
}

/// Why a process is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Stopped,
    Failed,
}

pub struct Process {
    pub number: usize,
    pub(crate) thread: StreamThread<SimStore>,
    pub(crate) topology: Arc<Topology>,
    is_static: bool,
    pub(crate) events: VecDeque<Event<SimStore>>,
    doing: Option<Command>,
    /// A call on the producer that another thread makes meanwhile.
    calling: Option<Command>,
    /// What the commit under way carries, whatever becomes of it in the stream thread.
    pub(crate) planned: Arc<Outbox>,
    pub(crate) epoch: Option<Epoch>,
    standing: Standing,
    claim: Credentials,
    pending: Option<Callback>,
    in_callback: bool,
    stopping: bool,
    pub(crate) fetching: BTreeMap<SourcePartition, Fetching>,
    pub(crate) jobs: VecDeque<crate::worker::Job>,
    pub(crate) answers: VecDeque<Event<SimStore>>,
    pub(crate) in_flight: VecDeque<(TopicPartition, StoredRecord)>,
    /// Why the open transaction cannot be committed.
    pub(crate) doomed: Option<Outcome>,
    /// Records told to the thread since its last commit of them, in order; for the auditor.
    pub(crate) delivered: Vec<(SourcePartition, i64)>,
    pub(crate) sent: Vec<(SourcePartition, i64)>,
    pub(crate) busy_until: u64,
    /// Until then nothing of it runs, heartbeats included.
    pub(crate) frozen_until: u64,
    failed: bool,
    pub(crate) recovered: BTreeSet<i32>,
    pub(crate) early_ends: BTreeMap<i32, i64>,
    /// Writes that a planted bug holds back.
    pub(crate) held: Option<Vec<(i32, WriteBatch)>>,
}

pub fn limits(records_per_commit_max: usize, latest: bool) -> Limits {
    Limits {
        records_per_commit_max,
        commit_interval_max_ms: 40,
        commit_interval_min_ms: 0,
        sweep_interval_ms: 400,
        purge_interval_ms: 2_000,
        task_retry_ms: 300,
        fence_wait_ms: 5_000,
        start: if latest { Start::Latest } else { Start::Earliest },
        ..Limits::default()
    }
}

impl Process {
    pub fn start(number: usize, is_static: bool, topology: Arc<Topology>, limits: Limits) -> Self {
        let identity = is_static.then_some(number);
        Self {
            number,
            thread: StreamThread::new(topology.clone(), limits),
            topology,
            is_static,
            events: VecDeque::new(),
            doing: None,
            calling: None,
            planned: Arc::default(),
            epoch: None,
            standing: Standing::Starting,
            claim: Credentials { member: None, generation: -1, identity },
            pending: None,
            in_callback: false,
            stopping: false,
            fetching: BTreeMap::new(),
            jobs: VecDeque::new(),
            answers: VecDeque::new(),
            in_flight: VecDeque::new(),
            doomed: None,
            delivered: Vec::new(),
            sent: Vec::new(),
            busy_until: 0,
            frozen_until: 0,
            failed: false,
            recovered: BTreeSet::new(),
            early_ends: BTreeMap::new(),
            held: None,
        }
    }

    /// Finish what is open, then leave.
    pub fn stop(&mut self) {
        if !self.stopping {
            self.stopping = true;
            self.events.clear();
            self.events.push_back(Event::Stop);
        }
    }

    pub fn step(&mut self, site: &mut Site<'_>) -> Option<Gone> {
        if site.now < self.busy_until.max(self.frozen_until) {
            return None;
        }
        if site.dice.u8(..3) == 0 {
            let landing = site.dice.usize(..6);
            self.land(site, landing);
        }
        if self.failed {
            return Some(Gone::Failed);
        }
        if let Some(command) = self.doing.take().or_else(|| self.thread.next_command()) {
            self.perform(command, site);
            return None;
        }
        if let Some(event) = self.events.pop_front() {
            self.thread.on(event, site.wall);
            return None;
        }
        if let Some(call) = self.calling.take() {
            let is_awaited = self.in_callback || self.stopping || self.thread.room() == 0;
            if is_awaited || site.dice.u8(..4) == 0 {
                self.call(call, site);
                return None;
            }
            self.calling = Some(call);
        }
        if std::mem::take(&mut self.in_callback) {
            self.fetching.clear();
            self.answers.clear();
            let rejoin = self.claim.member.filter(|_| self.pending != Some(Callback::Lose));
            self.pending = None;
            self.standing = Standing::Out { rejoin };
        }
        if self.stopping {
            if let (false, Some(member)) = (self.is_static, self.claim.member) {
                site.broker.group.leave(member, site.now);
            }
            return Some(Gone::Stopped);
        }
        self.poll(site);
        None
    }

    /// The client's own thread tells the coordinator that it lives.
    pub fn beat(&mut self, site: &mut Site<'_>) {
        let Standing::In { member, generation } = self.standing else { return };
        if site.now < self.frozen_until {
            return;
        }
        if self.pending.is_some() || self.in_callback && self.claim.member.is_none() {
            return;
        }
        let identity = self.claim.identity;
        match site.broker.group.beat(member, generation, identity, site.now) {
            HeartbeatReply::Fine => {}
            HeartbeatReply::Rebalance => self.pending = Some(Callback::Revoke),
            HeartbeatReply::Lost { is_member } => {
                self.claim.generation = -1;
                if !is_member {
                    self.claim.member = None;
                }
                self.pending = Some(Callback::Lose);
            }
            HeartbeatReply::FencedIdentity => self.failed = true,
        }
    }

    pub fn owns(&self, site: &Site<'_>, source: SourcePartition) -> bool {
        match self.standing {
            Standing::In { member, generation } => site.broker.group.owns(member, generation, source),
            Standing::Starting | Standing::Out { .. } | Standing::Joining { .. } => false,
        }
    }

    pub fn stages(&self) -> impl Iterator<Item = (i32, &'static str, Option<&str>)> {
        self.thread.stages()
    }

    pub fn is_member(&self) -> bool {
        matches!(self.standing, Standing::In { .. }) && self.pending.is_none() && !self.in_callback
    }

    /// Nothing is under way but the next poll.
    pub fn is_idle(&self) -> bool {
        self.doing.is_none() && self.calling.is_none() && self.in_flight.is_empty()
    }

    fn poll(&mut self, site: &mut Site<'_>) {
        match self.standing {
            Standing::Starting => {
                self.epoch = site.broker.init(self.number);
                if self.epoch.is_some() {
                    self.standing = Standing::Out { rejoin: None };
                }
            }
            Standing::Out { rejoin } => {
                let member = site.broker.group.join(self.number, self.is_static, rejoin, site.now);
                self.standing = Standing::Joining { member };
            }
            Standing::Joining { member } => match site.broker.group.assignment(member) {
                Some((generation, partitions)) => self.assigned(member, generation, partitions, site),
                None if site.broker.group.knows(member) => site.broker.group.touch(member, site.now),
                None => self.standing = Standing::Out { rejoin: None },
            },
            Standing::In { .. } => match self.pending {
                Some(_)
                    if site.planted == Some(Planted::KeepBatch) && self.pending == Some(Callback::Revoke) =>
                {
                    self.pending = None;
                    self.standing = Standing::Out { rejoin: self.claim.member };
                }
                Some(callback) => {
                    self.in_callback = true;
                    let lost = callback == Callback::Lose;
                    site.trace.note("revoked", [self.number as i64, lost.into(), 0], || {
                        let how = if lost { "loses" } else { "gives back" };
                        format!("{} {how} its partitions", name(self.number))
                    });
                    self.events.push_back(Event::Revoked { lost });
                }
                None => self.fetch(site),
            },
        }
    }

    fn assigned(
        &mut self,
        member: MemberId,
        generation: i32,
        partitions: Vec<SourcePartition>,
        site: &mut Site<'_>,
    ) {
        self.standing = Standing::In { member, generation };
        self.claim.member = Some(member);
        self.claim.generation = generation;
        site.trace.note("assigned", [self.number as i64, generation.into(), partitions.len() as i64], || {
            let names: Vec<_> = partitions.iter().map(|it| site.house.source_name(*it)).collect();
            format!("{} gets {} in generation {generation}", name(self.number), names.join(" "))
        });
        let is_deaf = site.planted == Some(Planted::KeepBatch) && !self.fetching.is_empty();
        if !is_deaf {
            self.events.push_back(Event::Assigned { partitions, generation });
        }
    }

    fn perform(&mut self, command: Command, site: &mut Site<'_>) {
        let answer = match command {
            Command::Assign(_) | Command::Unassign => {
                self.fetching.clear();
                None
            }
            Command::Resume(starts) => {
                self.resume(starts, site);
                None
            }
            Command::Pause(sources) => {
                for source in sources {
                    if let Some(fetching) = self.fetching.get_mut(&source) {
                        fetching.is_paused = true;
                    }
                }
                None
            }
            Command::Suspend { .. } => None,
            Command::CancelRecovery => {
                self.jobs.retain(|job| job.outlives_its_assignment());
                self.delivered.clear();
                None
            }
            Command::Open { assignment, task } => Some(self.open(assignment, task, false, site)),
            Command::Wipe { assignment, task } => Some(self.open(assignment, task, true, site)),
            Command::AskStable { .. }
            | Command::AskExtents { .. }
            | Command::Restore { .. }
            | Command::Probe { .. }
            | Command::Purge { .. } => {
                self.jobs.extend(crate::worker::Job::of(command));
                None
            }
            Command::SendOffsets { .. } | Command::Commit => {
                self.end(command, site);
                None
            }
            Command::Begin | Command::Produce { .. } | Command::Abort | Command::ReplaceProducer => {
                match self.transact(&command, site) {
                    Some(answer) => Some(answer),
                    None => {
                        // The broker is not ready: the call goes on.
                        self.doing = Some(command);
                        None
                    }
                }
            }
            Command::Write { task, batch } => self.write(task, batch, site),
            Command::Report(report) => {
                self.report(&report, site);
                None
            }
            Command::Fail(reason) => {
                site.trace.note("failed", [self.number as i64, 0, 0], || {
                    format!("{} cannot go on: {reason}", name(self.number))
                });
                self.failed = true;
                None
            }
        };
        if let Some(answer) = answer {
            self.thread.on(answer, site.wall);
        }
    }

    /// One of the calls that end a transaction: made at once, or by another thread.
    fn end(&mut self, command: Command, site: &mut Site<'_>) {
        if let Some(planned) = self.thread.planned_outbox() {
            self.planned = planned;
        }
        if site.dice.bool() {
            self.calling = Some(command);
        } else {
            self.call(command, site);
        }
    }

    fn call(&mut self, command: Command, site: &mut Site<'_>) {
        match self.transact(&command, site) {
            Some(answer) => self.thread.on(answer, site.wall),
            // The broker is not ready.
            None => self.calling = Some(command),
        }
    }

    fn resume(&mut self, starts: Vec<(SourcePartition, i64)>, site: &Site<'_>) {
        for (source, next) in starts {
            self.fetching.insert(source, Fetching { next, is_paused: false, end_told: -1 });
            self.delivered.retain(|(it, _)| *it != source);
            let is_directory = self.topology.source(source.topic).kind == SourceKind::Directory;
            if site.planted == Some(Planted::SkipDirectory) && is_directory {
                let offset = site.broker.log(site.house.source_place(source)).end();
                self.events.push_back(Event::ReachedEnd { source, offset });
            }
        }
    }

    fn open(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        blank: bool,
        site: &mut Site<'_>,
    ) -> Event<SimStore> {
        let task_of = |source: SourcePartition| self.topology.task_of(source.topic, source.partition);
        self.delivered.retain(|(source, _)| task_of(*source) != Some(task));
        let store = if blank { site.disk.wipe(task) } else { site.disk.store(task) };
        if site.planted == Some(Planted::PolicyOutside) {
            store.read_policies_from(site.policies.clone());
        }
        Event::Opened { assignment, task, result: Ok(store) }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        self.claim
    }

    pub(crate) fn again(&mut self, command: Command) {
        self.doing = Some(command);
    }

    fn report(&mut self, report: &Report, site: &mut Site<'_>) {
        let number = self.number;
        match report {
            Report::TaskReady { task, restored } => {
                site.trace.note("ready", [number as i64, (*task).into(), *restored as i64], || {
                    format!("{} takes up task {task} after {restored} records of its changelog", name(number))
                });
                self.recovered.insert(*task);
                let source = self.topology.source_of(SourceKind::Repartition);
                let source = SourcePartition { topic: source.expect("there is one"), partition: *task };
                if self.owns(site, source) {
                    let store = site.disk.store(*task);
                    site.auditor.task_ready(number, *task, &store);
                }
            }
            Report::Committed { records, .. } => {
                site.trace.note("done", [number as i64, *records as i64, 0], || {
                    format!("{} has committed {records} records", name(number))
                });
            }
            Report::Lost { source, records } => {
                if self.owns(site, *source) {
                    site.auditor.reported_lost(*source, *records, site.broker);
                }
                site.trace.note("lost", [number as i64, *records, 0], || {
                    format!(
                        "{} says that {records} of {} are lost",
                        name(number),
                        site.house.source_name(*source)
                    )
                });
            }
            Report::Aborted { .. }
            | Report::Fenced
            | Report::UnknownOutcome { .. }
            | Report::TaskFailed { .. }
            | Report::PositionsVoid { .. }
            | Report::Wiped { .. }
            | Report::Poison { .. } => {
                site.trace
                    .note("report", [number as i64, 0, 0], || format!("{} reports {report:?}", name(number)));
            }
        }
    }
}
