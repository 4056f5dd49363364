//! The auditor: checks every transaction when its outcome is logged, every write of a store, and the final state. Reads
//! topics as an outsider does, and knows nothing of the service's memory.

mod codes;
mod counted;
mod ending;
mod judge;
mod reference;
mod signals;
mod state;
mod swept;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hasher;
use std::rc::Rc;
use std::sync::Arc;

use otp_topology::contract::RequestEnd;
use otp_topology::deployment::Topology;
use otp_topology::state::{Family, WriteBatch};
use otp_topology::task::Counters;
use otp_topology::thread::RecoveryUnit;
use otp_topology::wire::record::SourcePartition;

use crate::broker::{Broker, DecidedTransaction, StoredRecord, TopicPartition};
use crate::disk::SimStore;
use crate::house::{House, Shape};
use crate::names::instance_name;
use crate::oracle::{Oracle, Verdict, Violation};
use crate::records::header;
use crate::run::End;
use crate::trace::Fnv;
use codes::Codes;
use counted::Counted;
use judge::Judge;
use reference::Reference;
use signals::Signals;

/// Committed values by key.
type CommittedState = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) struct Auditor {
    house: Rc<House>,
    topology: Arc<Topology>,
    reference: Reference,
    codes: Codes,
    judge: Judge,
    counted: Counted,
    signals: Signals,
    /// What the committed changelog of each task gives.
    committed: Vec<CommittedState>,
    /// Hashes of every key and value that was ever committed for a task.
    versions: Vec<HashSet<u64>>,
    /// The records of the request topics, by offset.
    requests: BTreeMap<TopicPartition, BTreeMap<i64, TrackedRequest>>,
    reported_lost: BTreeMap<TopicPartition, i64>,
    /// The group's offsets, as last committed.
    offsets: BTreeMap<SourcePartition, i64>,
    pub first_violation: Option<Violation>,
    /// How committed requests ended.
    pub ends: BTreeSet<End>,
    changelog: usize,
    repartition: usize,
    dead_letters: usize,
}

/// A record of a request topic, and what the service did with it.
#[derive(Clone, Debug)]
pub(crate) struct TrackedRequest {
    /// `None`: a malformed record.
    correlation: Option<String>,
    replies: u32,
    dead_letters: u32,
    /// For messages.
    what: String,
    deleted: Option<DeletedByRetention>,
}

#[derive(Clone, Copy, Debug)]
struct DeletedByRetention {
    must_be_reported: bool,
}

impl TrackedRequest {
    pub(crate) fn new(correlation: Option<String>, what: String) -> Self {
        Self { correlation, replies: 0, dead_letters: 0, what, deleted: None }
    }

    fn is_unanswered(&self) -> bool {
        self.replies + self.dead_letters == 0
    }
}

impl Auditor {
    pub(crate) fn new(house: Rc<House>, shape: Shape, latest: bool, has_wrong_clocks: bool) -> Self {
        let topology = house.topology(Default::default()).clone();
        let n = topology.partitions as usize;
        let names = [&topology.output(topology.changelog).name, &topology.output(topology.repartition).name];
        let [changelog, repartition] = names.map(|name| house.topic(name));
        let dead_letters = house.topic(&topology.output(topology.dead_letter).name);
        Self {
            reference: Reference::new(topology.clone(), latest, has_wrong_clocks),
            codes: Codes::new(shape.is_limited),
            judge: Judge::new(shape, has_wrong_clocks),
            counted: Counted::default(),
            signals: Signals::default(),
            committed: vec![CommittedState::new(); n],
            versions: vec![HashSet::new(); n],
            requests: BTreeMap::new(),
            reported_lost: BTreeMap::new(),
            offsets: BTreeMap::new(),
            first_violation: None,
            ends: BTreeSet::new(),
            changelog,
            repartition,
            dead_letters,
            topology,
            house,
        }
    }

    pub(crate) fn phones(&self) -> &Codes {
        &self.codes
    }

    pub(crate) fn codes(&self) -> &Codes {
        &self.codes
    }

    pub(crate) fn codes_mut(&mut self) -> &mut Codes {
        &mut self.codes
    }

    pub(crate) fn violated(&mut self, violation: Violation) {
        if self.first_violation.is_none() {
            self.first_violation = Some(violation);
        }
    }

    pub(crate) fn track(&mut self, at: TopicPartition, offset: i64, request: TrackedRequest) {
        self.requests.entry(at).or_default().insert(offset, request);
    }

    /// A request topic was recreated: requests without a reply are gone.
    pub(crate) fn recreated(&mut self, topic: usize, topology: Arc<Topology>) {
        self.requests.retain(|at, _| at.topic != topic);
        self.reference.recreated(&topology);
        self.judge.recreated(topic);
        self.codes.is_recreated = true;
        self.topology = topology;
    }

    /// Retention deleted the records before `start`. Those already read may still get replies. The loss must be reported
    /// only if the task has a position in the partition.
    pub(crate) fn retained(&mut self, at: TopicPartition, source: SourcePartition, start: i64) {
        let deleted = DeletedByRetention { must_be_reported: self.reference.has_position(source) };
        let requests = self.requests.entry(at).or_default();
        requests.range_mut(..start).for_each(|(_, it)| it.deleted = it.deleted.or(Some(deleted)));
    }

    /// A process reports that this many records of a partition were deleted before it read them.
    pub(crate) fn reported_lost(&mut self, source: SourcePartition, records: i64, broker: &Broker) {
        let at = self.house.source_place(source);
        *self.reported_lost.entry(at).or_default() += records;
        let most = broker.log(at).start - self.processed_up_to(source);
        if self.reference.has_position(source) && records > most {
            let place = self.house.name(at);
            let what = format!("{records} records of {place} are reported as lost, but at most {most} are");
            self.violated(Oracle::ReportedLoss.violation(what));
        }
    }

    /// The first record of a source partition that is not processed.
    pub(crate) fn processed_up_to(&self, source: SourcePartition) -> i64 {
        self.reference.next(source)
    }

    /// A group that starts at the end of a partition does not read the records before its start.
    fn untrack_before(&mut self, at: TopicPartition, offset: i64) {
        if let Some(requests) = self.requests.get_mut(&at) {
            requests.retain(|it, _| *it >= offset);
        }
    }

    /// An SMS record arrived at the broker; its transaction may still be aborted.
    pub(crate) fn sms_produced(&mut self, record: &StoredRecord) {
        if let Err(violation) = self.codes.produced(record) {
            self.violated(violation);
        }
    }

    /// Checks a transaction whose outcome is logged.
    pub(crate) fn audit(&mut self, decided: &DecidedTransaction, broker: &Broker) {
        if !decided.commit || self.first_violation.is_some() {
            return;
        }
        if let Err(violation) = self.check_transaction(decided, broker) {
            let what = format!("{} (transaction of {})", violation.what, instance_name(decided.producer));
            self.violated(violation.oracle.violation(what));
        }
    }

    /// A process reports what its last commit did.
    pub(crate) fn counted(&mut self, instance: usize, counters: Counters) {
        self.counted.reported(instance, counters);
    }

    /// Every outcome so far was audited.
    pub(crate) fn check_counted(&mut self) {
        if self.first_violation.is_none()
            && let Err(violation) = self.counted.check()
        {
            self.violated(violation);
        }
    }

    fn check_transaction(&mut self, decided: &DecidedTransaction, broker: &Broker) -> Verdict {
        let house = self.house.clone();
        let forgotten = self.forgotten(&decided.outputs);
        for (at, record) in &decided.outputs {
            if at.topic == self.changelog {
                self.fold(at.partition, record);
            }
        }
        for (at, record) in &decided.outputs {
            let topic = house.topics[at.topic].as_str();
            if topic.ends_with("replies") {
                self.count_reply(record, topic)?;
            }
            if at.topic == self.dead_letters {
                self.count_dead_letter(record)?;
            }
            self.codes.committed(topic, record, decided.at)?;
        }
        self.judge.check(decided, broker, &house, &self.topology)?;
        self.signals.check(decided, &house, &self.reference.homes)?;
        let starts = self.reference.apply(decided, broker, &house, [self.changelog, self.repartition])?;
        for (source, offset) in starts {
            self.untrack_before(house.source_place(source), offset);
        }
        let counted = self.reference.take_counted();
        let end = |(end, _): &(RequestEnd, u64)| (end.contract.as_str(), end.operation, end.outcome);
        self.ends.extend(counted.requests.iter().map(end));
        self.counted.decided(decided.producer, counted);
        self.check_positions(decided, broker)?;
        self.check_forgotten(&forgotten)
    }

    fn fold(&mut self, task: i32, record: &StoredRecord) {
        let key = record.key.clone().unwrap_or_default();
        self.versions[task as usize].insert(version(&key, record.value.as_deref()));
        match &record.value {
            Some(value) => self.committed[task as usize].insert(key, value.clone()),
            None => self.committed[task as usize].remove(&key),
        };
    }

    fn count_reply(&mut self, record: &StoredRecord, topic: &str) -> Verdict {
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        let all = self.requests.values_mut().flat_map(BTreeMap::values_mut);
        let Some(request) = all.into_iter().find(|it| it.correlation.as_deref() == Some(correlation)) else {
            return if self.reference.is_recreated() || self.reference.starts_late() {
                Ok(())
            } else {
                Err(Oracle::OneReply
                    .violation(format!("a reply on {topic} belongs to no request: {correlation:?}")))
            };
        };
        request.replies += 1;
        if request.replies + request.dead_letters > 1 {
            return Err(
                Oracle::OneReply.violation(format!("{} ({correlation}) gets a second reply", request.what))
            );
        }
        Ok(())
    }

    /// A dead letter names the record as it was first read.
    fn count_dead_letter(&mut self, record: &StoredRecord) -> Verdict {
        let named = |record: &StoredRecord| {
            let topic = header(record, "__dlq.errors.topic")?;
            let partition = header(record, "__dlq.errors.partition")?.parse().ok()?;
            let offset: i64 = header(record, "__dlq.errors.offset")?.parse().ok()?;
            Some((
                TopicPartition { topic: self.house.topics.iter().position(|it| it == topic)?, partition },
                offset,
            ))
        };
        let (at, offset) =
            named(record).ok_or_else(|| Oracle::OneReply.violation("a dead letter names no record"))?;
        if at.topic == self.repartition {
            return Err(Oracle::OneReply
                .violation("a dead letter names a record of the repartition topic, which will be purged"));
        }
        if let Some(request) = self.requests.get_mut(&at).and_then(|of| of.get_mut(&offset)) {
            request.dead_letters += 1;
            if request.replies + request.dead_letters > 1 {
                return Err(Oracle::OneReply.violation(format!(
                    "{} gets a dead letter after a reply or another dead letter",
                    request.what
                )));
            }
        }
        Ok(())
    }

    /// A store was written: it must hold only committed values.
    pub(crate) fn written(&mut self, instance: usize, task: i32, batch: &WriteBatch) {
        let versions = &self.versions[task as usize];
        let bad = batch.iter().find(|(key, value)| {
            Family::of(key).is_some_and(Family::is_changelogged) && !versions.contains(&version(key, *value))
        });
        if let Some((key, _)) = bad {
            let family = char::from(key[0]);
            self.violated(Oracle::Uncommitted.violation(format!(
                "the store of task {task} of {} holds a value (family {family}) that was never committed",
                instance_name(instance)
            )));
        }
    }

    /// A process holds up these tasks and forward-only partitions, because a topic is refused to which only the tasks
    /// `writers` write.
    pub(crate) fn held_up(&mut self, instance: usize, units: &[RecoveryUnit], writers: &BTreeSet<i32>) {
        let innocent = units.iter().find_map(|unit| match unit {
            RecoveryUnit::Task(task) => (!writers.contains(task)).then_some(task),
            RecoveryUnit::Forwarder(_) => None,
        });
        if let Some(task) = innocent {
            self.violated(Oracle::Isolation.violation(format!(
                "{} holds up task {task}, which has not written to the refused topic",
                instance_name(instance)
            )));
        }
    }

    /// A task is restored and starts: its state must be exactly the committed one.
    pub(crate) fn task_ready(&mut self, instance: usize, task: i32, store: &SimStore) {
        if let Some(difference) = self.difference(task, &store.entries()) {
            self.violated(Oracle::AssignedState.violation(format!(
                "{} starts task {task} with a state that is not the committed one: {difference}",
                instance_name(instance)
            )));
        }
    }

    fn difference(&self, task: i32, entries: &[(Vec<u8>, Vec<u8>)]) -> Option<String> {
        let committed = &self.committed[task as usize];
        let mut count = 0;
        for (key, value) in entries {
            if !Family::of(key).is_some_and(Family::is_changelogged) {
                continue;
            }
            count += 1;
            match committed.get(key) {
                Some(expected) if expected == value => {}
                Some(_) => return Some(format!("{} has another value", shown(key))),
                None => return Some(format!("{} is not committed", shown(key))),
            }
        }
        let kept: BTreeSet<_> = entries.iter().map(|(key, _)| key).collect();
        let missing = committed.keys().find(|key| !kept.contains(key));
        (count < committed.len())
            .then(|| format!("{} is missing", missing.map_or("a key".to_owned(), |key| shown(key))))
    }
}

fn version(key: &[u8], value: Option<&[u8]>) -> u64 {
    let mut hash = Fnv::default();
    hash.write_usize(key.len());
    hash.write(key);
    hash.write_u8(value.is_some().into());
    hash.write(value.unwrap_or_default());
    hash.finish()
}

fn shown(key: &[u8]) -> String {
    let rest = &key[1..];
    let text = std::str::from_utf8(rest).ok().filter(|text| !text.chars().any(char::is_control));
    let hex = || rest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("key {}:{}", char::from(key[0]), text.map_or_else(hex, str::to_owned))
}
