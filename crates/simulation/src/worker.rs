//! The worker of a simulated process: it answers one question a step, or does a part of the work for one.

use otp_topology::deployment::SourceKind;
use otp_topology::otp::LogTime;
use otp_topology::state::StateStore;
use otp_topology::task::ChangelogFold;
use otp_topology::thread::{Event, OffsetRange, OffsetRanges, Question, RecoveryUnit};
use otp_topology::wire::headers::OriginHeaders;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::broker::StoredRecord;
use crate::driver::{applied, split_position, take};
use crate::plan::Fault;
use crate::planted::Planted;
use crate::process::{Process, Site};
use crate::records::header_bytes;

/// How often the broker is asked for stable offsets before the question fails.
const STABLE_TRIES_MAX: u32 = 40;

/// The committed offset of each partition; `None`: the group has none.
type StableOffsets = Vec<(SourcePartition, Option<i64>)>;

/// A question to the worker, and how far it is with the answer.
pub(crate) struct Asked {
    pub question: Question,
    /// How often the broker was asked for it.
    tries: u32,
    /// A restore under way, and the changelog offset that it has read up to.
    restoring: Option<(Box<ChangelogFold>, i64)>,
}

impl Asked {
    pub(crate) fn new(question: Question) -> Self {
        Self { question, tries: 0, restoring: None }
    }
}

impl Process {
    /// Works on the first question, or on a part of it.
    pub(crate) fn work(&mut self, site: &mut Site<'_>) {
        let Some(mut asked) = self.questions.pop_front() else { return };
        let answer = match &asked.question {
            Question::StableOffsets { assignment, unit, sources } => {
                let Some(result) = self.stable_offsets(*unit, sources, asked.tries, site) else {
                    asked.tries += 1;
                    return self.questions.push_front(asked);
                };
                Event::StableOffsets { assignment: *assignment, unit: *unit, result }
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                let result = self.offset_ranges(*unit, sources, site);
                Event::OffsetRanges { assignment: *assignment, unit: *unit, result }
            }
            Question::Restore { assignment, task, from, bound } => {
                let begun = || (Box::new(ChangelogFold::new(*from, *bound)), *from);
                let (mut fold, mut at) = asked.restoring.take().unwrap_or_else(begun);
                let Some(result) = self.restore(*task, &mut fold, &mut at, site) else {
                    asked.restoring = Some((fold, at));
                    return self.questions.push_front(asked);
                };
                Event::Restored { assignment: *assignment, task: *task, result }
            }
            Question::InputEnds { assignment, asked_at, sources } => {
                let end = |source| site.broker.log(site.house.source_place(source)).end();
                let ends = sources.iter().map(|source| (*source, end(*source))).collect();
                Event::InputEnds { assignment: *assignment, asked_at: *asked_at, ends }
            }
            Question::Purge { partition, before } => {
                let at = site.house.output_place(self.topology.repartition, *partition);
                return site.broker.log_mut(at).delete_before(*before);
            }
        };
        self.answers.push_back(answer);
    }

    /// `None`: a transaction with offsets is not decided, so the broker is asked again.
    fn stable_offsets(
        &mut self,
        unit: RecoveryUnit,
        sources: &[SourcePartition],
        tries: u32,
        site: &mut Site<'_>,
    ) -> Option<Result<StableOffsets, String>> {
        if let (0, RecoveryUnit::Task(task), Some(Planted::EndBeforeStable)) = (tries, unit, site.planted) {
            let at = site.house.output_place(self.topology.changelog, task);
            self.early_ends.insert(task, site.broker.log(at).end());
        }
        let fails = take(site.armed, |fault| fault == Fault::StableFails).is_some();
        match site.broker.offsets.stable(sources) {
            Some(offsets) if !fails => Some(Ok(offsets)),
            None if !fails && tries < STABLE_TRIES_MAX => None,
            Some(_) | None => Some(Err("the coordinator does not answer".to_owned())),
        }
    }

    fn offset_ranges(
        &mut self,
        unit: RecoveryUnit,
        sources: &[SourcePartition],
        site: &mut Site<'_>,
    ) -> Result<OffsetRanges, String> {
        let unknown = take(site.armed, |fault| fault == Fault::EndsFail).is_some();
        let zero = site.planted == Some(Planted::UnknownEndIsZero) && (unknown || site.dice.u8(..3) == 0);
        if unknown && !zero {
            return Err("the leader does not answer".to_owned());
        }
        let range = |source: &SourcePartition| {
            let log = site.broker.log(site.house.source_place(*source));
            (*source, OffsetRange { start: log.start, end: log.end() })
        };
        let sources = sources.iter().map(range).collect();
        let changelog = match unit {
            RecoveryUnit::Forwarder(_) => OffsetRange { start: 0, end: 0 },
            RecoveryUnit::Task(task) => {
                let log = site.broker.log(site.house.output_place(self.topology.changelog, task));
                let end = match site.planted {
                    Some(Planted::RestoreToLso) => log.lso(),
                    Some(Planted::EndBeforeStable) => {
                        self.early_ends.get(&task).copied().unwrap_or(log.end())
                    }
                    _ => log.end(),
                };
                OffsetRange { start: log.start, end }
            }
        };
        if zero && matches!(unit, RecoveryUnit::Task(_)) {
            let start = changelog.start;
            return Ok(OffsetRanges { changelog: OffsetRange { start, end: start }, sources });
        }
        Ok(OffsetRanges { changelog, sources })
    }

    /// Reads some records of the changelog; `None`: more are to come.
    fn restore(
        &mut self,
        task: i32,
        fold: &mut ChangelogFold,
        at: &mut i64,
        site: &mut Site<'_>,
    ) -> Option<Result<u64, String>> {
        let store = site.disk.store(task);
        if site.planted == Some(Planted::KeepSuspended) && self.recovered.contains(&task) {
            return Some(Ok(0));
        }
        let log = site.broker.log(site.house.output_place(self.topology.changelog, task));
        for _ in 0..site.dice.usize(1..12) {
            if fold.is_reached() {
                break;
            }
            let Some((offset, _, record)) = log.next_visible(*at) else {
                *at = log.lso();
                fold.end(*at);
                break;
            };
            *at = offset + 1;
            let key = record.key.as_deref();
            let mut value = record.value.clone();
            if site.planted == Some(Planted::LogDeltas) && key.is_some_and(|key| key[0] == b'S') {
                let old = store.get(key.unwrap_or_default()).ok().flatten().unwrap_or_default();
                value = value.map(|value| applied(&old, &value));
            }
            if let Err(error) = fold.record(offset, key, value.as_deref()) {
                return Some(Err(error.to_string()));
            }
        }
        let is_reached = fold.is_reached();
        if is_reached || site.dice.u8(..3) == 0 {
            let mut batch = fold.take_batch(site.wall);
            if site.planted == Some(Planted::PositionFirst)
                && let Some(first) = split_position(&mut batch)
            {
                store.write(&first).expect("planted");
            }
            if let Err(error) = store.write(&batch) {
                return Some(Err(error.to_string()));
            }
            site.auditor.written(self.number, task, &batch);
        }
        is_reached.then(|| Ok(fold.restored()))
    }

    /// One round of polling: some records, the ends of partitions, the worker's answers, and a tick.
    pub(crate) fn fetch(&mut self, site: &mut Site<'_>) {
        let mut batch = RecordBatch::default();
        for (source, offset) in self.schemas.poll() {
            self.fetching.get_mut(&source).expect("a gate is of a partition that is read").next = offset;
        }
        let mut sources: Vec<_> =
            self.fetching.iter().filter(|(_, it)| !it.is_paused).map(|(source, _)| *source).collect();
        site.dice.shuffle(&mut sources);
        let mut room = self.thread.room().min(site.dice.usize(1..8));
        let mut caught_up = true;
        for source in &sources {
            let most = site.dice.usize(1..=4).min(room);
            let (taken, more) = self.fetch_from(*source, most, &mut batch, site);
            room -= taken;
            caught_up &= !more;
        }
        self.events.push_back(Event::Fetched { batch, caught_up });
        for source in sources {
            let log = site.broker.log(site.house.source_place(source));
            let fetching = self.fetching.get_mut(&source).expect("it is in the list");
            if fetching.next < log.start || fetching.next > log.end() {
                self.events.push_back(Event::OutOfRange { source });
            } else if log.next_visible(fetching.next).is_none() && fetching.end_reported != log.lso() {
                fetching.end_reported = log.lso();
                self.events.push_back(Event::ReachedEnd { source, offset: fetching.end_reported });
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
        let is_request = matches!(self.topology.source(source.topic).kind, SourceKind::Requests(_));
        let (mut taken, mut was_closed) = (0, false);
        while let Some((offset, time, record)) = log.next_visible(fetching.next) {
            if taken == most {
                return (taken, true);
            }
            if is_request && !self.schemas.admits(source, offset) {
                if site.planted != Some(Planted::ReadBehindGate) {
                    return (taken, false);
                }
                if !was_closed {
                    was_closed = true;
                    fetching.next = offset + 1;
                    continue;
                }
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
                    matches!(kind, SourceKind::Broadcast(_))
                        && !is_mark
                        && site.broker.offsets.get(source).is_some_and(|next| origin.offset < next)
                        && log_is_of_task_zero(&self.topology, batch_source(&one))
                })
            {
                self.delivered.push((source, offset));
                continue;
            }
            let is_back = is_hop_back(record);
            if site.planted == Some(Planted::HopByOrigin)
                && is_back
                && let Some(origin) = origin
                && let Some(topic) = self.topology.source_named(origin.topic)
            {
                let source_of = SourcePartition { topic, partition: origin.partition };
                if site.broker.offsets.get(source_of).is_some_and(|next| origin.offset + 1 < next) {
                    self.delivered.push((source, offset));
                    continue;
                }
            }
            batch.push(source, offset, LogTime::from_ms(time), key, value, headers.clone());
            self.delivered.push((source, offset));
            // Where a marker of its transaction lies, nothing is read.
            if site.planted == Some(Planted::HopTwice) && is_back && log.any(offset + 1).is_none() {
                batch.push(source, offset + 1, LogTime::from_ms(time), key, value, headers);
            }
            taken += 1;
        }
        (taken, false)
    }
}

/// Whether a request is back from the home of its number.
fn is_hop_back(record: &StoredRecord) -> bool {
    header_bytes(record, "otp.hop").is_some_and(|hop| matches!(hop.get(1), Some(2 | 3)))
}

fn batch_source(batch: &RecordBatch) -> SourcePartition {
    batch.get(0).source
}

/// Whether task 0 reads this source: it also reads the broadcast topics.
fn log_is_of_task_zero(topology: &otp_topology::deployment::Topology, source: SourcePartition) -> bool {
    topology.task_of(source.topic, source.partition) == Some(0)
}
