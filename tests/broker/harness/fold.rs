//! The committed changelog, folded, is what the store holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use otp_stream::testing::{Resources, TaskStore};
use otp_topology::state::{Family, StateStore};

use super::kafka::Tap;
use super::scenario::{PARTITIONS, Scenario};

/// Every key in which they differ. `store` is the directory of an instance that had every task and has ended.
pub(crate) fn differences(scenario: &Scenario, store: &Path) -> Vec<String> {
    let mut changelog = Tap::on(&scenario.cluster.bootstrap, &[&scenario.topics.changelog]);
    changelog.settle(Duration::from_millis(500));
    let mut folded: BTreeMap<(i32, Vec<u8>), Vec<u8>> = BTreeMap::new();
    for record in changelog.events {
        let place = (record.partition, record.key.expect("a key"));
        match record.payload {
            Some(value) => folded.insert(place, value),
            None => folded.remove(&place),
        };
    }
    assert!(!folded.is_empty(), "the changelog holds something");
    let resources = Resources::new();
    let mut found = Vec::new();
    for task in 0..PARTITIONS {
        let place = store.join(&scenario.application).join(format!("task-{task}"));
        let rows = TaskStore::open(&place, &resources).and_then(|store| store.scan(&[], &[0xff], usize::MAX));
        for (key, value) in rows.expect("a store that can be read") {
            let Some(family) = Family::of(&key).filter(|family| family.is_changelogged()) else {
                continue;
            };
            if folded.remove(&(task, key)).as_ref() != Some(&value) {
                found.push(format!("task {task}: a {family:?} in the store is another in the changelog"));
            }
        }
    }
    found.extend(folded.keys().map(|(task, key)| {
        format!("task {task}: a {:?} of the changelog is not in the store", Family::of(key))
    }));
    found
}
