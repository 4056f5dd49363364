//! What must hold when everything has come to rest.

use std::collections::BTreeMap;

use otp_topology::otp::{LogTime, due_at};
use otp_topology::state::{Family, MemoryStore, Rows, StateStore, decode_subject};
use otp_topology::task::{LocalKey, Restorer};

use super::{Asked, Auditor, Truth, shown};
use crate::broker::{Broker, Log};
use crate::disk::SimStore;
use crate::oracle::{Judged, Oracle};

impl Auditor {
    /// The first record that is still to be answered.
    pub fn unanswered(&self) -> Option<String> {
        self.asked.iter().find_map(|(at, asked)| {
            let open = asked.iter().find(|(_, it)| it.gone.is_none() && it.answers + it.dead_letters == 0);
            open.map(|(offset, it)| format!("{} (record {offset} of {})", it.what, self.house.name(*at)))
        })
    }

    /// # Errors
    /// Retention took requests unread, and nobody said so.
    pub fn check_losses(&self) -> Judged {
        for (at, asked) in &self.asked {
            let is_gone = |it: &&Asked| it.gone.is_some_and(|gone| gone.must_be_told);
            let gone = asked.values().filter(is_gone).filter(|it| it.answers + it.dead_letters == 0).count();
            let told = self.told_lost.get(at).copied().unwrap_or(0);
            if told < gone as i64 {
                let place = self.house.name(*at);
                let what = format!("{gone} requests of {place} are gone unread, and {told} are told");
                return Err(Oracle::Counted.broken(what));
            }
        }
        Ok(())
    }

    /// # Errors
    /// A changelog does not give the committed state, or a code lies where none may.
    pub fn check_logs(&self, broker: &Broker) -> Judged {
        for task in 0..self.topology.partitions {
            let log = broker.log(self.house.output_place(self.topology.changelog, task));
            let whole = restored(log, usize::MAX);
            let parts = restored(log, 3);
            if stripped(&whole) != stripped(&parts) {
                return Err(Oracle::Restores.broken(format!("two restores of task {task} differ")));
            }
            if let Some(subject) = unindexed(&whole.entries()) {
                let what = format!("a restore of task {task} indexes no due time of {}", shown(subject));
                return Err(Oracle::Restores.broken(what));
            }
            if let Some(difference) = self.difference(task, &whole.entries()) {
                return Err(Oracle::Restores
                    .broken(format!("the changelog of task {task} folds to another state: {difference}")));
            }
        }
        self.find_codes(broker)
    }

    /// # Errors
    /// The store of a task's owner is not the committed state, or its index would let the sweep miss a subject.
    pub fn check_store(&self, task: i32, store: &SimStore, broker: &Broker) -> Judged {
        let entries = store.entries();
        let differs = |what| Oracle::Store.broken(format!("the store of the owner of task {task}: {what}"));
        if let Some(difference) = self.difference(task, &entries) {
            return Err(differs(difference));
        }
        if let Some(subject) = unindexed(&entries) {
            return Err(differs(format!("no entry of the index leads to {}", shown(subject))));
        }
        let end = broker.log(self.house.output_place(self.topology.changelog, task)).end();
        match LocalKey::ChangelogNext.read_number(store) {
            Ok(next) if next.is_none_or(|next| next <= end) => Ok(()),
            next => Err(differs(format!("it stands at {next:?}, and its changelog ends at {end}"))),
        }
    }

    fn find_codes(&self, broker: &Broker) -> Judged {
        for topic in [self.changelog, self.dead_letters] {
            for log in &broker.logs[topic] {
                for offset in 0..log.end() {
                    let Some((_, record)) = log.any(offset) else { continue };
                    let key = record.key.as_deref().unwrap_or_default();
                    if matches!(Family::of(key), Some(Family::Policy | Family::Template)) {
                        continue;
                    }
                    let value = record.value.as_deref().unwrap_or_default();
                    if digit_runs(value).any(|run| self.codes.all.contains(run)) {
                        return Err(
                            Oracle::Secrets.broken(format!("a code lies in {}", self.house.topics[topic]))
                        );
                    }
                }
            }
        }
        Ok(())
    }
}

/// A subject to whose due time no entry of the index leads in time.
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
    entries.iter().filter(|(key, _)| Family::of(key) == Some(Family::Subject)).find_map(|(key, value)| {
        let due = due_at(&decode_subject(value).ok()?)?;
        let is_led_to = first.get(&key[1..]).is_some_and(|first| *first <= due.ms());
        (!is_led_to).then_some(key.as_slice())
    })
}

fn digit_runs(bytes: &[u8]) -> impl Iterator<Item = &str> {
    let runs = bytes.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= 6);
    runs.filter_map(|run| std::str::from_utf8(run).ok())
}

/// A store restored from nothing, in batches of so many records.
fn restored(log: &Log, batch_records: usize) -> MemoryStore {
    let store = MemoryStore::default();
    let mut restorer = Restorer::new(log.start, log.end());
    let (mut at, mut count) = (log.start, 0);
    while let Some((offset, _, record)) = log.next_visible(at) {
        restorer
            .record(offset, record.key.as_deref(), record.value.as_deref())
            .expect("committed records are good");
        at = offset + 1;
        count += 1;
        if count % batch_records == 0 {
            store.write(&restorer.take_batch(LogTime::default())).expect("memory does not fail");
        }
    }
    restorer.end(log.lso());
    store.write(&restorer.take_batch(LogTime::default())).expect("memory does not fail");
    store
}

/// Without what a batch says of itself.
fn stripped(store: &MemoryStore) -> Truth {
    let local = LocalKey::WrittenAt.key();
    store.entries().into_iter().filter(|(key, _)| key != local.as_bytes()).collect()
}
