//! One run: chaos by plan, then rest; who acts when is drawn from the seed.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::rc::Rc;

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, StoreKey};
use otp_topology::wire::record::SourcePartition;

use crate::auditor::{Asked, Auditor};
use crate::broker::{Broker, Place, Stored};
use crate::cut::{self, Cut};
use crate::disk::{Disk, PolicyTable};
use crate::faults;
use crate::house::{Creations, DESK, House, POLICIES, REQUESTS, START_MS, Shape};
use crate::oracle::{Oracle, Violation};
use crate::plan::{CHAOS_STEPS, Fault, Plan, What};
use crate::planted::Planted;
use crate::process::{Gone, Late, Process, Site, limits, name};
use crate::trace::{Fnv, Trace};
use crate::workload::{Drafted, Item, PEOPLE, drafted, first_policy, mobile, user};

const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 20_000;
const TRANSACTION_MS: u64 = 10_000;
/// Rounds in which everybody acts once, until all must be at rest.
const REST_ROUNDS_MAX: u32 = 6_000;

/// One instance: a process that comes and goes, and a disk that stays.
#[derive(Default)]
pub struct Instance {
    pub process: Option<Process>,
    pub disk: Disk,
    pub armed: Vec<Fault>,
    pub paused_until: u64,
    pub start_at: u64,
    /// By how much its clock is wrong.
    pub skew_ms: i64,
}

/// What came of a run.
pub struct Outcome {
    pub hash: u64,
    /// A hash of every committed record, of the internal topics too.
    pub committed: u64,
    pub violation: Option<Violation>,
    pub lines: Vec<String>,
    pub steps: u32,
}

pub struct World<'p> {
    pub house: Rc<House>,
    pub plan: &'p Plan,
    pub planted: Option<Planted>,
    pub broker: Broker,
    pub auditor: Auditor,
    pub instances: Vec<Instance>,
    pub late: Vec<Late>,
    pub trace: Trace,
    pub now: u64,
    pub creations: Creations,
    dice: fastrand::Rng,
    policies: PolicyTable,
    /// Requests as they were appended, for repeats.
    made: Vec<(Item, Drafted)>,
    numbers: usize,
    pub cut: Option<Cut>,
    next: usize,
    /// When the last outcome was logged.
    quiet_since: u64,
}

/// Houses are costly to build, and the same for many seeds.
#[derive(Default)]
pub struct Houses(BTreeMap<Shape, Rc<House>>);

impl Houses {
    pub fn of(&mut self, shape: Shape) -> Rc<House> {
        self.0.entry(shape).or_insert_with(|| Rc::new(House::new(shape))).clone()
    }
}

/// Runs a plan.
pub fn run(houses: &mut Houses, plan: &Plan, planted: Option<Planted>, is_told: bool) -> Outcome {
    let mut world = World::new(houses.of(plan.shape), plan, planted, is_told);
    world.furnish();
    let mut steps = 0;
    while steps < CHAOS_STEPS && world.auditor.first_violation.is_none() {
        world.chaos(steps);
        steps += 1;
    }
    if world.auditor.first_violation.is_none() {
        world.rest();
    }
    let violation = world.auditor.first_violation.take();
    let committed = committed(&world.house, &world.broker);
    Outcome { hash: world.trace.hash(), committed, violation, lines: world.trace.lines(), steps }
}

/// A hash of every committed record (topic, partition, key, value, headers), in the order of each partition.
fn committed(house: &House, broker: &Broker) -> u64 {
    let mut hash = Fnv::default();
    let mut part = |bytes: Option<&[u8]>| {
        hash.write_i64(bytes.map_or(-1, |it| it.len() as i64));
        hash.write(bytes.unwrap_or_default());
    };
    let mut logs: Vec<_> = house.topics.iter().zip(&broker.logs).collect();
    logs.sort_by_key(|(name, _)| *name);
    for (name, partitions) in logs {
        for log in partitions {
            part(Some(name.as_bytes()));
            for (_, record) in (0..log.end()).filter_map(|offset| log.visible(offset)) {
                part(record.key.as_deref());
                part(record.value.as_deref());
                for (name, value) in &record.headers {
                    part(Some(name.as_bytes()));
                    part(value.as_deref());
                }
            }
        }
    }
    hash.finish()
}

impl<'p> World<'p> {
    fn new(house: Rc<House>, plan: &'p Plan, planted: Option<Planted>, is_told: bool) -> Self {
        let producers = plan.instances + 1;
        Self {
            broker: Broker::new(&house.counts, producers, REBALANCE_MS, SESSION_MS),
            auditor: Auditor::new(house.clone(), plan.latest, plan.clocks_lie()),
            instances: (0..plan.instances).map(|_| Instance::default()).collect(),
            late: Vec::new(),
            trace: Trace::new(is_told),
            now: START_MS,
            creations: Creations { requests: 0, early_key: planted == Some(Planted::EarlyKey) },
            dice: fastrand::Rng::with_seed(plan.seed ^ 0xd1ce),
            policies: PolicyTable::default(),
            made: Vec::new(),
            numbers: 0,
            cut: None,
            next: 0,
            quiet_since: START_MS,
            house,
            plan,
            planted,
        }
    }

    /// What lies on the topics before anybody starts.
    fn furnish(&mut self) {
        let shape = self.plan.shape;
        self.append(first_policy(), None);
        for who in 0..PEOPLE / 2 {
            self.append(user(who, true, shape), None);
        }
    }

    fn chaos(&mut self, step: u32) {
        self.now += self.dice.u64(..9);
        while let Some(planned) = self.plan.planned.get(self.next).filter(|it| it.step <= step) {
            self.next += 1;
            match planned.what {
                What::Load(item) => self.load(item),
                What::Fault { instance, fault } => faults::strike(self, instance, fault),
            }
        }
        self.housekeeping(false);
        let who = self.dice.usize(..self.instances.len());
        match self.dice.u8(..10) {
            0 => self.marker(),
            1 | 2 => self.act(who, |process, site| {
                process.work(site);
                None
            }),
            3 => self.act(who, |process, site| {
                process.beat(site);
                None
            }),
            _ => {
                for _ in 0..self.dice.usize(1..4) {
                    self.act(who, Process::step);
                }
            }
        }
        self.judge();
    }

    /// No more faults: everything must come to rest.
    fn rest(&mut self) {
        for instance in &mut self.instances {
            instance.armed.clear();
            instance.paused_until = 0;
            instance.start_at = 0;
        }
        self.trace.note("rest", [0; 3], || "the faults are over".to_owned());
        cut::mend(self);
        for round in 0..REST_ROUNDS_MAX {
            self.round();
            if self.auditor.first_violation.is_some() {
                return;
            }
            // A commit that was just logged may not be written yet.
            if self.quiet_since + 8 * 15 < self.now && round % 8 == 7 && self.is_at_rest() {
                return self.check_rest();
            }
        }
        let why = self.why_restless();
        self.auditor.violated(Oracle::Rest.broken(format!("stuck: {why}")));
    }

    /// Everybody acts once, and the broker does all that it has to.
    pub fn round(&mut self) {
        self.now += 15;
        self.housekeeping(true);
        for who in 0..self.instances.len() {
            self.act(who, |process, site| {
                process.beat(site);
                process.work(site);
                process.step(site)
            });
            self.act(who, Process::step);
        }
        while self.broker.transactions.has_markers() {
            self.marker();
        }
        self.judge();
    }

    fn is_at_rest(&self) -> bool {
        self.is_settled()
            && self.auditor.unanswered().is_none()
            && self.processes_are(|process| {
                process.is_idle() && process.stages().all(|(_, stage, _)| stage == "running")
            })
    }

    /// Nothing is open, and everybody has its place in the group.
    pub fn is_settled(&self) -> bool {
        self.broker.transactions.are_all_settled()
            && self.late.is_empty()
            && !self.broker.group.is_rebalancing()
            && self.processes_are(Process::is_member)
    }

    fn processes_are(&self, so: impl Fn(&Process) -> bool) -> bool {
        self.instances.iter().all(|instance| instance.process.as_ref().is_some_and(&so))
    }

    fn why_restless(&self) -> String {
        if let Some(asked) = self.auditor.unanswered() {
            return format!("nobody answers {asked}; {}", self.stages());
        }
        if !self.broker.transactions.are_all_settled() {
            return "a transaction stays open".to_owned();
        }
        format!("the tasks do not come to rest: {}", self.stages())
    }

    fn stages(&self) -> String {
        let of = |(number, instance): (usize, &Instance)| {
            let stages = instance.process.as_ref().map(|process| {
                let stages = process.stages().map(|(task, stage, reason)| {
                    format!("task {task} {stage} {}", reason.unwrap_or_default())
                });
                format!("{}: {}", name(number), stages.collect::<Vec<_>>().join(", "))
            });
            stages.unwrap_or_else(|| format!("{} is down", name(number)))
        };
        self.instances.iter().enumerate().map(of).collect::<Vec<_>>().join("; ")
    }

    fn check_rest(&mut self) {
        let logs = self.auditor.check_losses().and_then(|()| self.auditor.check_logs(&self.broker));
        if let Err(violation) = logs {
            self.auditor.violated(violation);
        }
        let topic = self.house.source(
            &self
                .house
                .topology(self.creations)
                .output(self.house.topology(self.creations).repartition)
                .name
                .clone(),
        );
        for task in 0..self.plan.shape.partitions {
            let source = SourcePartition { topic, partition: task };
            for number in 0..self.instances.len() {
                let mut owns = false;
                self.act(number, |process, site| {
                    owns = process.owns(site, source);
                    None
                });
                if !owns {
                    continue;
                }
                let store = self.instances[number].disk.store(task);
                if let Err(violation) = self.auditor.check_store(task, &store, &self.broker) {
                    self.auditor.violated(violation);
                }
            }
        }
    }

    /// What the broker and the world do by themselves.
    fn housekeeping(&mut self, always: bool) {
        let now = self.now;
        for number in 0..self.instances.len() {
            let instance = &mut self.instances[number];
            if instance.process.is_none() && now >= instance.start_at {
                self.start(number);
            }
        }
        let late: Vec<Late> = self.late.extract_if(.., |it| it.at <= now).collect();
        for it in late {
            let landed = self.broker.end(it.producer, it.epoch, true);
            self.trace.note("late", [it.producer as i64, landed.is_ok().into(), 0], || {
                format!("a late commit of {} arrives: {landed:?}", name(it.producer))
            });
        }
        if self.broker.expire_transactions(now, TRANSACTION_MS) > 0 {
            self.trace
                .note("expired", [0; 3], || "the coordinator aborts what is open for too long".to_owned());
        }
        if self.broker.group.expire(now) {
            self.trace.note("session", [0; 3], || "a member's session ends".to_owned());
        }
        if always || self.dice.u8(..8) == 0 {
            let topology = self.house.topology(Creations::default()).clone();
            if self.broker.group.complete(&topology, now) {
                let generation = self.broker.group.generation;
                self.trace.note("generation", [generation.into(), 0, 0], || {
                    format!("generation {generation} begins")
                });
            }
        }
    }

    fn start(&mut self, number: usize) {
        let mut creations = self.creations;
        if self.planted == Some(Planted::TrustRecreated) {
            creations.requests = 0;
        }
        let topology = self.house.topology(creations).clone();
        let limits = limits(self.plan.records_per_commit_max, self.plan.latest);
        self.instances[number].process = Some(Process::start(number, self.plan.is_static, topology, limits));
        self.trace.note("start", [number as i64, 0, 0], || format!("{} starts", name(number)));
    }

    fn act(&mut self, number: usize, action: impl FnOnce(&mut Process, &mut Site<'_>) -> Option<Gone>) {
        let instance = &mut self.instances[number];
        if self.now < instance.paused_until {
            return;
        }
        let Some(mut process) = instance.process.take() else { return };
        let mut site = Site {
            house: &self.house,
            broker: &mut self.broker,
            auditor: &mut self.auditor,
            disk: &mut instance.disk,
            dice: &mut self.dice,
            trace: &mut self.trace,
            armed: &mut instance.armed,
            late: &mut self.late,
            policies: &self.policies,
            now: self.now,
            wall: LogTime::from_ms(self.now.saturating_add_signed(instance.skew_ms)),
            planted: self.planted,
        };
        let gone = action(&mut process, &mut site);
        match gone {
            None => instance.process = Some(process),
            Some(gone) => {
                instance.start_at = self.now + 300;
                self.trace
                    .note("gone", [number as i64, 0, 0], || format!("{} is gone: {gone:?}", name(number)));
            }
        }
        self.judge();
    }

    fn marker(&mut self) {
        let which = self.dice.usize(..64);
        if let Some((producer, at, commit)) = self.broker.write_marker(which, self.now) {
            let house = &self.house;
            self.trace.note("marker", [producer as i64, commit.into(), 0], || {
                let place = at.map_or("the offsets".to_owned(), |at| house.name(at));
                let what = if commit { "commit" } else { "abort" };
                format!("the {what} marker of {} is written to {place}", name(producer))
            });
        }
    }

    fn judge(&mut self) {
        for mut decided in std::mem::take(&mut self.broker.decided) {
            decided.at = self.now;
            let (producer, commit) = (decided.producer, decided.commit);
            self.quiet_since = self.now;
            self.trace.note(
                "decided",
                [producer as i64, commit.into(), decided.outputs.len() as i64],
                || {
                    let what = if commit { "committed" } else { "aborted" };
                    format!(
                        "the transaction of {} is {what}: {} records, offsets {:?}",
                        name(producer),
                        decided.outputs.len(),
                        decided.offsets
                    )
                },
            );
            self.auditor.decided(&decided, &self.broker);
        }
    }

    fn load(&mut self, item: Item) {
        let item = match item {
            Item::Repeat { back } => {
                if let Some(at) = self.made.len().checked_sub(back) {
                    let (item, drafted) = self.made[at].clone();
                    self.append(drafted, Some(item));
                }
                return;
            }
            item => item,
        };
        let shape = self.plan.shape;
        let mut dice = self.dice.clone();
        let drafted = drafted(item, self.numbers, &mut dice, shape, self.auditor.phones());
        self.dice = dice;
        self.append(drafted, Some(item));
    }

    fn append(&mut self, drafted: Drafted, item: Option<Item>) {
        let Drafted { topic, partition, record } = drafted.clone();
        let at = Place { topic: self.house.topic(topic), partition };
        let record = match item {
            Some(Item::Request { .. }) => self.numbered(record, item, drafted),
            Some(_) | None => record,
        };
        let what = describe(item, topic, &record);
        if topic == POLICIES {
            let key = StoreKey::new(Family::Policy, record.key.as_deref().unwrap_or_default());
            let is_good = record.value.as_deref() != Some(br#"{"digits":99}"#);
            if is_good {
                self.policies.borrow_mut().insert(key.as_bytes().to_vec(), record.value.clone());
            }
        }
        let correlation = crate::auditor::header(&record, "ce_correlationid");
        if let (Some(correlation), Some(Item::Request { who, .. })) = (correlation, item) {
            self.auditor.codes_mut().requests.insert(correlation.to_owned(), (who, 0));
        }
        self.land(at, record, what);
    }

    /// Producers wait for a leader that lost its end.
    pub fn land(&mut self, at: Place, record: Stored, what: String) {
        if let Some(cut) = self.cut.as_mut().filter(|cut| cut.at == at) {
            return cut.waiting.push((record, what));
        }
        let correlation = crate::auditor::header(&record, "ce_correlationid").map(str::to_owned);
        let log = self.broker.log_mut(at);
        let offset = log.append(Rc::new(record), None, self.now);
        let time = log.any(offset).map_or(0, |(time, _)| time);
        self.auditor.codes_mut().appended(&self.house.topics[at.topic], correlation.as_deref(), time);
        if [REQUESTS, DESK].contains(&self.house.topics[at.topic].as_str()) {
            let asked = Asked { correlation, answers: 0, dead_letters: 0, what: what.clone(), gone: None };
            self.auditor.asked(at, offset, asked);
        }
        let house = &self.house;
        self.trace.note("append", [at.topic as i64, at.partition.into(), offset], || {
            format!("{what} is appended to {} as record {offset}", house.name(at))
        });
    }

    /// A correlation id of its own, also for a repeat.
    fn numbered(&mut self, mut record: Stored, item: Option<Item>, drafted: Drafted) -> Stored {
        let correlation = format!("c{}", self.numbers);
        self.numbers += 1;
        for (name, value) in &mut record.headers {
            if name == "ce_correlationid" {
                *value = Some(correlation.clone().into_bytes());
            }
        }
        let body = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let codes = self.auditor.codes_mut();
        if (0..PEOPLE / 2).any(|who| body.contains(&mobile(who))) {
            codes.known.insert(correlation);
        }
        let id = crate::auditor::header(&record, "ce_id").unwrap_or_default().to_owned();
        if let Ok(body) = serde_json::from_str::<serde_json::Value>(&body)
            && let Some(typed) = body["otp"]["otp"].as_str()
        {
            codes.typed.entry(id).or_insert_with(|| typed.to_owned());
        }
        if let Some(item) = item {
            self.made.push((item, drafted));
        }
        record
    }
}

fn describe(item: Option<Item>, topic: &str, record: &Stored) -> String {
    let id = crate::auditor::header(record, "ce_id").unwrap_or_default();
    let correlation = crate::auditor::header(record, "ce_correlationid").unwrap_or_default();
    match item {
        Some(Item::Request { who, ask, .. }) => format!("{ask:?} of person {who} ({id} {correlation})"),
        Some(item) => format!("{item:?}"),
        None => format!("a first record of {topic}"),
    }
}
