//! The simulated world: instances, broker, auditor and clock, and what can happen to them. Decides nothing: `run` and the
//! seed decide what happens when.

use std::rc::Rc;

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, StoreKey};

use crate::auditor::{Auditor, TrackedRequest};
use crate::broker::{Broker, StoredRecord, TopicPartition};
use crate::disk::{Disk, PolicyTable};
use crate::house::{Creations, House, POLICIES, REQUEST_TOPICS, START_MS, limits};
use crate::names::instance_name;
use crate::plan::{Fault, Plan};
use crate::planted::Planted;
use crate::process::{Gone, Late, Process, Site};
use crate::records::header;
use crate::trace::Trace;
use crate::workload::{
    BAD_POLICY, DraftRecord, Mix, PEOPLE, Window, WorkloadItem, Writer, first_policies, mobile, subject_of,
    user,
};

const SESSION_MS: u64 = 10_000;
const REBALANCE_MS: u64 = 20_000;
const TRANSACTION_MS: u64 = 10_000;
/// Time from a kill to the next start.
const DOWN_MS: u64 = 200;

/// One instance: its process comes and goes, its disk stays.
#[derive(Default)]
pub(crate) struct Instance {
    pub process: Option<Process>,
    pub disk: Disk,
    /// Faults that wait for a call of their kind.
    pub armed: Vec<Fault>,
    pub paused_until: u64,
    pub start_at: u64,
    /// The error of its clock.
    pub skew_ms: i64,
}

/// A partition whose leader lost its newest records, until the old leader is back.
pub(crate) struct Truncation {
    pub at: TopicPartition,
    /// The first lost offset.
    pub end: i64,
    /// The task whose state or position is beyond the end.
    pub task: i32,
    pub must_refuse: bool,
    /// Records that producers append when the old leader is back, and their descriptions.
    pub waiting: Vec<(StoredRecord, String)>,
}

pub(crate) struct World<'p> {
    pub house: Rc<House>,
    pub plan: &'p Plan,
    pub broker: Broker,
    pub auditor: Auditor,
    pub instances: Vec<Instance>,
    pub late: Vec<Late>,
    pub trace: Trace,
    pub now: u64,
    pub creations: Creations,
    pub truncation: Option<Truncation>,
    pub dice: fastrand::Rng,
    /// When the last outcome of a transaction was logged.
    pub decided_at: u64,
    planted: Option<Planted>,
    policies: PolicyTable,
    /// Requests in the order in which they were appended, for repeats.
    appended: Vec<(WorkloadItem, DraftRecord)>,
    requests: usize,
    /// The last window that each person asked for in the contract `int`.
    windows: [Option<Window>; PEOPLE],
}

impl<'p> World<'p> {
    pub(crate) fn new(house: Rc<House>, plan: &'p Plan, planted: Option<Planted>, has_trace: bool) -> Self {
        let producers = plan.instances + 1;
        Self {
            broker: Broker::new(&house.counts, producers, REBALANCE_MS, SESSION_MS),
            auditor: Auditor::new(house.clone(), plan.shape, plan.latest, plan.has_wrong_clocks()),
            instances: (0..plan.instances).map(|_| Instance::default()).collect(),
            late: Vec::new(),
            trace: Trace::new(has_trace),
            now: START_MS,
            creations: Creations { requests: 0, early_key: planted == Some(Planted::EarlyKey) },
            truncation: None,
            dice: fastrand::Rng::with_seed(plan.seed ^ 0xd1ce),
            decided_at: START_MS,
            policies: PolicyTable::default(),
            appended: Vec::new(),
            requests: 0,
            windows: [None; PEOPLE],
            house,
            plan,
            planted,
        }
    }

    /// Appends the records that are there before the first start.
    pub(crate) fn append_initial_records(&mut self) {
        let shape = self.plan.shape;
        let conceals = shape.user_check && self.plan.seed.is_multiple_of(2);
        let delivers = shape.is_limited || self.plan.seed.is_multiple_of(3);
        let policies = first_policies(conceals, delivers);
        let count = if self.plan.mix == Mix::All { policies.len() } else { 1 };
        policies.into_iter().take(count).for_each(|it| self.append(it, None));
        for who in 0..PEOPLE / 2 {
            self.append(user(who, true, shape), None);
        }
    }

    /// Every instance acts once, and the broker does everything that is due.
    pub(crate) fn round(&mut self) {
        self.now += 15;
        self.housekeeping(true);
        for number in 0..self.instances.len() {
            self.with_process(number, |process, site| {
                process.beat(site);
                process.work(site);
                process.step(site)
            });
            self.with_process(number, Process::step);
        }
        while self.broker.transactions.has_markers() {
            self.write_marker();
        }
        self.audit_decided();
    }

    /// Whether no transaction is open, and every instance is a member of the group.
    pub(crate) fn is_settled(&self) -> bool {
        self.broker.transactions.are_all_settled()
            && self.late.is_empty()
            && !self.broker.group.is_rebalancing()
            && self.processes_are(Process::is_member)
    }

    pub(crate) fn processes_are(&self, so: impl Fn(&Process) -> bool) -> bool {
        self.instances.iter().all(|instance| instance.process.as_ref().is_some_and(&so))
    }

    pub(crate) fn kill(&mut self, number: usize) {
        let instance = &mut self.instances[number];
        instance.process = None;
        instance.start_at = self.now + DOWN_MS;
    }

    /// Kills all instances, and waits until the group and the transactions have noticed.
    pub(crate) fn kill_all(&mut self) {
        for number in 0..self.instances.len() {
            self.kill(number);
            self.broker.group.remove_instance(number, self.now);
        }
        self.settle_transactions();
    }

    /// Aborts what is open, and writes all markers.
    pub(crate) fn settle_transactions(&mut self) {
        self.late.clear();
        self.broker.refusals.clear();
        self.broker.expire_transactions(u64::MAX, 0);
        while self.broker.write_marker(0, self.now).is_some() {}
    }

    /// Starts instances, and does what a broker does without a request. `always`: a rebalance that can end does.
    pub(crate) fn housekeeping(&mut self, always: bool) {
        let now = self.now;
        for number in 0..self.instances.len() {
            let instance = &mut self.instances[number];
            if instance.process.is_none() && now >= instance.start_at {
                self.start(number);
            }
        }
        self.broker.refusals.end(now);
        let late: Vec<Late> = self.late.extract_if(.., |it| it.at <= now).collect();
        for it in late {
            let ended = self.broker.end(it.producer, it.epoch, true);
            self.trace.note("late", [it.producer as i64, ended.is_ok().into(), 0], || {
                format!("a late commit of {} arrives: {ended:?}", instance_name(it.producer))
            });
        }
        if self.broker.expire_transactions(now, TRANSACTION_MS) > 0 {
            self.trace
                .note("expired", [0; 3], || "the coordinator aborts transactions that timed out".to_owned());
        }
        if self.broker.group.expire(now) {
            self.trace.note("session", [0; 3], || "a member's session times out".to_owned());
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

    /// Lets a process act, unless its instance is down or paused.
    pub(crate) fn with_process(
        &mut self,
        number: usize,
        action: impl FnOnce(&mut Process, &mut Site<'_>) -> Option<Gone>,
    ) {
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
                self.trace.note("gone", [number as i64, 0, 0], || {
                    format!("{} is down: {gone:?}", instance_name(number))
                });
            }
        }
        self.audit_decided();
    }

    /// Writes one of the markers that are due.
    pub(crate) fn write_marker(&mut self) {
        let which = self.dice.usize(..64);
        if let Some((producer, at, commit)) = self.broker.write_marker(which, self.now) {
            let house = &self.house;
            self.trace.note("marker", [producer as i64, commit.into(), 0], || {
                let place = at.map_or("the offsets".to_owned(), |at| house.name(at));
                let what = if commit { "commit" } else { "abort" };
                format!("the {what} marker of {} is written to {place}", instance_name(producer))
            });
        }
    }

    /// Passes the transactions whose outcomes were logged to the auditor.
    pub(crate) fn audit_decided(&mut self) {
        for mut decided in std::mem::take(&mut self.broker.decided) {
            decided.at = self.now;
            let (producer, commit) = (decided.producer, decided.commit);
            self.decided_at = self.now;
            self.trace.note(
                "decided",
                [producer as i64, commit.into(), decided.outputs.len() as i64],
                || {
                    let what = if commit { "committed" } else { "aborted" };
                    format!(
                        "the transaction of {} is {what}: {} records, offsets {:?}",
                        instance_name(producer),
                        decided.outputs.len(),
                        decided.offsets
                    )
                },
            );
            self.auditor.audit(&decided, &self.broker);
        }
        self.auditor.check_counted();
    }

    /// Makes the record of an item and appends it.
    pub(crate) fn append_item(&mut self, item: WorkloadItem) {
        if let WorkloadItem::Repeat { back } = item {
            if let Some(at) = self.appended.len().checked_sub(back) {
                let (item, draft) = self.appended[at].clone();
                self.append(draft, Some(item));
            }
            return;
        }
        let shape = self.plan.shape;
        let writer = Writer {
            number: self.requests,
            now: self.now,
            shape,
            dice: &mut self.dice,
            phones: self.auditor.phones(),
            windows: &mut self.windows,
        };
        let draft = writer.write(item);
        self.append(draft, Some(item));
    }

    /// Appends a record. While the partition is truncated, its producer waits.
    pub(crate) fn append_or_wait(&mut self, at: TopicPartition, record: StoredRecord, what: String) {
        if let Some(truncation) = self.truncation.as_mut().filter(|it| it.at == at) {
            return truncation.waiting.push((record, what));
        }
        let correlation = header(&record, "ce_correlationid").map(str::to_owned);
        let log = self.broker.log_mut(at);
        let offset = log.append(Rc::new(record), None, self.now);
        let time = log.any(offset).map_or(0, |(time, _)| time);
        self.auditor.codes_mut().appended(&self.house.topics[at.topic], correlation.as_deref(), time);
        if REQUEST_TOPICS.contains(&self.house.topics[at.topic].as_str()) {
            self.auditor.track(at, offset, TrackedRequest::new(correlation, what.clone()));
        }
        let house = &self.house;
        self.trace.note("append", [at.topic as i64, at.partition.into(), offset], || {
            format!("{what} is appended to {} at offset {offset}", house.name(at))
        });
    }

    fn append(&mut self, draft: DraftRecord, item: Option<WorkloadItem>) {
        let DraftRecord { topic, partition, record } = draft.clone();
        let at = TopicPartition { topic: self.house.topic(topic), partition };
        let record = match item {
            Some(item @ WorkloadItem::Request { .. }) => self.with_correlation_id(record, item, draft),
            Some(_) | None => record,
        };
        let what = describe(item, topic, &record);
        if topic == POLICIES {
            let key = StoreKey::new(Family::Policy, record.key.as_deref().unwrap_or_default());
            let is_good = record.value.as_deref() != Some(BAD_POLICY.as_bytes());
            if is_good {
                self.policies.borrow_mut().insert(key.as_bytes().to_vec(), record.value.clone());
            }
        }
        let correlation = header(&record, "ce_correlationid");
        if let (Some(correlation), Some(WorkloadItem::Request { who, kind, .. })) = (correlation, item) {
            self.auditor.codes_mut().asked(correlation, subject_of(who, kind), mobile(who));
        }
        self.append_or_wait(at, record, what);
    }

    /// Gives a request a correlation id of its own, also if it repeats another one.
    fn with_correlation_id(
        &mut self,
        mut record: StoredRecord,
        item: WorkloadItem,
        draft: DraftRecord,
    ) -> StoredRecord {
        let correlation = format!("c{}", self.requests);
        self.requests += 1;
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
        let id = header(&record, "ce_id").unwrap_or_default().to_owned();
        if let Ok(body) = serde_json::from_str::<serde_json::Value>(&body)
            && let Some(typed) = typed_in(&body)
        {
            codes.typed.entry(id).or_insert_with(|| typed.to_owned());
        }
        self.appended.push((item, draft));
        record
    }

    fn start(&mut self, number: usize) {
        let mut creations = self.creations;
        if self.planted == Some(Planted::TrustRecreated) {
            creations.requests = 0;
        }
        let topology = self.house.topology(creations).clone();
        let limits = limits(self.plan.records_per_commit_max, self.plan.latest);
        self.instances[number].process = Some(Process::start(number, self.plan.is_static, topology, limits));
        self.trace.note("start", [number as i64, 0, 0], || format!("{} starts", instance_name(number)));
    }
}

/// The code that a request types.
fn typed_in(body: &serde_json::Value) -> Option<&str> {
    let places = [&body["otp"]["otp"], &body["generatedOtp"], &body["request"]["otp"]];
    places.into_iter().find_map(serde_json::Value::as_str)
}

fn describe(item: Option<WorkloadItem>, topic: &str, record: &StoredRecord) -> String {
    let id = header(record, "ce_id").unwrap_or_default();
    let correlation = header(record, "ce_correlationid").unwrap_or_default();
    match item {
        Some(WorkloadItem::Request { who, kind, .. }) => {
            format!("{kind:?} of person {who} ({id} {correlation})")
        }
        Some(item) => format!("{item:?}"),
        None => format!("an initial record of {topic}"),
    }
}
