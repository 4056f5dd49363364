//! How far each source partition was applied, by path; so that no record is applied twice, whatever the group's
//! offsets say.
//!
//! Two paths: `Read` for records that this task read from its own source partitions, decided in place or forwarded
//! (both happen in the order of the source, so one mark serves), and `Arrived` for records that came through the
//! repartition topic, by the partition they were first read from. The two must not be mixed: a record that takes the
//! hop back to its own home arrives after later records of the same source were already decided in place.

use std::collections::BTreeMap;

use super::TaskError;
use super::topology::{Incarnation, Topology};
use crate::state::{BadRecord, Family, Overlay, StateStore, StoreKey};
use crate::wire::record::{SourcePartition, SourceTopic};

/// Pinned: part of stored keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Path {
    Read = b'R',
    Arrived = b'A',
}

const FORMAT: u8 = 1;
const VALUE_LEN: usize = 1 + 8 + 16;

/// The first offset not applied, of the incarnation of the topic that it counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    next: i64,
    incarnation: Incarnation,
}

type Places = BTreeMap<(Path, SourcePartition), i64>;

/// Positions of one task: committed ones as the store has them, those of a commit under way, and those that moved since.
#[derive(Debug, Default)]
pub struct Positions {
    committed: Places,
    planned: Places,
    moved: Places,
    /// Decided starts that are not committed: an abort leaves them decided.
    started: Places,
}

impl Positions {
    /// Reads all positions of a store. Those of another incarnation of their topic are void; their names are returned.
    ///
    /// # Errors
    /// The store cannot be read, or a position is damaged.
    pub fn load(store: &impl StateStore, topology: &Topology) -> Result<(Self, Vec<String>), TaskError> {
        let mut positions = Self::default();
        let mut void = Vec::new();
        let (from, to) = ([Family::Position as u8], [Family::Position as u8 + 1]);
        for (key, value) in store.scan(&from, &to, usize::MAX)? {
            let damaged = |error| TaskError::Record { what: "position", error };
            let (path, name, partition) = decode_key(&key).map_err(damaged)?;
            let position = decode_value(&value).map_err(damaged)?;
            let Some(topic) = topology.source_named(name) else {
                continue;
            };
            if topology.source(topic).incarnation == position.incarnation {
                positions.committed.insert((path, SourcePartition { topic, partition }), position.next);
            } else {
                void.push(name.to_owned());
            }
        }
        Ok((positions, void))
    }

    /// The first offset not applied; `None` if nothing was.
    pub fn next(&self, path: Path, source: SourcePartition) -> Option<i64> {
        let at = (path, source);
        self.moved.get(&at).or_else(|| self.planned.get(&at)).or_else(|| self.committed.get(&at)).copied()
    }

    pub fn is_applied(&self, path: Path, source: SourcePartition, offset: i64) -> bool {
        self.next(path, source).is_some_and(|next| offset < next)
    }

    pub fn advance(&mut self, path: Path, source: SourcePartition, next: i64) {
        self.moved.insert((path, source), next);
    }

    /// Decides where a source partition starts.
    pub fn start(&mut self, source: SourcePartition, next: i64) {
        self.started.insert((Path::Read, source), next);
        self.advance(Path::Read, source, next);
    }

    /// Decided starts that are not committed: the group must get them together with the state.
    pub fn starts(&self) -> impl Iterator<Item = (SourcePartition, i64)> {
        self.started.iter().map(|((_, source), next)| (*source, *next))
    }

    /// Since the last plan.
    pub fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// Puts what moved into the overlay, one fixed key per source and path: its commit is about to begin.
    pub fn plan(&mut self, topology: &Topology, overlay: &mut Overlay) {
        self.planned = std::mem::take(&mut self.moved);
        for ((path, source), next) in &self.planned {
            let Incarnation(id) = topology.source(source.topic).incarnation;
            let key = encode_key(*path, topology, source.topic, source.partition);
            overlay.put_with(&key, |value| {
                value.push(FORMAT);
                value.extend_from_slice(&next.to_be_bytes());
                value.extend_from_slice(&id);
            });
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

/// Whether these are a position's key and value.
///
/// # Errors
/// See [`BadRecord`].
pub(super) fn check(key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
    decode_key(key)?;
    decode_value(value).map(drop)
}

fn encode_key(path: Path, topology: &Topology, topic: SourceTopic, partition: i32) -> Vec<u8> {
    let name = topology.source(topic).name.as_bytes();
    let mut rest = Vec::with_capacity(name.len() + 6);
    rest.push(path as u8);
    rest.extend_from_slice(name);
    rest.push(0);
    rest.extend_from_slice(&partition.to_be_bytes());
    StoreKey::new(Family::Position, &rest).into_bytes()
}

fn decode_key(key: &[u8]) -> Result<(Path, &str, i32), BadRecord> {
    const BAD: BadRecord = BadRecord::Damaged("position key");
    let (rest, partition) = key.split_last_chunk::<4>().ok_or(BAD)?;
    let [_, path, name @ .., 0] = rest else {
        return Err(BAD);
    };
    let path = [Path::Read, Path::Arrived].into_iter().find(|it| *it as u8 == *path).ok_or(BAD)?;
    let name = std::str::from_utf8(name).map_err(|_| BAD)?;
    Ok((path, name, i32::from_be_bytes(*partition)))
}

fn decode_value(value: &[u8]) -> Result<Position, BadRecord> {
    const BAD: BadRecord = BadRecord::Damaged("position");
    let value: &[u8; VALUE_LEN] = value.try_into().map_err(|_| BAD)?;
    if value[0] != FORMAT {
        return Err(BadRecord::UnknownVersion(value[0]));
    }
    let (next, id) = value[1..].split_at(8);
    let next = i64::from_be_bytes(next.try_into().expect("eight bytes"));
    if next < 0 {
        return Err(BAD);
    }
    Ok(Position { next, incarnation: Incarnation(id.try_into().expect("sixteen bytes")) })
}
