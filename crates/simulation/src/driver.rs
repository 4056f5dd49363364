//! The simulated driver's calls on the transactional producer and its writes to the store, and how they fail.
//!
//! Decides nothing of the protocol: production code does.

use std::collections::BTreeSet;

use otp_topology::otp::{Lock, LogTime, REMEMBERED_MS};
use otp_topology::state::{Family, StateStore, WriteBatch, decode_subject, encode_subject};
use otp_topology::thread::{Call, CallOutcome, Command, Event, NoProducer, StoreOperation};
use otp_topology::wire::record::SourcePartition;

use crate::broker::{EndError, Log, OffsetError, StoredRecord};
use crate::disk::SimStore;
use crate::names::instance_name;
use crate::plan::{Effect, Fault, RefusalCode};
use crate::planted::Planted;
use crate::process::{Late, Process, Site};
use crate::records::{header_bytes, read_position};
use crate::refusals::refused;

impl Process {
    /// Makes a call on the producer. `None`: the broker is not ready, and the call is still under way.
    pub(crate) fn transact(&mut self, call: &Call, site: &mut Site<'_>) -> Option<Event<SimStore>> {
        match call {
            Call::Begin => {
                self.produced = 0;
                self.refused_topic = None;
                Some(Event::Began(CallOutcome::Done))
            }
            Call::Offer => Some(Event::Offered(self.produce(site))),
            Call::SendOffsets { offsets, generation } => {
                if let Some(waited) = self.markers_refused(site) {
                    return Some(Event::OffsetsSent(waited));
                }
                if self.must_wait(site) {
                    return None;
                }
                Some(Event::OffsetsSent(self.send_offsets(offsets, *generation, site)))
            }
            Call::Commit => {
                let refused = self.markers_refused(site);
                if refused.is_none() && (self.must_wait(site) || self.freezes(site)) {
                    return None;
                }
                let outcome = refused.unwrap_or_else(|| self.commit(site));
                site.trace.note(
                    "commit",
                    [self.number as i64, i64::from(outcome == CallOutcome::Done), 0],
                    || format!("{} commits: {outcome:?}", instance_name(self.number)),
                );
                let changelog_next = self.changelog_next(&outcome, site);
                Some(Event::Committed { outcome, changelog_next })
            }
            Call::Abort => Some(Event::Aborted(self.abort(site))),
            Call::ReplaceProducer => self.replace_producer(site).map(Event::ProducerReplaced),
        }
    }

    /// Some of the records on their way to the broker arrive.
    pub(crate) fn land(&mut self, site: &mut Site<'_>, most: usize) {
        for _ in 0..most {
            let Some(epoch) = self.epoch else { return };
            if self.in_flight.is_empty() || site.broker.transactions.is_ending(self.number) {
                return;
            }
            let (at, record) = self.in_flight.pop_front().expect("it is not empty");
            if let Some(code) = site.broker.refusals.of_record(at.topic, record.key.is_some()) {
                self.refuse(at, code, site);
                continue;
            }
            if site.house.topics[at.topic] == "sms" {
                site.auditor.sms_produced(&record);
            }
            if !site.broker.produce(self.number, epoch, at, record, site.now) {
                self.doomed = Some(CallOutcome::Unknown("the producer is fenced".to_owned()));
                self.in_flight.clear();
            }
        }
    }

    fn freezes(&mut self, site: &mut Site<'_>) -> bool {
        let fault = take(site.armed, |fault| matches!(fault, Fault::ZombieCommits { .. }));
        if let Some(Fault::ZombieCommits { ms }) = fault {
            site.broker.group.remove_instance(self.number, site.now);
            self.frozen_until = site.now + ms;
            site.trace.note("frozen", [self.number as i64, ms as i64, 0], || {
                format!(
                    "{} stops for {ms} ms before its commit, and the group removes it",
                    instance_name(self.number)
                )
            });
        }
        fault.is_some()
    }

    fn must_wait(&self, site: &Site<'_>) -> bool {
        self.epoch.is_some() && site.broker.transactions.is_ending(self.number) && self.doomed.is_none()
    }

    fn produce(&mut self, site: &mut Site<'_>) -> CallOutcome {
        let outbox = self.thread.outbox();
        let strips = matches!(site.planted, Some(Planted::SweepLocks | Planted::SweepReplies))
            && !outbox.iter().any(|record| {
                record.topic() == self.topology.changelog && is_of(record.key(), Family::Position)
            });
        for record in outbox.iter_from(self.produced) {
            let is_changelog = record.topic() == self.topology.changelog;
            let mut value = record.value().map(<[u8]>::to_vec);
            if is_changelog
                && is_of(record.key(), Family::Signal)
                && site.planted == Some(Planted::SignalsLocal)
            {
                continue;
            }
            if is_changelog && is_of(record.key(), Family::Subject) {
                if strips {
                    value = value.map(|value| swept_early(site, value));
                }
                if site.planted == Some(Planted::LogDeltas) {
                    let old = site.disk.store(record.partition()).get(record.key().unwrap_or_default());
                    value = value.map(|value| delta(&old.ok().flatten().unwrap_or_default(), &value));
                }
            }
            let headers = record.headers().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)));
            let stored =
                StoredRecord { key: record.key().map(<[u8]>::to_vec), value, headers: headers.collect() };
            let at = site.house.output_place(record.topic(), record.partition());
            if site.planted == Some(Planted::HopLost) && was_produced(&stored, site.broker.log(at)) {
                continue;
            }
            self.in_flight.push_back((at, stored));
        }
        self.produced = outbox.len();
        match take(site.armed, |fault| fault == Fault::ProduceFails) {
            Some(_) => refused("the queue is full"),
            None => CallOutcome::Done,
        }
    }

    fn send_offsets(
        &mut self,
        offsets: &[(SourcePartition, i64)],
        generation: i32,
        site: &mut Site<'_>,
    ) -> CallOutcome {
        if self.held.is_none() {
            self.sent.clear();
        }
        self.sent.extend_from_slice(offsets);
        let by = self.credentials();
        let Some(epoch) = self.epoch else {
            return CallOutcome::Unknown("no producer".to_owned());
        };
        match site.planted {
            Some(Planted::SkipSendOffsets) => return CallOutcome::Done,
            Some(Planted::StaleMetadata | Planted::KeepBatch) => {}
            _ if generation < 0 || by.generation != generation || by.member.is_none() => {
                return CallOutcome::FencedByGroup;
            }
            _ => {}
        }
        if site.broker.refusals.is_lasting(RefusalCode::GroupAuthorization) {
            return refused("no right on the group");
        }
        if site.broker.refusals.is_lasting(RefusalCode::TransactionalIdAuthorization) {
            return CallOutcome::Unknown("no right on the transactional id".to_owned());
        }
        if take(site.armed, |fault| fault == Fault::OffsetsFail).is_some() {
            return refused("the coordinator is loading");
        }
        let times_out = take(site.armed, |fault| fault == Fault::OffsetsTimeOut).is_some();
        if times_out && site.dice.bool() {
            return CallOutcome::Unknown("time-out of the offsets".to_owned());
        }
        let mut offsets = offsets.to_vec();
        if site.planted == Some(Planted::SomeOffsets) {
            let task = |source: &SourcePartition| self.topology.task_of(source.topic, source.partition);
            let first = offsets.first().and_then(|(source, _)| task(source));
            offsets.retain(|(source, _)| task(source) == first);
        }
        match site.broker.send_offsets(self.number, epoch, &offsets, by, site.now) {
            _ if times_out => CallOutcome::Unknown("time-out of the offsets".to_owned()),
            Ok(()) => CallOutcome::Done,
            Err(OffsetError::Group) => CallOutcome::FencedByGroup,
            Err(OffsetError::Epoch) => CallOutcome::Unknown("the producer is fenced".to_owned()),
        }
    }

    fn commit(&mut self, site: &mut Site<'_>) -> CallOutcome {
        self.land(site, usize::MAX);
        let Some(epoch) = self.epoch else {
            return CallOutcome::Unknown("no producer".to_owned());
        };
        if let Some(outcome) = self.doomed.clone() {
            self.refused_writers = self.writers_to_refused(site);
            return outcome;
        }
        if site.broker.refusals.is_lasting(RefusalCode::Quota) && site.dice.bool() {
            self.busy_until = site.now + site.dice.u64(..60);
            return refused("a quota");
        }
        if take(site.armed, |fault| fault == Fault::CommitFails).is_some() {
            return refused("the coordinator refuses the commit");
        }
        if site.planted == Some(Planted::WriteBeforeCommit) {
            self.write_early(site);
        }
        if site.planted == Some(Planted::SkipOverlay) && self.held.is_none() && site.dice.bool() {
            self.note_reads(site);
            self.held = Some(Vec::new());
            return CallOutcome::Done;
        }
        self.note_reads(site);
        if let Some(Fault::CommitTimesOut { effect }) =
            take(site.armed, |fault| matches!(fault, Fault::CommitTimesOut { .. }))
        {
            match effect {
                Effect::Done => drop(site.broker.end(self.number, epoch, true)),
                Effect::Never => {}
                Effect::Later { ms } => {
                    site.late.push(Late { at: site.now + ms, producer: self.number, epoch })
                }
            }
            self.busy_until = site.now + site.dice.u64(..30);
            return CallOutcome::Unknown("time-out of the commit".to_owned());
        }
        let outcome = ended(site.broker.end(self.number, epoch, true));
        if outcome == CallOutcome::Done {
            let sent = std::mem::take(&mut self.sent);
            self.delivered.retain(|read| !is_passed(&sent, *read));
            for (task, batch) in self.held.take().unwrap_or_default() {
                site.disk.store(task).write(&batch).expect("planted");
            }
        }
        outcome
    }

    /// Tells the auditor which records a transaction read, in the order of their processing.
    fn note_reads(&mut self, site: &mut Site<'_>) {
        for record in self.planned.iter().filter(|it| it.topic() == self.topology.changelog) {
            let (key, value) = (record.key().unwrap_or_default(), record.value().unwrap_or_default());
            self.sent.extend(read_position(key, value, &self.topology));
        }
        let reads: Vec<_> =
            self.delivered.iter().copied().filter(|read| is_passed(&self.sent, *read)).collect();
        site.broker.transactions.set_reads(self.number, &reads);
    }

    fn changelog_next(&self, outcome: &CallOutcome, site: &mut Site<'_>) -> Vec<(i32, i64)> {
        // Delivery reports may be late: the stored position is a lower bound.
        if *outcome != CallOutcome::Done || site.dice.u8(..4) == 0 || self.held.is_some() {
            return Vec::new();
        }
        let end = |task| {
            let log = site.broker.log(site.house.output_place(self.topology.changelog, task));
            (0..log.end()).rev().find(|at| log.is_of(*at, self.number)).map(|at| (task, at + 1))
        };
        let logged = self.planned.iter().filter(|it| it.topic() == self.topology.changelog);
        let logged: BTreeSet<i32> = logged.map(|it| it.partition()).collect();
        logged.into_iter().filter_map(end).collect()
    }

    fn abort(&mut self, site: &mut Site<'_>) -> CallOutcome {
        self.in_flight.clear();
        let Some(epoch) = self.epoch else {
            return CallOutcome::Unknown("no producer".to_owned());
        };
        if let Some(CallOutcome::Unknown(reason)) = self.doomed.take() {
            return CallOutcome::Unknown(reason);
        }
        if take(site.armed, |fault| fault == Fault::AbortTimesOut).is_some() {
            if site.dice.bool() {
                let _ = site.broker.end(self.number, epoch, false);
            }
            return CallOutcome::Unknown("time-out of the abort".to_owned());
        }
        ended(site.broker.end(self.number, epoch, false))
    }

    fn replace_producer(&mut self, site: &mut Site<'_>) -> Option<Result<(), NoProducer>> {
        self.in_flight.clear();
        self.doomed = None;
        if site.planted == Some(Planted::KeepProducer) && self.epoch.is_some() {
            return Some(Ok(()));
        }
        if take(site.armed, |fault| fault == Fault::InitFails).is_some() {
            self.epoch = None;
            return Some(Err(NoProducer::Failed("time-out of the start".to_owned())));
        }
        if site.broker.refusals.is_lasting(RefusalCode::TransactionalIdAuthorization) {
            self.epoch = None;
            return Some(Err(NoProducer::Refused("no right on the transactional id".to_owned())));
        }
        self.epoch = site.broker.init(self.number);
        self.epoch.map(|_| Ok(()))
    }

    pub(crate) fn write(
        &mut self,
        task: i32,
        mut batch: WriteBatch,
        site: &mut Site<'_>,
    ) -> Option<Event<SimStore>> {
        if let Some(held) = &mut self.held {
            held.push((task, batch));
            return Some(Event::Written { task, result: Ok(()) });
        }
        let store = site.disk.store(task);
        if matches!(site.planted, Some(Planted::SweepLocks | Planted::SweepReplies))
            && !batch.iter().any(|(key, _)| is_of(Some(key), Family::Position))
        {
            let planted = batch.iter().map(|(key, value)| {
                let is_subject = is_of(Some(key), Family::Subject);
                let value = value.map(<[u8]>::to_vec);
                (key, if is_subject { value.map(|value| swept_early(site, value)) } else { value })
            });
            batch = planted.collect();
        }
        if site.planted == Some(Planted::PositionFirst)
            && let Some(first) = split_position(&mut batch)
        {
            store.write(&first).expect("planted");
            self.again(Command::Store(StoreOperation::Write { task, batch }));
            return None;
        }
        if take(site.armed, |fault| fault == Fault::WriteFails).is_some() {
            store.fail_once();
        }
        let result = store.write(&batch).map_err(|error| error.to_string());
        if result.is_ok() {
            site.auditor.written(self.number, task, &batch);
        }
        site.trace.note("write", [self.number as i64, task.into(), batch.len() as i64], || {
            format!(
                "{} writes the store of task {task}: {} keys, {result:?}",
                instance_name(self.number),
                batch.len()
            )
        });
        Some(Event::Written { task, result })
    }

    fn write_early(&mut self, site: &mut Site<'_>) {
        for record in self.planned.iter().filter(|it| it.topic() == self.topology.changelog) {
            let batch = [(record.key().unwrap_or_default(), record.value())].into_iter().collect();
            site.disk.store(record.partition()).write(&batch).expect("planted");
        }
    }
}

/// Takes the first armed fault of a kind.
pub(crate) fn take(armed: &mut Vec<Fault>, wanted: impl Fn(Fault) -> bool) -> Option<Fault> {
    let at = armed.iter().position(|fault| wanted(*fault))?;
    Some(armed.remove(at))
}

/// Planted: takes the position out of a batch, unless the batch holds nothing else.
pub(crate) fn split_position(batch: &mut WriteBatch) -> Option<WriteBatch> {
    let is_local = |key: &[u8]| is_of(Some(key), Family::Local);
    let (first, rest): (Vec<_>, Vec<_>) = batch.iter().partition(|(key, _)| is_local(key));
    if first.is_empty() || rest.is_empty() {
        return None;
    }
    let (first, rest) = (first.into_iter().collect(), rest.into_iter().collect());
    *batch = rest;
    Some(first)
}

fn is_passed(sent: &[(SourcePartition, i64)], (source, offset): (SourcePartition, i64)) -> bool {
    sent.iter().any(|(it, next)| *it == source && offset < *next)
}

fn ended(result: Result<(), EndError>) -> CallOutcome {
    match result {
        Ok(()) => CallOutcome::Done,
        Err(EndError::Fenced) => CallOutcome::Unknown("the producer is fenced".to_owned()),
        Err(EndError::Contrary) => CallOutcome::Unknown("the transaction ended the other way".to_owned()),
    }
}

fn is_of(key: Option<&[u8]>, family: Family) -> bool {
    key.and_then(Family::of) == Some(family)
}

/// Planted: whether a hop is in the log already, in whatever transaction.
fn was_produced(record: &StoredRecord, log: &Log) -> bool {
    let names = ["otp.hop", "otp.origin.topic", "otp.origin.partition", "otp.origin.offset"];
    let says = |it: &StoredRecord| names.map(|name| header_bytes(it, name).map(<[u8]>::to_vec));
    let records = (0..log.end()).filter_map(|offset| log.any(offset));
    says(record)[0].is_some() && records.into_iter().any(|(_, it)| says(it) == says(record))
}

/// Planted: a subject without what the sweep must not remove yet.
fn swept_early(site: &Site<'_>, value: Vec<u8>) -> Vec<u8> {
    let Ok(mut subject) = decode_subject(&value) else { return value };
    if site.planted == Some(Planted::SweepLocks) {
        subject.lock = Lock::None;
    } else {
        let now = LogTime::from_ms(site.now);
        subject.remembered.retain(|it| now.since(it.at) <= REMEMBERED_MS);
    }
    encode_subject(&subject)
}

/// Planted: the change from `old` to `new`, which must be applied exactly once.
fn delta(old: &[u8], new: &[u8]) -> Vec<u8> {
    let changed = new.iter().enumerate().map(|(at, byte)| byte ^ old.get(at).copied().unwrap_or(0));
    changed.collect()
}

/// Planted: the opposite of a delta.
pub(crate) fn applied(old: &[u8], delta: &[u8]) -> Vec<u8> {
    self::delta(old, delta)
}
