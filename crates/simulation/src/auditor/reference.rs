//! The reference: production tasks that process the records of every committed transaction one by one, in the order of the
//! commits, without faults and batches. A transaction must have committed exactly what they give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::{CanonicalSubject, LogTime};
use otp_topology::state::{Family, MemoryStore, StateStore};
use otp_topology::task::{Counters, Task, TaskError, forward_only};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use super::codes::STALE;
use super::{shown, swept};
use crate::broker::{Broker, DecidedTransaction, StoredRecord, TopicPartition};
use crate::house::House;
use crate::oracle::{Oracle, Verdict, Violation};
use crate::records::{header, read_position};
use crate::workload::subjects;

pub(super) struct Reference {
    topology: Arc<Topology>,
    pub stores: Vec<MemoryStore>,
    tasks: Vec<Task<MemoryStore>>,
    /// The next record of each source partition.
    expected: BTreeMap<SourcePartition, i64>,
    /// Keys that the transaction being checked must have changed, by task.
    changed: BTreeSet<(i32, Vec<u8>)>,
    /// What the tasks counted since it was taken.
    counted: Counters,
    latest: bool,
    has_wrong_clocks: bool,
    is_recreated: bool,
    /// By pseudonym.
    pub homes: BTreeMap<Vec<u8>, usize>,
}

/// Start offsets that a group that starts at the end has chosen.
type Starts = Vec<(SourcePartition, i64)>;

impl Reference {
    pub(super) fn new(topology: Arc<Topology>, latest: bool, has_wrong_clocks: bool) -> Self {
        let stores: Vec<_> = (0..topology.partitions).map(|_| MemoryStore::default()).collect();
        let homes = subjects().into_iter().map(|subject| {
            let subject = CanonicalSubject::parse(&subject).expect("a subject");
            let home = topology.home_of(subject.as_str()) as usize;
            (topology.keys.pseudonym(&subject).to_hex().as_bytes().to_vec(), home)
        });
        Self {
            tasks: opened(&topology, &stores),
            homes: homes.collect(),
            stores,
            expected: BTreeMap::new(),
            changed: BTreeSet::new(),
            counted: Counters::default(),
            latest,
            has_wrong_clocks,
            is_recreated: false,
            topology,
        }
    }

    pub(super) fn recreated(&mut self, topology: &Arc<Topology>) {
        self.topology = topology.clone();
        self.tasks = opened(topology, &self.stores);
        self.is_recreated = true;
        let kind = |source: &SourcePartition| topology.source(source.topic).kind;
        self.expected.retain(|source, _| kind(source) != SourceKind::Requests(0));
    }

    pub(super) fn is_recreated(&self) -> bool {
        self.is_recreated
    }

    pub(super) fn starts_late(&self) -> bool {
        self.latest
    }

    pub(super) fn has_position(&self, source: SourcePartition) -> bool {
        self.expected.contains_key(&source)
    }

    /// The first record of a source partition that is not processed.
    pub(super) fn next(&self, source: SourcePartition) -> i64 {
        self.expected.get(&source).copied().unwrap_or(0)
    }

    /// # Errors
    /// The transaction committed something else, or its offsets pass a record that was not processed.
    pub(super) fn apply(
        &mut self,
        decided: &DecidedTransaction,
        broker: &Broker,
        house: &House,
        [changelog, repartition]: [usize; 2],
    ) -> Verdict<Starts> {
        let committed: Vec<_> = decided
            .outputs
            .iter()
            .filter(|(at, record)| {
                let is_barrier = at.topic == repartition && header(record, "otp.kind") == Some("mark");
                at.topic != changelog && !is_barrier
            })
            .collect();
        // The sweep has transactions of its own. What its window counted is told there, or with a record.
        let is_swept = |record: &StoredRecord| {
            is_of_kind(record, "expired") || decided.reads.is_empty() && is_of_kind(record, "signal")
        };
        let (swept, outputs): (Vec<_>, Vec<_>) =
            committed.into_iter().partition(|(_, record)| is_swept(record));
        let mut starts = self.note_starts(decided, changelog);
        let mut out = Outbox::default();
        for (source, offset) in &decided.reads {
            self.process(*source, *offset, &outputs, broker, house, &mut out)?;
            self.commit_each();
        }
        compare(
            &outputs.iter().map(|(at, record)| (*at, (**record).clone())).collect::<Vec<_>>(),
            &drained(&mut out, house),
        )?;
        self.sweep(&swept, broker, house)?;
        self.commit_each();
        self.compare_changelog(decided, changelog)?;
        starts.extend(self.check_offsets(decided, broker, house)?);
        Ok(starts)
    }

    pub(super) fn take_counted(&mut self) -> Counters {
        std::mem::take(&mut self.counted)
    }

    /// Commits the changes of one record or one sweep.
    fn commit_each(&mut self) {
        for (number, task) in self.tasks.iter_mut().enumerate() {
            if task.is_dirty() {
                let mut out = Outbox::default();
                task.plan_commit(&mut out);
                let (batch, mut counters) = task.committed(None, LogTime::default());
                self.counted.take_from(&mut counters);
                self.stores[number].write(&batch).expect("memory does not fail");
                let keys = out.iter().map(|it| (it.partition(), it.key().unwrap_or_default().to_vec()));
                self.changed.extend(keys);
            }
        }
    }

    /// Compares the changelog records. Changes that no record made are the sweep's: they are checked, and copied into the
    /// reference.
    fn compare_changelog(&mut self, decided: &DecidedTransaction, changelog: usize) -> Verdict {
        // Of several records of a key in one transaction the last one counts.
        let logged: BTreeMap<_, _> = decided
            .outputs
            .iter()
            .filter(|(at, _)| at.topic == changelog)
            .map(|(at, record)| ((at.partition, record.key.clone().unwrap_or_default()), &record.value))
            .collect();
        let changed = std::mem::take(&mut self.changed);
        let missing = changed.iter().find(|(task, key)| {
            Family::of(key) != Some(Family::Barrier) && !logged.contains_key(&(*task, key.clone()))
        });
        if let Some((task, key)) = missing {
            let what = format!(
                "the changelog of task {task} has no record of {}, which the transaction changed",
                shown(key)
            );
            return Err(Oracle::Reference.violation(what));
        }
        for ((task, key), value) in logged {
            if matches!(Family::of(&key), Some(Family::Barrier | Family::Position) | None) {
                continue;
            }
            let store = &self.stores[task as usize];
            let before = store.get(&key).expect("memory does not fail");
            if before == *value || is_same_row(&key, before.as_deref(), value.as_deref()) {
                continue;
            }
            let family = Family::of(&key).filter(|it| matches!(it, Family::Subject | Family::Number));
            let is_sweep = family.is_some() && !changed.contains(&(task, key.clone()));
            if !is_sweep {
                return Err(Oracle::Reference.violation(format!(
                    "the changelog of task {task} has a value of {} that the reference does not have",
                    shown(&key)
                )));
            }
            if family == Some(Family::Number) {
                swept::check_number(before.as_deref(), value.as_deref(), decided.at)?;
            } else {
                swept::check(before.as_deref(), value.as_deref(), decided.at)?;
            }
            let write = [(key, value.as_ref())].into_iter().collect();
            store.write(&write).expect("memory does not fail");
        }
        Ok(())
    }

    fn process(
        &mut self,
        source: SourcePartition,
        offset: i64,
        outputs: &[&(TopicPartition, std::rc::Rc<StoredRecord>)],
        broker: &Broker,
        house: &House,
        out: &mut Outbox,
    ) -> Verdict {
        let log = broker.log(house.source_place(source));
        let Some((time, record)) = log.any(offset) else {
            return Err(
                Oracle::Lost.violation(format!("{} has no record {offset}", house.source_name(source)))
            );
        };
        let next = self.expected.get(&source).copied().unwrap_or(0).max(log.start);
        if !self.latest
            && let Some(skipped) = (next..offset).find(|at| log.visible(*at).is_some())
        {
            let place = house.source_name(source);
            return Err(Oracle::Lost
                .violation(format!("record {skipped} of {place} is skipped, {offset} is processed")));
        }
        let mut batch = RecordBatch::default();
        let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        batch.push(source, offset, LogTime::from_ms(time), key, value, headers);
        let correlation = header(record, "ce_correlationid");
        let mine = || {
            outputs
                .iter()
                .filter(move |(_, it)| correlation.is_some() && header(it, "ce_correlationid") == correlation)
        };
        let says = |text: &str| {
            mine().any(|(_, it)| it.value.as_deref().is_some_and(|value| contains(value, text.as_bytes())))
        };
        // Whether a request is stale depends on the wall clock of its process, which the auditor does not know.
        let is_stale = STALE.into_iter().any(says);
        let wall = if is_stale { LogTime::from_ms(u64::MAX / 2) } else { LogTime::default() };
        let Some(task) = self.topology.task_of(source.topic, source.partition) else {
            forward_only(&batch.get(0), false, &self.topology, out);
            self.advance(source, offset + 1);
            return Ok(());
        };
        let origin_topic =
            header(record, "otp.origin.topic").and_then(|name| self.topology.source_named(name));
        let topic = origin_topic.unwrap_or(source.topic);
        let is_request = matches!(self.topology.source(topic).kind, SourceKind::Requests(_));
        let task = &mut self.tasks[task as usize];
        if is_request && !task.has_all_barriers().unwrap_or(false) {
            return Err(Oracle::Policies.violation(format!(
                "{} is processed before the policies are complete",
                house.source_name(source)
            )));
        }
        task.process(&batch.get(0), wall, out).map_err(failed)?;
        self.advance(source, offset + 1);
        Ok(())
    }

    fn advance(&mut self, source: SourcePartition, next: i64) {
        let expected = self.expected.entry(source).or_default();
        *expected = (*expected).max(next);
    }

    fn sweep(
        &mut self,
        events: &[&(TopicPartition, std::rc::Rc<StoredRecord>)],
        broker: &Broker,
        house: &House,
    ) -> Verdict {
        let mut due: BTreeSet<(usize, u64)> = BTreeSet::new();
        let mut told: BTreeMap<usize, u64> = BTreeMap::new();
        for (_, record) in events {
            let body: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap_or_default())
                .map_err(|error| {
                    Oracle::OneEvent.violation(format!("a lifecycle event is not JSON: {error}"))
                })?;
            if is_of_kind(record, "signal") {
                let home = body["partition"].as_u64().unwrap_or(0) as usize;
                told.insert(home, body["windowEnd"].as_u64().unwrap_or(0));
                continue;
            }
            let home = record.key.as_ref().and_then(|key| self.homes.get(key));
            let home = home
                .ok_or_else(|| Oracle::Reference.violation("an expiry of an unknown subject is emitted"))?;
            due.insert((*home, body["occurredAt"].as_u64().unwrap_or(0)));
        }
        let mut out = Outbox::default();
        for (home, watermark) in &due {
            let (home, watermark) = (*home, *watermark);
            self.check_watermark(home, watermark, broker, house)?;
            self.tasks[home].sweep(LogTime::from_ms(watermark), &mut out).map_err(failed)?;
        }
        // A sweep that found no expiry does not say its watermark: it was at least the end of the window.
        told.retain(|home, _| due.iter().all(|(swept, _)| swept != home));
        for (home, end) in told {
            self.check_watermark(home, end, broker, house)?;
            self.tasks[home].pass_signal_window(LogTime::from_ms(end), &mut out).map_err(failed)?;
        }
        let mut committed: Vec<_> = events.iter().map(|(at, record)| (*at, (**record).clone())).collect();
        let mut expected = drained(&mut out, house);
        let order = |(at, record): &(TopicPartition, StoredRecord)| (*at, record.value.clone());
        committed.sort_by_key(order);
        expected.sort_by_key(order);
        compare(&committed, &expected)
    }

    /// No record older than the sweep's watermark waits in an input of the task.
    fn check_watermark(&self, home: usize, watermark: u64, broker: &Broker, house: &House) -> Verdict {
        if self.has_wrong_clocks {
            return Ok(());
        }
        for source in house.all_sources() {
            let kind = self.topology.source(source.topic).kind;
            let log = broker.log(house.source_place(source));
            let is_input = matches!(kind, SourceKind::Requests(_) | SourceKind::Repartition)
                && self.topology.task_of(source.topic, source.partition) == Some(home as i32);
            if !is_input {
                continue;
            }
            // A watermark is never beyond the time at which its owner read. Who read while the leader had lost its newest
            // records rightly saw none of them.
            let mut waiting = log.all_visible(self.next(source));
            let missed =
                waiting.find(|(offset, time, _)| *time < watermark && !log.was_away(*offset, watermark));
            if let Some((offset, time, _)) = missed {
                let place = house.source_name(source);
                return Err(Oracle::Sweep.violation(format!(
                    "the sweep runs at {watermark}, but record {offset} of {place} waits since {time}"
                )));
            }
        }
        Ok(())
    }

    /// A committed offset never passes a record that was not processed. Returns the start offsets that were chosen.
    fn check_offsets(
        &mut self,
        decided: &DecidedTransaction,
        broker: &Broker,
        house: &House,
    ) -> Verdict<Starts> {
        let mut starts = Vec::new();
        for (source, next) in &decided.offsets {
            let log = broker.log(house.source_place(*source));
            let known = self.expected.get(source).copied();
            if known.is_none() && self.latest {
                starts.push((*source, *next));
                self.advance(*source, *next);
                continue;
            }
            let from = known.unwrap_or(0).max(log.start);
            if let Some(lost) = (from..*next).find(|at| log.visible(*at).is_some()) {
                let place = house.source_name(*source);
                return Err(Oracle::Lost.violation(format!(
                    "the offset {next} of {place} is committed, but record {lost} was not processed"
                )));
            }
            self.advance(*source, *next);
        }
        Ok(starts)
    }

    /// Start offsets at the end are committed as positions, in transactions with any offsets.
    fn note_starts(&mut self, decided: &DecidedTransaction, changelog: usize) -> Starts {
        let mut starts = Vec::new();
        if !self.latest {
            return starts;
        }
        for (_, record) in decided.outputs.iter().filter(|(at, _)| at.topic == changelog) {
            let (key, value) =
                (record.key.as_deref().unwrap_or_default(), record.value.as_deref().unwrap_or_default());
            let Some((source, next)) = read_position(key, value, &self.topology) else { continue };
            let is_read = decided.reads.iter().any(|(it, _)| *it == source);
            if !is_read && !self.expected.contains_key(&source) {
                starts.push((source, next));
                self.advance(source, next);
            }
        }
        starts
    }
}

fn opened(topology: &Arc<Topology>, stores: &[MemoryStore]) -> Vec<Task<MemoryStore>> {
    let open = |(number, store): (usize, &MemoryStore)| {
        Task::open(number as i32, topology.clone(), store.clone()).expect("memory does not fail").0
    };
    stores.iter().enumerate().map(open).collect()
}

fn drained(out: &mut Outbox, house: &House) -> Vec<(TopicPartition, StoredRecord)> {
    let records = out.iter().map(|record| {
        let headers =
            record.headers().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect();
        let (key, value) = (record.key().map(<[u8]>::to_vec), record.value().map(<[u8]>::to_vec));
        (house.output_place(record.topic(), record.partition()), StoredRecord { key, value, headers })
    });
    let records = records.collect();
    out.clear();
    records
}

/// Whether two rows of signals count the same. A sweep takes what is due in the order of the index, which no changelog has, so
/// that the subjects of a row may stand in another order. Row: version, seven counts of four bytes, the number of subjects in
/// two, then eight bytes for each.
fn is_same_row(key: &[u8], one: Option<&[u8]>, other: Option<&[u8]>) -> bool {
    const HEAD: usize = 1 + 7 * 4 + 2;
    let (Some(Family::Signal), Some(one), Some(other)) = (Family::of(key), one, other) else { return false };
    let (Some((head, one)), Some((other_head, other))) =
        (one.split_at_checked(HEAD), other.split_at_checked(HEAD))
    else {
        return false;
    };
    let sorted = |subjects: &[u8]| {
        let mut subjects: Vec<Vec<u8>> = subjects.chunks(8).map(<[u8]>::to_vec).collect();
        subjects.sort();
        subjects
    };
    head == other_head && sorted(one) == sorted(other)
}

fn is_of_kind(record: &StoredRecord, kind: &str) -> bool {
    header(record, "ce_type") == Some(&format!("org.digit.otp.{kind}.v1"))
}

fn failed(error: TaskError) -> Violation {
    Oracle::Reference.violation(format!("the reference fails: {error}"))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn compare(
    committed: &[(TopicPartition, StoredRecord)],
    expected: &[(TopicPartition, StoredRecord)],
) -> Verdict {
    let shown = |it: Option<&(TopicPartition, StoredRecord)>| {
        it.map_or("nothing".to_owned(), |(at, record)| {
            let text = |bytes: &Option<Vec<u8>>| {
                bytes.as_ref().map_or("null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let id = header(record, "ce_id").unwrap_or_default();
            format!(
                "topic {} partition {} {id} {} {}",
                at.topic,
                at.partition,
                text(&record.key),
                text(&record.value)
            )
        })
    };
    let first = (0..committed.len().max(expected.len())).find(|at| committed.get(*at) != expected.get(*at));
    match first {
        None => Ok(()),
        Some(at) => Err(Oracle::Reference.violation(format!(
            "a transaction committed {}, but the same records processed one by one give {}",
            shown(committed.get(at)),
            shown(expected.get(at))
        ))),
    }
}
