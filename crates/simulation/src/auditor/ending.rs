//! Checks after all instances have become idle.

use std::collections::BTreeMap;

use otp_topology::otp::{LogTime, due_at};
use otp_topology::state::{Family, LocalKey, MemoryStore, NumberHour, Rows, StateStore, decode_subject};
use otp_topology::task::ChangelogFold;

use super::{Auditor, CommittedState, TrackedRequest, shown};
use crate::broker::{Broker, Log};
use crate::disk::SimStore;
use crate::oracle::{Oracle, Verdict};

impl Auditor {
    /// The first request without a reply or dead letter.
    pub(crate) fn unanswered(&self) -> Option<String> {
        self.requests.iter().find_map(|(at, requests)| {
            let open = requests.iter().find(|(_, it)| it.deleted.is_none() && it.is_unanswered());
            open.map(|(offset, it)| format!("{} (offset {offset} of {})", it.what, self.house.name(*at)))
        })
    }

    /// # Errors
    /// Retention deleted unread requests, and no process reported them.
    pub(crate) fn check_losses(&self) -> Verdict {
        for (at, requests) in &self.requests {
            let is_lost = |it: &&TrackedRequest| {
                it.is_unanswered() && it.deleted.is_some_and(|deleted| deleted.must_be_reported)
            };
            let lost = requests.values().filter(is_lost).count();
            let reported = self.reported_lost.get(at).copied().unwrap_or(0);
            if reported < lost as i64 {
                let place = self.house.name(*at);
                let what =
                    format!("{lost} requests of {place} were deleted unread, but {reported} are reported");
                return Err(Oracle::ReportedLoss.violation(what));
            }
        }
        Ok(())
    }

    /// # Errors
    /// A changelog does not give the committed state, or a topic contains a code that it must not contain.
    pub(crate) fn check_logs(&self, broker: &Broker) -> Verdict {
        for task in 0..self.topology.partitions {
            let log = broker.log(self.house.output_place(self.topology.changelog, task));
            let whole = restored(log, usize::MAX);
            let parts = restored(log, 3);
            if stripped(&whole) != stripped(&parts) {
                return Err(Oracle::Restores.violation(format!("two restores of task {task} differ")));
            }
            if let Some(subject) = unindexed(&whole.entries()) {
                let what = format!(
                    "a restore of task {task} has no index entry for the due time of {}",
                    shown(subject)
                );
                return Err(Oracle::Restores.violation(what));
            }
            if let Some(difference) = self.difference(task, &whole.entries()) {
                return Err(Oracle::Restores.violation(format!(
                    "the changelog of task {task} does not give the committed state: {difference}"
                )));
            }
        }
        self.find_codes(broker)
    }

    /// # Errors
    /// The store of a task's owner is not the committed state, or its index would let the sweep miss a subject.
    pub(crate) fn check_store(&self, task: i32, store: &SimStore, broker: &Broker) -> Verdict {
        let entries = store.entries();
        let differs =
            |what| Oracle::Store.violation(format!("the store of the owner of task {task}: {what}"));
        if let Some(difference) = self.difference(task, &entries) {
            return Err(differs(difference));
        }
        if let Some(subject) = unindexed(&entries) {
            return Err(differs(format!("no index entry for the due time of {}", shown(subject))));
        }
        let end = broker.log(self.house.output_place(self.topology.changelog, task)).end();
        match LocalKey::ChangelogNext.read_number(store) {
            Ok(next) if next.is_none_or(|next| next <= end) => Ok(()),
            next => Err(differs(format!("it has the changelog up to {next:?}, which ends at {end}"))),
        }
    }

    fn find_codes(&self, broker: &Broker) -> Verdict {
        for topic in [self.changelog, self.dead_letters] {
            for log in &broker.logs[topic] {
                for offset in 0..log.end() {
                    let Some((_, record)) = log.any(offset) else { continue };
                    let key = record.key.as_deref().unwrap_or_default();
                    if matches!(Family::of(key), Some(Family::Policy | Family::Template | Family::Client)) {
                        continue;
                    }
                    let value = record.value.as_deref().unwrap_or_default();
                    if digit_runs(value).any(|run| self.codes.all.contains(run)) {
                        return Err(Oracle::Secrets
                            .violation(format!("{} contains a code", self.house.topics[topic])));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A subject or a number without an index entry at or before its due time: the sweep would miss it.
fn unindexed(entries: &Rows) -> Option<&[u8]> {
    let index = |key: &[u8]| {
        let (due, pseudonym) = key[1..].split_at_checked(8)?;
        Some((pseudonym.to_vec(), u64::from_be_bytes(due.try_into().ok()?)))
    };
    let mut first: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let is_index = |key: &[u8]| Family::of(key) == Some(Family::Expiry);
    for (pseudonym, due) in entries.iter().filter(|(key, _)| is_index(key)).filter_map(|(key, _)| index(key))
    {
        let earliest = first.entry(pseudonym).or_insert(due);
        *earliest = due.min(*earliest);
    }
    entries.iter().find_map(|(key, value)| {
        let (due, entry) = match Family::of(key)? {
            Family::Subject => (due_at(&decode_subject(value).ok()?)?, key[1..].to_vec()),
            Family::Number => (NumberHour::decode(value).ok()?.due_at(), [&key[1..], b"H"].concat()),
            Family::Directory
            | Family::Policy
            | Family::Template
            | Family::Client
            | Family::Position
            | Family::Barrier
            | Family::Signal
            | Family::Budget
            | Family::Expiry
            | Family::Local => return None,
        };
        let is_indexed = first.get(&entry).is_some_and(|first| *first <= due.ms());
        (!is_indexed).then_some(key.as_slice())
    })
}

fn digit_runs(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let runs = bytes.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= 6);
    runs.filter_map(|run| std::str::from_utf8(run).ok())
}

/// An empty store restored from a changelog, in batches of this many records.
fn restored(log: &Log, batch_records: usize) -> MemoryStore {
    let store = MemoryStore::default();
    let mut fold = ChangelogFold::new(log.start, log.end());
    let (mut at, mut count) = (log.start, 0);
    while let Some((offset, _, record)) = log.next_visible(at) {
        fold.record(offset, record.key.as_deref(), record.value.as_deref())
            .expect("committed records are good");
        at = offset + 1;
        count += 1;
        if count % batch_records == 0 {
            store.write(&fold.take_batch(LogTime::default())).expect("memory does not fail");
        }
    }
    fold.end(log.lso());
    store.write(&fold.take_batch(LogTime::default())).expect("memory does not fail");
    store
}

/// The entries, without the time of the last batch.
fn stripped(store: &MemoryStore) -> CommittedState {
    let local = LocalKey::WrittenAt.key();
    store.entries().into_iter().filter(|(key, _)| key != local.as_bytes()).collect()
}
