//! How far each source partition was applied, by path, so that no record is applied twice. The offsets of the
//! consumer group do not matter.
//!
//! There are two paths. `Read`: records that this task read from its own source partitions, decided in place or forwarded.
//! Both happen in the order of the source, so one position covers them. `Arrived`: records that were forwarded to this
//! task, by the partition in which they were first read. The two are separate, because a record that is forwarded to the
//! partition of its own number arrives after later records of the same source were decided in place.

use std::collections::BTreeMap;

use super::TaskError;
use crate::deployment::Topology;
use crate::state::{
    Family, InputPath, Overlay, StateStore, StoredPosition, decode_position_key, position_key,
};
use crate::wire::record::{LeaderEpoch, Record, SourcePartition};

type Offsets = BTreeMap<(InputPath, SourcePartition), Applied>;

/// How far one source partition was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The first offset that was not applied.
    pub next: i64,
    /// Of the last record that was applied. It tells whether the log still is the one that was read.
    pub leader_epoch: Option<LeaderEpoch>,
}

/// Positions of one task: the committed ones as in the store, those of the commit in flight, and those that moved since.
#[derive(Debug, Default)]
pub struct Positions {
    committed: Offsets,
    planned: Offsets,
    moved: Offsets,
    /// Decided starts that are not committed. They stay decided after an abort.
    started: Offsets,
}

impl Positions {
    /// Reads all positions of a store. Those of another incarnation of their topic are void; the names of these topics are
    /// returned.
    ///
    /// # Errors
    /// The store cannot be read, or a position is damaged.
    pub fn load(store: &impl StateStore, topology: &Topology) -> Result<(Self, Vec<String>), TaskError> {
        let mut positions = Self::default();
        let mut void = Vec::new();
        let (from, to) = ([Family::Position as u8], [Family::Position as u8 + 1]);
        for (key, value) in store.scan(&from, &to, usize::MAX)? {
            let damaged = |error| TaskError::Record { what: "position", error };
            let (path, name, partition) = decode_position_key(&key).map_err(damaged)?;
            let position = StoredPosition::decode(&value).map_err(damaged)?;
            let Some(topic) = topology.source_named(name) else {
                continue;
            };
            if topology.source(topic).incarnation.0 == position.incarnation {
                let applied = Applied { next: position.next, leader_epoch: position.leader_epoch };
                positions.committed.insert((path, SourcePartition { topic, partition }), applied);
            } else {
                void.push(name.to_owned());
            }
        }
        Ok((positions, void))
    }

    /// The first offset that was not applied. `None`: nothing was applied.
    pub fn next(&self, path: InputPath, source: SourcePartition) -> Option<i64> {
        self.applied(path, source).map(|it| it.next)
    }

    /// `None`: nothing was applied.
    pub fn applied(&self, path: InputPath, source: SourcePartition) -> Option<Applied> {
        let at = (path, source);
        self.moved.get(&at).or_else(|| self.planned.get(&at)).or_else(|| self.committed.get(&at)).copied()
    }

    pub fn is_applied(&self, path: InputPath, source: SourcePartition, offset: i64) -> bool {
        self.next(path, source).is_some_and(|next| offset < next)
    }

    /// A record was applied, or is given up.
    pub fn advance(&mut self, path: InputPath, record: &Record<'_>) {
        let applied = Applied { next: record.offset + 1, leader_epoch: record.leader_epoch };
        self.moved.insert((path, record.source), applied);
    }

    /// Decides where a source partition starts.
    pub fn start(&mut self, source: SourcePartition, next: i64) {
        let start = Applied { next, leader_epoch: None };
        self.started.insert((InputPath::Read, source), start);
        self.moved.insert((InputPath::Read, source), start);
    }

    /// Decided starts that are not committed. Their offsets must be committed to the group together with the state.
    pub fn starts(&self) -> impl Iterator<Item = (SourcePartition, i64)> {
        self.started.iter().map(|((_, source), start)| (*source, start.next))
    }

    /// Since the last plan.
    pub fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Writes the moved positions into the overlay, one key per source partition and path. Their commit is about to begin.
    pub fn plan(&mut self, topology: &Topology, overlay: &mut Overlay) {
        self.planned = std::mem::take(&mut self.moved);
        for ((path, source), Applied { next, leader_epoch }) in &self.planned {
            let topic = topology.source(source.topic);
            let key = position_key(*path, &topic.name, source.partition);
            let position =
                StoredPosition { next: *next, incarnation: topic.incarnation.0, leader_epoch: *leader_epoch };
            overlay.put_with(key.as_bytes(), |value| position.write(value));
        }
    }

    pub fn commit(&mut self) {
        self.committed.append(&mut self.planned);
        self.started.clear();
    }

    pub fn abort(&mut self) {
        self.planned.clear();
        self.moved.clone_from(&self.started);
    }
}
