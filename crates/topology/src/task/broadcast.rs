//! Policies, templates and clients reach every task as records of the log, in one order, so that a failover and a replay know
//! which applied when.
//!
//! Task 0 reads their topics, judges each record and forwards it to every home partition through the repartition topic.
//! After the records that a topic held at the first start it forwards a barrier. No task decides anything before it has
//! the barrier of every broadcast topic.

use super::Task;
use super::route;
use crate::contract::client::{Client, check_client_id};
use crate::deployment::{Broadcast, SourceKind, Topology};
use crate::otp::{LogTime, PolicyPatch};
use crate::state::{
    BARRIER_SET, Family, StateStore, StoreError, StoreKey, barrier_arrived_key, barrier_sent_key,
};
use crate::text::Template;
use crate::wire::json::{self, Names};
use crate::wire::outbox::Outbox;
use crate::wire::record::{Headers, Record, SourcePartition};

/// Longest key of a broadcast record, in bytes.
const KEY_LEN_MAX: usize = 512;

/// Says why a record is bad, by its key and its value. `None`: a tombstone.
type Judge = fn(&str, Option<&[u8]>, &Topology) -> Result<(), String>;

/// How the records of one broadcast topic are judged and stored.
struct RecordKind {
    family: Family,
    /// Names a bad record in its dead letter.
    error_code: &'static str,
    judge: Judge,
}

const fn kind_of(broadcast: Broadcast) -> RecordKind {
    match broadcast {
        Broadcast::Policy => {
            RecordKind { family: Family::Policy, error_code: "bad_policy", judge: judge_policy }
        }
        Broadcast::Template => {
            RecordKind { family: Family::Template, error_code: "bad_template", judge: judge_template }
        }
        Broadcast::Client => {
            RecordKind { family: Family::Client, error_code: "bad_client", judge: judge_client }
        }
    }
}

impl<S: StateStore> Task<S> {
    /// At the owner of the topic: forwards a good record to every home. A bad one goes to the dead letters, and the last
    /// good one stays in force.
    pub(super) fn broadcast(&mut self, broadcast: Broadcast, record: &Record<'_>, out: &mut Outbox) {
        if self.is_good(&kind_of(broadcast), record, out) {
            for home in 0..self.topology.partitions {
                route::forward(record, home, &self.topology, out);
            }
        }
    }

    /// At every home: stores a record. It is judged here too, because the owner may run another version, or another
    /// program may have written the record, and a value that cannot be read later would stop the task.
    pub(super) fn put_broadcast(&mut self, broadcast: Broadcast, record: &Record<'_>, out: &mut Outbox) {
        let kind = kind_of(broadcast);
        if !self.is_good(&kind, record, out) {
            return;
        }
        let key = StoreKey::new(kind.family, record.key.unwrap_or_default());
        match record.value {
            Some(value) => self.overlay.put(key.as_bytes(), value),
            None => self.overlay.delete(key.as_bytes()),
        }
        self.caches.clear();
    }

    /// Forwards the barrier of a broadcast topic to every home: the topic's first content is complete.
    pub fn send_barrier(&mut self, broadcast: Broadcast, out: &mut Outbox) {
        let Some(topic) = self.topology.source_of(SourceKind::Broadcast(broadcast)) else {
            return;
        };
        let barrier = Record {
            source: SourcePartition { topic, partition: 0 },
            offset: 0,
            leader_epoch: None,
            timestamp: LogTime::default(),
            key: None,
            value: None,
            headers: Headers::default(),
        };
        for home in 0..self.topology.partitions {
            route::forward_barrier(&barrier, home, &self.topology, out);
        }
        self.overlay.put(barrier_sent_key(&self.topology.source(topic).name).as_bytes(), BARRIER_SET);
    }

    /// Whether [`Task::send_barrier`] was ever done for this topic.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_sent_barrier(&self, broadcast: Broadcast) -> Result<bool, StoreError> {
        self.has(broadcast, barrier_sent_key)
    }

    /// Whether everything that the broadcast topics held at the first start has arrived here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_all_barriers(&self) -> Result<bool, StoreError> {
        for broadcast in Broadcast::ALL {
            if !self.has(broadcast, barrier_arrived_key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn put_barrier(&mut self, barrier: &Record<'_>) {
        let topic = &self.topology.source(barrier.source.topic).name;
        self.overlay.put(barrier_arrived_key(topic).as_bytes(), BARRIER_SET);
    }

    fn has(&self, broadcast: Broadcast, key: impl Fn(&str) -> StoreKey) -> Result<bool, StoreError> {
        let Some(topic) = self.topology.source_of(SourceKind::Broadcast(broadcast)) else {
            return Ok(true);
        };
        let key = key(&self.topology.source(topic).name);
        Ok(self.overlay.get(&self.store, key.as_bytes())?.is_some())
    }

    /// Whether a record may be stored. A bad one goes to the dead letters.
    fn is_good(&mut self, kind: &RecordKind, record: &Record<'_>, out: &mut Outbox) -> bool {
        let judged = key_text(record).and_then(|key| (kind.judge)(key, record.value, &self.topology));
        if let Err(reason) = &judged {
            self.dead_letter(record, "broadcast", kind.error_code, reason, out);
        }
        judged.is_ok()
    }
}

fn key_text<'a>(record: &Record<'a>) -> Result<&'a str, String> {
    let key = record.key.ok_or("it has no key")?;
    if key.len() > KEY_LEN_MAX {
        return Err(format!("its key is longer than {KEY_LEN_MAX} bytes"));
    }
    std::str::from_utf8(key).map_err(|_| "its key is not UTF-8".to_owned())
}

fn judge_policy(key: &str, value: Option<&[u8]>, topology: &Topology) -> Result<(), String> {
    let (contract, tenant) = key.split_once('/').ok_or("its key is not <contract>/<tenant>")?;
    let contracts = &topology.contracts;
    let contract = contracts
        .named(contract)
        .ok_or_else(|| format!("its key names no contract ({})", contracts.list()))?;
    if tenant.is_empty() || tenant.contains('/') {
        return Err("its key is not <contract>/<tenant>".to_owned());
    }
    let Some(value) = value else {
        return Ok(());
    };
    // The limits of all JSON that is read: length and depth.
    json::parse_object(Some(value), Names::CaseSensitive).map_err(|error| format!("the {error}"))?;
    let patch = PolicyPatch::from_json(contract.policy_rules(), value, &topology.bounds);
    patch.map(drop).map_err(|error| error.to_string())
}

fn judge_template(key: &str, value: Option<&[u8]>, topology: &Topology) -> Result<(), String> {
    let mut parts = key.split('/');
    let contract = parts.next().and_then(|name| topology.contracts.named(name));
    let is_complete = parts.clone().count() == 3 && parts.clone().all(|part| !part.is_empty());
    let (Some(contract), Some(code), true) = (contract, parts.next_back(), is_complete) else {
        return Err("its key is not <contract>/<tenant>/<locale>/<code>".to_owned());
    };
    let Some(value) = value else {
        return Ok(());
    };
    let template = Template::from_json(key, value, &contract.template_rules(code));
    template.map(drop).map_err(|error| error.to_string())
}

fn judge_client(key: &str, value: Option<&[u8]>, _: &Topology) -> Result<(), String> {
    let judged = match value {
        Some(value) => Client::from_json(key, value).map(drop),
        None => check_client_id(key),
    };
    judged.map_err(|error| error.to_string())
}
