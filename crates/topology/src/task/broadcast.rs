//! Policies and templates reach every task as records of the log, in one order, so that failover and replay know
//! which stood when.
//!
//! Task 0 reads their topics, judges each record and forwards it to every home partition through the repartition
//! topic. After what a topic held at the first start it forwards a mark; no task decides anything before it has it.

use super::Task;
use super::route;
use super::topology::{Broadcast, SourceKind};
use crate::otp::{ContractName, LogTime, PolicyPatch};
use crate::state::{Family, StateStore, StoreError, StoreKey};
use crate::text::Template;
use crate::wire::json::{self, Names};
use crate::wire::outbox::Outbox;
use crate::wire::record::{Headers, Record, SourcePartition};

/// Longest key of a broadcast record, in bytes.
const KEY_LEN_MAX: usize = 512;

impl<S: StateStore> Task<S> {
    /// At the owner of the topic: a good record goes to every home, a bad one to the dead letters; the last good one
    /// stays.
    pub(super) fn broadcast(&mut self, broadcast: Broadcast, record: &Record<'_>, out: &mut Outbox) {
        if self.is_good(broadcast, record, out) {
            for home in 0..self.topology.partitions {
                route::forward(record, home, &self.topology, out);
            }
        }
    }

    /// At every home: the record becomes state. Judged here too: the owner may run another version, or not be its
    /// writer at all, and what cannot be read later would stop the task.
    pub(super) fn put_broadcast(&mut self, broadcast: Broadcast, record: &Record<'_>, out: &mut Outbox) {
        if !self.is_good(broadcast, record, out) {
            return;
        }
        let family = match broadcast {
            Broadcast::Policy => Family::Policy,
            Broadcast::Template => Family::Template,
        };
        let key = StoreKey::new(family, record.key.unwrap_or_default());
        match record.value {
            Some(value) => self.overlay.put(key.as_bytes(), value),
            None => self.overlay.delete(key.as_bytes()),
        }
        self.caches.clear();
    }

    /// Tells every home that a broadcast topic's first content is complete.
    pub fn broadcast_mark(&mut self, broadcast: Broadcast, out: &mut Outbox) {
        let Some(topic) = self.topology.source_of(SourceKind::Broadcast(broadcast)) else {
            return;
        };
        let mark = Record {
            source: SourcePartition { topic, partition: 0 },
            offset: 0,
            timestamp: LogTime::default(),
            key: None,
            value: None,
            headers: Headers::default(),
        };
        for home in 0..self.topology.partitions {
            route::forward_mark(&mark, home, &self.topology, out);
        }
        self.overlay.put(&sent_key(&self.topology.source(topic).name), &[1]);
    }

    /// Whether [`Task::broadcast_mark`] was done, ever.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_broadcast_mark(&self, broadcast: Broadcast) -> Result<bool, StoreError> {
        self.has(broadcast, sent_key)
    }

    /// Whether everything that the broadcast topics held at the first start has arrived here.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn has_all_marks(&self) -> Result<bool, StoreError> {
        for broadcast in Broadcast::ALL {
            if !self.has(broadcast, mark_key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn put_mark(&mut self, mark: &Record<'_>) {
        self.overlay.put(&mark_key(&self.topology.source(mark.source.topic).name), &[1]);
    }

    fn has(&self, broadcast: Broadcast, key: impl Fn(&str) -> Vec<u8>) -> Result<bool, StoreError> {
        let Some(topic) = self.topology.source_of(SourceKind::Broadcast(broadcast)) else {
            return Ok(true);
        };
        let key = key(&self.topology.source(topic).name);
        Ok(self.overlay.get(&self.store, &key)?.is_some())
    }

    /// A record that is not goes to the dead letters.
    fn is_good(&mut self, broadcast: Broadcast, record: &Record<'_>, out: &mut Outbox) -> bool {
        let (judged, code) = match broadcast {
            Broadcast::Policy => (self.judge_policy(record), "bad_policy"),
            Broadcast::Template => (self.judge_template(record), "bad_template"),
        };
        if let Err(reason) = &judged {
            self.dead_letter(record, "broadcast", code, reason, out);
        }
        judged.is_ok()
    }

    fn judge_policy(&self, record: &Record<'_>) -> Result<(), String> {
        let key = key_text(record)?;
        let (contract, tenant) = key.split_once('/').ok_or("its key is not <contract>/<tenant>")?;
        let contract = ContractName::parse(contract).ok_or("its key names no contract (egov, int, mosip)")?;
        if tenant.is_empty() || tenant.contains('/') {
            return Err("its key is not <contract>/<tenant>".to_owned());
        }
        let Some(value) = record.value else {
            return Ok(());
        };
        // The limits of all JSON that is read: length, depth.
        json::parse_object(Some(value), Names::CaseSensitive).map_err(|error| format!("the {error}"))?;
        PolicyPatch::from_json(contract, value, &self.topology.bounds)
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn judge_template(&self, record: &Record<'_>) -> Result<(), String> {
        let key = key_text(record)?;
        let mut parts = key.split('/');
        let contract = parts.next().and_then(ContractName::parse);
        let complete = parts.clone().count() == 3 && parts.all(|part| !part.is_empty());
        if contract.is_none() || !complete {
            return Err("its key is not <contract>/<tenant>/<locale>/<code>".to_owned());
        }
        let Some(value) = record.value else {
            return Ok(());
        };
        Template::from_json(key, value, &self.topology.template_rules)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

fn key_text<'a>(record: &Record<'a>) -> Result<&'a str, String> {
    let key = record.key.ok_or("it has no key")?;
    if key.len() > KEY_LEN_MAX {
        return Err(format!("its key is longer than {KEY_LEN_MAX} bytes"));
    }
    std::str::from_utf8(key).map_err(|_| "its key is not UTF-8".to_owned())
}

fn mark_key(topic: &str) -> Vec<u8> {
    StoreKey::new(Family::Barrier, format!("arrived/{topic}").as_bytes()).into_bytes()
}

fn sent_key(topic: &str) -> Vec<u8> {
    StoreKey::new(Family::Barrier, format!("sent/{topic}").as_bytes()).into_bytes()
}
