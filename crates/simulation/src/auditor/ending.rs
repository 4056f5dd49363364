//! What must hold when everything has come to rest.

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore};
use otp_topology::task::{LocalKey, Restorer};

use super::{Auditor, Truth};
use crate::broker::{Broker, Log};
use crate::disk::SimStore;
use crate::oracle::{Judged, Oracle};

impl Auditor {
    /// The first record that is still to be answered.
    pub fn unanswered(&self) -> Option<String> {
        self.asked.iter().find_map(|(at, asked)| {
            let open = asked.iter().find(|(_, it)| it.answers + it.dead_letters == 0);
            open.map(|(offset, it)| format!("{} (record {offset} of {})", it.what, self.house.name(*at)))
        })
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
            if let Some(difference) = self.difference(task, &whole.entries()) {
                return Err(Oracle::Restores
                    .broken(format!("the changelog of task {task} folds to another state: {difference}")));
            }
        }
        self.find_codes(broker)
    }

    /// # Errors
    /// The store of a task's owner is not the committed state.
    pub fn check_store(&self, task: i32, store: &SimStore) -> Judged {
        let difference = self.difference(task, &store.entries());
        difference.map_or(Ok(()), |it| {
            Err(Oracle::Store.broken(format!("the store of the owner of task {task} is another: {it}")))
        })
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
