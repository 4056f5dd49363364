//! Policies, templates and clients reach every task as records of the log, in one order, so that a failover and a replay know
//! which applied when.
//!
//! Task 0 reads their topics, judges each record and forwards it to every home partition through the repartition topic.
//! After the records that a topic held at the first start it forwards a barrier. No task decides anything before it has
//! the barrier of every broadcast topic.

use super::Task;
use super::route;
use crate::deployment::{
    Broadcast, RecordFault, SourceKind, Topology, check_client, check_policy, check_template,
};
use crate::otp::LogTime;
use crate::state::{
    BARRIER_SET, Family, StateStore, StoreError, StoreKey, barrier_arrived_key, barrier_sent_key,
};
use crate::wire::outbox::Outbox;
use crate::wire::record::{Headers, Record, SourcePartition};

/// Says why a record is bad, by its key and its value. `None`: a tombstone.
type Judge = fn(Option<&[u8]>, Option<&[u8]>, &Topology) -> Result<(), RecordFault>;

/// How the records of one broadcast topic are judged and stored.
struct RecordKind {
    family: Family,
    /// Names a bad record in its dead letter.
    error_code: &'static str,
    judge: Judge,
}

const fn kind_of(broadcast: Broadcast) -> RecordKind {
    match broadcast {
        Broadcast::Policy => RecordKind {
            family: Family::Policy,
            error_code: "bad_policy",
            judge: |key, value, topology| check_policy(key, value, &topology.contracts, &topology.bounds),
        },
        Broadcast::Template => RecordKind {
            family: Family::Template,
            error_code: "bad_template",
            judge: |key, value, topology| check_template(key, value, &topology.contracts),
        },
        Broadcast::Client => RecordKind {
            family: Family::Client,
            error_code: "bad_client",
            judge: |key, value, _| check_client(key, value),
        },
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
            undecodable: None,
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
        let judged = (kind.judge)(record.key, record.value, &self.topology);
        if let Err(fault) = &judged {
            self.dead_letter(record, "broadcast", kind.error_code, &fault.to_string(), out);
        }
        judged.is_ok()
    }
}
