//! The auditor: judges every transaction at the moment in which its outcome is logged, every write of a store, and
//! what is left at the end. Reads topics as an outsider does, and knows nothing of the service's memory.

mod codes;
mod ending;
mod reference;
mod state;
mod swept;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hasher;
use std::rc::Rc;
use std::sync::Arc;

use otp_topology::state::{Family, WriteBatch};
use otp_topology::task::Topology;
use otp_topology::wire::record::SourcePartition;

use crate::broker::{Broker, Decided, Place, Stored};
use crate::disk::SimStore;
use crate::house::House;
use crate::oracle::{Judged, Oracle, Violation};
use crate::process::name;
use crate::trace::Fnv;
use codes::Codes;
use reference::Reference;
pub(crate) use reference::read_position;

pub type Truth = BTreeMap<Vec<u8>, Vec<u8>>;

pub struct Auditor {
    house: Rc<House>,
    topology: Arc<Topology>,
    reference: Reference,
    codes: Codes,
    /// The committed changelog of each task, folded.
    truth: Vec<Truth>,
    /// Every key and value that was ever committed for a task.
    versions: Vec<HashSet<u64>>,
    /// Request records and how often each was answered.
    asked: BTreeMap<Place, BTreeMap<i64, Asked>>,
    told_lost: BTreeMap<Place, i64>,
    /// The group's, as last committed.
    offsets: BTreeMap<SourcePartition, i64>,
    pub first_violation: Option<Violation>,
    changelog: usize,
    repartition: usize,
    dead_letters: usize,
}

/// A record of a request topic.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Of the record; `None` for one that cannot be read.
    pub correlation: Option<String>,
    pub answers: u32,
    pub dead_letters: u32,
    pub what: String,
    /// Retention took it.
    pub gone: Option<Gone>,
}

#[derive(Clone, Copy, Debug)]
pub struct Gone {
    must_be_told: bool,
}

impl Auditor {
    pub fn new(house: Rc<House>, latest: bool, clocks_lie: bool) -> Self {
        let topology = house.topology(Default::default()).clone();
        let n = topology.partitions as usize;
        let names = [&topology.output(topology.changelog).name, &topology.output(topology.repartition).name];
        let [changelog, repartition] = names.map(|name| house.topic(name));
        let dead_letters = house.topic(&topology.output(topology.dead_letter).name);
        Self {
            reference: Reference::new(topology.clone(), latest, clocks_lie),
            codes: Codes::default(),
            truth: vec![Truth::new(); n],
            versions: vec![HashSet::new(); n],
            asked: BTreeMap::new(),
            told_lost: BTreeMap::new(),
            offsets: BTreeMap::new(),
            first_violation: None,
            changelog,
            repartition,
            dead_letters,
            topology,
            house,
        }
    }

    pub fn phones(&self) -> &Codes {
        &self.codes
    }

    pub fn codes_mut(&mut self) -> &mut Codes {
        &mut self.codes
    }

    pub fn violated(&mut self, violation: Violation) {
        if self.first_violation.is_none() {
            self.first_violation = Some(violation);
        }
    }

    pub fn asked(&mut self, at: Place, offset: i64, asked: Asked) {
        self.asked.entry(at).or_default().insert(offset, asked);
    }

    /// The topic of the requests was made anew: what was not answered never will be.
    pub fn recreated(&mut self, topic: usize, topology: Arc<Topology>) {
        self.asked.retain(|at, _| at.topic != topic);
        self.reference.recreated(&topology);
        self.codes.is_recreated = true;
        self.topology = topology;
    }

    /// Retention took what lies before an offset. What was read already may still be answered; before anybody has a place
    /// in the partition nothing needs to be told.
    pub fn retained(&mut self, at: Place, source: SourcePartition, start: i64) {
        let gone = Gone { must_be_told: self.reference.has_place(source) };
        let asked = self.asked.entry(at).or_default();
        asked.range_mut(..start).for_each(|(_, it)| it.gone = it.gone.or(Some(gone)));
    }

    /// A process says that so many records of a partition were gone before they were read.
    pub fn told_lost(&mut self, source: SourcePartition, records: i64, broker: &Broker) {
        let at = self.house.source_place(source);
        *self.told_lost.entry(at).or_default() += records;
        let most = broker.log(at).start - self.served_up_to(source);
        if self.reference.has_place(source) && records > most {
            let place = self.house.name(at);
            let what = format!("{records} records of {place} are told to be lost, at most {most} are");
            self.violated(Oracle::Counted.broken(what));
        }
    }

    /// The first record of a source partition that is not served.
    pub fn served_up_to(&self, source: SourcePartition) -> i64 {
        self.reference.next(source)
    }

    /// Requests appended before a group that starts at the end had its start are nobody's.
    pub fn forget_unanswered_before(&mut self, at: Place, offset: i64) {
        if let Some(asked) = self.asked.get_mut(&at) {
            asked.retain(|it, _| *it >= offset);
        }
    }

    /// The message of a transaction that may yet be aborted.
    pub fn sms_landed(&mut self, record: &Stored) {
        if let Err(violation) = self.codes.landed(record) {
            self.violated(violation);
        }
    }

    /// The outcome of a transaction is logged.
    pub fn decided(&mut self, decided: &Decided, broker: &Broker) {
        if !decided.commit || self.first_violation.is_some() {
            return;
        }
        if let Err(violation) = self.judge(decided, broker) {
            let what = format!("{} (transaction of {})", violation.what, name(decided.producer));
            self.violated(violation.oracle.broken(what));
        }
    }

    fn judge(&mut self, decided: &Decided, broker: &Broker) -> Judged {
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
                self.answered(record, topic)?;
            }
            if at.topic == self.dead_letters {
                self.dead_letter(record)?;
            }
            self.codes.committed(topic, record, decided.at)?;
        }
        let starts = self.reference.apply(decided, broker, &house, [self.changelog, self.repartition])?;
        for (source, offset) in starts {
            self.forget_unanswered_before(house.source_place(source), offset);
        }
        self.check_places(decided, broker)?;
        self.check_forgotten(&forgotten)
    }

    fn fold(&mut self, task: i32, record: &Stored) {
        let key = record.key.clone().unwrap_or_default();
        self.versions[task as usize].insert(version(&key, record.value.as_deref()));
        match &record.value {
            Some(value) => self.truth[task as usize].insert(key, value.clone()),
            None => self.truth[task as usize].remove(&key),
        };
    }

    fn answered(&mut self, record: &Stored, topic: &str) -> Judged {
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        let all = self.asked.values_mut().flat_map(BTreeMap::values_mut);
        let Some(asked) = all.into_iter().find(|it| it.correlation.as_deref() == Some(correlation)) else {
            return if self.reference.is_recreated() || self.reference.starts_late() {
                Ok(())
            } else {
                Err(Oracle::OneAnswer
                    .broken(format!("a reply on {topic} answers {correlation:?}, which nobody asked")))
            };
        };
        asked.answers += 1;
        if asked.answers + asked.dead_letters > 1 {
            return Err(Oracle::OneAnswer.broken(format!("{} ({correlation}) is answered twice", asked.what)));
        }
        Ok(())
    }

    /// By reference to where the record was first read from.
    fn dead_letter(&mut self, record: &Stored) -> Judged {
        let named = |record: &Stored| {
            let topic = header(record, "__dlq.errors.topic")?;
            let partition = header(record, "__dlq.errors.partition")?.parse().ok()?;
            let offset: i64 = header(record, "__dlq.errors.offset")?.parse().ok()?;
            Some((Place { topic: self.house.topics.iter().position(|it| it == topic)?, partition }, offset))
        };
        let (at, offset) =
            named(record).ok_or_else(|| Oracle::OneAnswer.broken("a dead letter names no record"))?;
        if at.topic == self.repartition {
            return Err(
                Oracle::OneAnswer.broken("a dead letter names a record of the hop, which will be purged")
            );
        }
        if let Some(asked) = self.asked.get_mut(&at).and_then(|of| of.get_mut(&offset)) {
            asked.dead_letters += 1;
            if asked.answers + asked.dead_letters > 1 {
                return Err(Oracle::OneAnswer
                    .broken(format!("{} is answered twice, the second time by a dead letter", asked.what)));
            }
        }
        Ok(())
    }

    /// The store holds nothing that is not committed (I1).
    pub fn written(&mut self, instance: usize, task: i32, batch: &WriteBatch) {
        let versions = &self.versions[task as usize];
        let bad = batch.iter().find(|(key, value)| {
            Family::of(key).is_some_and(Family::is_changelogged) && !versions.contains(&version(key, *value))
        });
        if let Some((key, _)) = bad {
            let family = char::from(key[0]);
            self.violated(Oracle::Uncommitted.broken(format!(
                "the store of task {task} of {} holds a value (family {family}) that was never committed",
                name(instance)
            )));
        }
    }

    /// A task is taken up only with exactly the committed state (I5, I6).
    pub fn taken_up(&mut self, instance: usize, task: i32, store: &SimStore) {
        if let Some(difference) = self.difference(task, &store.entries()) {
            self.violated(Oracle::TakenUp.broken(format!(
                "{} takes up task {task} with another state than the committed: {difference}",
                name(instance)
            )));
        }
    }

    fn difference(&self, task: i32, entries: &[(Vec<u8>, Vec<u8>)]) -> Option<String> {
        let truth = &self.truth[task as usize];
        let mut count = 0;
        for (key, value) in entries {
            if !Family::of(key).is_some_and(Family::is_changelogged) {
                continue;
            }
            count += 1;
            match truth.get(key) {
                Some(committed) if committed == value => {}
                Some(_) => return Some(format!("another value under {}", shown(key))),
                None => return Some(format!("{} is not committed", shown(key))),
            }
        }
        let kept: BTreeSet<_> = entries.iter().map(|(key, _)| key).collect();
        let lacking = truth.keys().find(|key| !kept.contains(key));
        (count < truth.len())
            .then(|| format!("it lacks {}", lacking.map_or("a key".to_owned(), |key| shown(key))))
    }
}

/// Where a forwarded record came from.
pub(crate) fn origin_of(record: &Stored, house: &House) -> Option<(Place, i64)> {
    let bytes = |name: &str| record.headers.iter().rev().find(|(it, _)| it == name)?.1.as_deref();
    let topic = std::str::from_utf8(bytes("otp.origin.topic")?).ok()?;
    let partition = i32::from_be_bytes(bytes("otp.origin.partition")?.try_into().ok()?);
    let offset = i64::from_be_bytes(bytes("otp.origin.offset")?.try_into().ok()?);
    Some((Place { topic: house.topics.iter().position(|it| it == topic)?, partition }, offset))
}

pub(crate) fn header<'a>(record: &'a Stored, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().rev().find(|(it, _)| it == name)?;
    value.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok())
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
