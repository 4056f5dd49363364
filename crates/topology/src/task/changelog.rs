//! The changelog: what a commit adds to it, and how a store is restored from it.
//!
//! A changelog record is the full new value of a store key, byte for byte (a tombstone deletes), so that replaying
//! any suffix from any earlier point gives the same store.

use super::subjects::index_key;
use super::{TaskError, Topology};
use crate::otp::{LogTime, Pseudonym, due_at};
use crate::state::{Family, Overlay, StateStore, StoreError, StoreKey, WriteBatch, decode_subject};
use crate::wire::outbox::{Outbox, SharedHeaders};

/// What a store says of itself. Pinned; append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalKey {
    /// The first changelog offset that may be missing in the store (a lower bound).
    ChangelogNext,
    /// The wall clock of the last write, in milliseconds.
    WrittenAt,
    /// The partition count that the state was made for.
    Partitions,
    /// Which creation of the changelog topic, on which cluster, the position counts in.
    Incarnation,
}

impl LocalKey {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::ChangelogNext => b"changelog-next",
            Self::WrittenAt => b"written-at",
            Self::Partitions => b"partitions",
            Self::Incarnation => b"incarnation",
        }
    }

    pub fn key(self) -> StoreKey {
        StoreKey::new(Family::Local, self.name())
    }

    /// # Errors
    /// The store cannot be read.
    pub fn read(self, store: &impl StateStore) -> Result<Option<Vec<u8>>, StoreError> {
        store.get(self.key().as_bytes())
    }

    /// As [`LocalKey::read`], for the numbers among them.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn read_number(self, store: &impl StateStore) -> Result<Option<i64>, StoreError> {
        let value = self.read(store)?;
        Ok(value.and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes))
    }
}

/// Adds one record for each changelogged write, in key order.
pub(super) fn plan(overlay: &Overlay, partition: i32, topology: &Topology, out: &mut Outbox) {
    let none = SharedHeaders::default();
    for (key, value) in overlay.iter() {
        if !Family::of(key).is_some_and(Family::is_changelogged) {
            continue;
        }
        match value {
            Some(value) => out.push(topology.changelog, partition, Some(key), none, none, |bytes| {
                bytes.extend_from_slice(value);
            }),
            None => out.push_null(topology.changelog, partition, Some(key), none, none),
        }
    }
}

/// Adds to a batch where the store stands with it.
pub(super) fn put_local(batch: &mut WriteBatch, changelog_next: Option<i64>, wall: LogTime) {
    if let Some(next) = changelog_next {
        batch.put(LocalKey::ChangelogNext.key().as_bytes(), &next.to_be_bytes());
    }
    batch.put(LocalKey::WrittenAt.key().as_bytes(), &wall.ms().to_be_bytes());
}

/// Turns changelog records into writes, and knows when the bound is reached.
///
/// The bound is the changelog's high watermark, read after the stable committed offset was. It is reached by a record
/// at or after `bound - 1`, or by an end of partition at or after `bound`: a transactional log ends in a control
/// record, which is never delivered.
#[derive(Debug)]
pub struct Restorer {
    bound: i64,
    next: i64,
    batch: WriteBatch,
    restored: u64,
}

impl Restorer {
    /// From the store's position (a lower bound of what it holds) to `bound`.
    pub fn new(from: i64, bound: i64) -> Self {
        Self { bound, next: from, batch: WriteBatch::default(), restored: 0 }
    }

    pub fn is_reached(&self) -> bool {
        self.next >= self.bound
    }

    /// Offsets still to come.
    pub fn remaining(&self) -> u64 {
        u64::try_from(self.bound - self.next).unwrap_or(0)
    }

    pub fn restored(&self) -> u64 {
        self.restored
    }

    /// Takes a changelog record.
    ///
    /// # Errors
    /// The record cannot be read: a state that this build does not know, or a foreign writer.
    pub fn record(&mut self, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), TaskError> {
        self.next = self.next.max(offset + 1);
        self.restored += 1;
        let Some(key) = key else { return Ok(()) };
        let Some(value) = value else {
            self.batch.delete(key);
            return Ok(());
        };
        self.batch.put(key, value);
        if Family::of(key) == Some(Family::Subject)
            && let Ok(pseudonym) = <[u8; 16]>::try_from(&key[1..])
        {
            let subject =
                decode_subject(value).map_err(|error| TaskError::Record { what: "subject", error })?;
            if let Some(due) = due_at(&subject) {
                self.batch.put(&index_key(due, Pseudonym(pseudonym)), &[]);
            }
        }
        Ok(())
    }

    /// The partition ended at this offset.
    pub fn end(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }

    /// The writes so far, with the position that they reach.
    pub fn take_batch(&mut self, wall: LogTime) -> WriteBatch {
        let mut batch = std::mem::take(&mut self.batch);
        put_local(&mut batch, Some(self.next), wall);
        batch
    }
}
