//! One simulated process: a production stream thread, its consumer, its producer, and the driver between them.
//!
//! One step performs one command, delivers one event, or polls once. The process can die between any two steps.
//!
//! ```text
//! step: command? ─▶ perform │ else event? ─▶ StreamThread │ else call of the other thread? ─▶ make it │ else poll
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::LogTime;
use otp_topology::state::WriteBatch;
use otp_topology::thread::{
    AssignmentId, Call, CallOutcome, Command, Event, Fetch, Limits, ReadFrom, StoreOperation, StreamThread,
    TaskStage,
};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::SourcePartition;

use crate::auditor::Auditor;
use crate::broker::{Broker, Credentials, Epoch, HeartbeatReply, MemberId, StoredRecord, TopicPartition};
use crate::disk::{Disk, PolicyTable, SimStore};
use crate::house::House;
use crate::names::instance_name;
use crate::plan::Fault;
use crate::planted::Planted;
use crate::schemas::Schemas;
use crate::trace::Trace;

/// What a process can reach: everything except other processes.
pub(crate) struct Site<'a> {
    pub house: &'a House,
    pub broker: &'a mut Broker,
    pub auditor: &'a mut Auditor,
    pub disk: &'a mut Disk,
    pub dice: &'a mut fastrand::Rng,
    pub trace: &'a mut Trace,
    /// Faults that strike at the next suitable call.
    pub armed: &'a mut Vec<Fault>,
    pub late: &'a mut Vec<Late>,
    pub policies: &'a PolicyTable,
    pub now: u64,
    pub wall: LogTime,
    pub planted: Option<Planted>,
}

/// A request to end a transaction that has not reached the broker yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
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
    pub end_reported: i64,
}

/// Why a process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Stopped,
    Failed,
}

pub(crate) struct Process {
    pub number: usize,
    pub(crate) thread: StreamThread<SimStore>,
    pub(crate) topology: Arc<Topology>,
    is_static: bool,
    pub(crate) events: VecDeque<Event<SimStore>>,
    doing: Option<Command>,
    /// A call on the producer that another thread makes.
    calling: Option<Call>,
    /// Steps in which the process does nothing: after an assignment, and for each task that it releases.
    idle_steps: usize,
    /// The thread knows that its assignment ends.
    is_leaving: bool,
    /// Tasks whose stores are open in this assignment.
    opened: BTreeSet<i32>,
    /// Records of the outbox that the producer has.
    pub(crate) produced: usize,
    /// The records of the commit in flight. The stream thread may have rolled it back.
    pub(crate) planned: Arc<Outbox>,
    pub(crate) epoch: Option<Epoch>,
    standing: Standing,
    claim: Credentials,
    pending: Option<Callback>,
    in_callback: bool,
    stopping: bool,
    pub(crate) fetching: BTreeMap<SourcePartition, Fetching>,
    pub(crate) schemas: Schemas,
    pub(crate) questions: VecDeque<crate::worker::Asked>,
    pub(crate) answers: VecDeque<Event<SimStore>>,
    pub(crate) in_flight: VecDeque<(TopicPartition, StoredRecord)>,
    /// Why the open transaction cannot be committed.
    pub(crate) doomed: Option<CallOutcome>,
    /// The refused topic of the open transaction, if the client has learned it.
    pub(crate) refused_topic: Option<usize>,
    /// The tasks that wrote to it, if their records tell; for the auditor.
    pub(crate) refused_writers: Option<BTreeSet<i32>>,
    /// Records that the thread got and has not committed, in order; for the auditor.
    pub(crate) delivered: Vec<(SourcePartition, i64)>,
    pub(crate) sent: Vec<(SourcePartition, i64)>,
    pub(crate) busy_until: u64,
    /// Until then nothing in the process runs, not even heartbeats.
    pub(crate) frozen_until: u64,
    failed: bool,
    pub(crate) recovered: BTreeSet<i32>,
    pub(crate) early_ends: BTreeMap<i32, i64>,
    /// Writes that a planted bug holds back.
    pub(crate) held: Option<Vec<(i32, WriteBatch)>>,
    /// A transaction was aborted since the last commit; for a planted bug.
    pub(crate) has_aborted: bool,
}

impl Process {
    pub(crate) fn start(number: usize, is_static: bool, topology: Arc<Topology>, limits: Limits) -> Self {
        let identity = is_static.then_some(number);
        Self {
            number,
            thread: StreamThread::new(topology.clone(), limits),
            topology,
            is_static,
            events: VecDeque::new(),
            doing: None,
            calling: None,
            idle_steps: 0,
            is_leaving: false,
            opened: BTreeSet::new(),
            produced: 0,
            planned: Arc::default(),
            epoch: None,
            standing: Standing::Starting,
            claim: Credentials { member: None, generation: -1, identity },
            pending: None,
            in_callback: false,
            stopping: false,
            fetching: BTreeMap::new(),
            schemas: Schemas::new(number),
            questions: VecDeque::new(),
            answers: VecDeque::new(),
            in_flight: VecDeque::new(),
            doomed: None,
            refused_topic: None,
            refused_writers: None,
            delivered: Vec::new(),
            sent: Vec::new(),
            busy_until: 0,
            frozen_until: 0,
            failed: false,
            recovered: BTreeSet::new(),
            early_ends: BTreeMap::new(),
            held: None,
            has_aborted: false,
        }
    }

    /// Lets the process finish its open transaction and leave the group.
    pub(crate) fn stop(&mut self) {
        if !self.stopping {
            self.stopping = true;
            self.events.clear();
            self.events.push_back(Event::Stop);
        }
    }

    pub(crate) fn step(&mut self, site: &mut Site<'_>) -> Option<Gone> {
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
        if self.idle_steps > 0 {
            self.idle_steps -= 1;
            return None;
        }
        if let Some(command) = self.doing.take().or_else(|| self.thread.next_command()) {
            self.perform(command, site);
            return None;
        }
        if let Some(event) = self.events.pop_front() {
            self.tell(event, site);
            return None;
        }
        if let Some(call) = self.calling.take() {
            let is_replacing = call == Call::ReplaceProducer;
            let is_awaited = self.in_callback || self.stopping || self.thread.room() == 0;
            if is_awaited && !is_replacing || site.dice.u8(..4) == 0 {
                self.call(call, site);
                return None;
            }
            self.calling = Some(call);
        }
        if std::mem::take(&mut self.in_callback) {
            self.fetching.clear();
            self.schemas.clear();
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

    /// The client's own thread sends a heartbeat to the coordinator.
    pub(crate) fn beat(&mut self, site: &mut Site<'_>) {
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

    pub(crate) fn owns(&self, site: &Site<'_>, source: SourcePartition) -> bool {
        match self.standing {
            Standing::In { member, generation } => site.broker.group.owns(member, generation, source),
            Standing::Starting | Standing::Out { .. } | Standing::Joining { .. } => false,
        }
    }

    pub(crate) fn stages(&self) -> impl Iterator<Item = (i32, TaskStage<'_>)> {
        self.thread.stages()
    }

    pub(crate) fn is_member(&self) -> bool {
        matches!(self.standing, Standing::In { .. }) && self.pending.is_none() && !self.in_callback
    }

    /// Nothing is under way except the next poll.
    pub(crate) fn is_idle(&self) -> bool {
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
                        let how = if lost { "has lost" } else { "must release" };
                        format!("{} {how} its partitions", instance_name(self.number))
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
            format!("{} gets {} in generation {generation}", instance_name(self.number), names.join(" "))
        });
        let is_deaf = site.planted == Some(Planted::KeepBatch) && !self.fetching.is_empty();
        if !is_deaf {
            self.events.push_back(Event::Assigned { partitions, generation });
        }
    }

    fn tell(&mut self, event: Event<SimStore>, site: &Site<'_>) {
        match &event {
            Event::Assigned { .. } => {
                self.is_leaving = false;
                self.fetching.clear();
                self.schemas.clear();
                self.idle_steps += 1;
            }
            Event::Revoked { .. } | Event::Stop => self.is_leaving = true,
            Event::Fetched { .. }
            | Event::ReachedEnd { .. }
            | Event::OutOfRange { .. }
            | Event::Tick
            | Event::Opened { .. }
            | Event::StableOffsets { .. }
            | Event::OffsetRanges { .. }
            | Event::Restored { .. }
            | Event::InputEnds { .. }
            | Event::Written { .. }
            | Event::Began(_)
            | Event::Offered(_)
            | Event::OffsetsSent(_)
            | Event::Committed { .. }
            | Event::Aborted(_)
            | Event::ProducerReplaced(_) => {}
        }
        self.thread.on(event, site.wall);
    }

    fn perform(&mut self, command: Command, site: &mut Site<'_>) {
        match command {
            Command::Fetch(Fetch::Resume(starts)) => self.resume(starts, site),
            Command::Fetch(Fetch::Pause(sources)) => self.pause(&sources),
            Command::Ask(question) => self.questions.push_back(crate::worker::Asked::new(question)),
            Command::CancelQuestions => {
                self.questions.retain(|asked| asked.question.assignment().is_none());
                self.delivered.clear();
                self.idle_steps += std::mem::take(&mut self.opened).len();
                self.idle_steps += usize::from(self.is_leaving);
            }
            Command::Call(call) => self.begin_call(call, site),
            Command::Store(operation) => {
                if let Some(answer) = self.operate(operation, site) {
                    self.thread.on(answer, site.wall);
                }
            }
            Command::Report(report) => self.report(&report, site),
            Command::Fail(reason) => {
                site.trace.note("failed", [self.number as i64, 0, 0], || {
                    format!("{} cannot go on: {reason}", instance_name(self.number))
                });
                self.failed = true;
            }
        }
    }

    fn operate(&mut self, operation: StoreOperation, site: &mut Site<'_>) -> Option<Event<SimStore>> {
        match operation {
            StoreOperation::Open { assignment, task } => Some(self.open(assignment, task, false, site)),
            StoreOperation::Wipe { assignment, task } => Some(self.open(assignment, task, true, site)),
            StoreOperation::Write { task, batch } => self.write(task, batch, site),
        }
    }

    /// Makes a call on the producer. Another thread may make one that ends a transaction, or a new producer.
    fn begin_call(&mut self, call: Call, site: &mut Site<'_>) {
        match call {
            Call::SendOffsets { .. } | Call::Commit => {
                if let Some(planned) = self.thread.planned_outbox() {
                    self.planned = planned;
                }
                if site.dice.bool() {
                    self.calling = Some(call);
                } else {
                    self.call(call, site);
                }
            }
            Call::Abort if site.dice.bool() => self.calling = Some(call),
            Call::ReplaceProducer => {
                self.in_flight.clear();
                self.calling = Some(call);
            }
            Call::Begin | Call::Offer | Call::Abort => {
                match self.transact(&call, site) {
                    Some(answer) => self.thread.on(answer, site.wall),
                    // The broker is not ready: the call goes on.
                    None => self.doing = Some(Command::Call(call)),
                }
            }
        }
    }

    fn call(&mut self, call: Call, site: &mut Site<'_>) {
        match self.transact(&call, site) {
            Some(answer) => self.thread.on(answer, site.wall),
            // The broker is not ready.
            None => self.calling = Some(call),
        }
    }

    fn pause(&mut self, sources: &[SourcePartition]) {
        for source in sources {
            if let Some(fetching) = self.fetching.get_mut(source) {
                fetching.is_paused = true;
                self.schemas.forget(*source);
            }
        }
    }

    fn resume(&mut self, starts: Vec<ReadFrom>, site: &Site<'_>) {
        for ReadFrom { source, offset: mut next, .. } in starts {
            if let (Some(Planted::SkipRefused), Some(paused)) = (site.planted, self.fetching.get(&source)) {
                next = next.max(paused.next);
            }
            self.schemas.forget(source);
            self.fetching.insert(source, Fetching { next, is_paused: false, end_reported: -1 });
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
        self.opened.insert(task);
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
}
