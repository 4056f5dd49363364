//! The changelog: what a commit adds to it, and how a store is restored from it.
//!
//! A changelog record is the full new value of a store key, byte for byte; a tombstone deletes the key. So replaying any
//! suffix from any earlier position gives the same store.

use super::TaskError;
use super::subjects::{index_key, number_index_key};
use crate::deployment::Topology;
use crate::otp::{LogTime, Pseudonym};
use crate::state::{
    BadRecord, Family, LocalKey, NumberHour, Overlay, StoredPosition, WriteBatch, decode_budget,
    decode_number_key, decode_position_key, decode_signal, subject_due_at,
};
use crate::wire::outbox::{Outbox, SharedHeaders};

/// Adds a record for each changelogged write since the last call.
pub(super) fn log(overlay: &mut Overlay, partition: i32, topology: &Topology, out: &mut Outbox) {
    let none = SharedHeaders::default();
    for (key, value) in overlay.take_unlogged() {
        if !Family::of(key).is_some_and(Family::is_changelogged) {
            continue;
        }
        out.push(topology.changelog, partition, Some(key), none, none, value);
    }
}

/// Adds the changelog position that the store has after this batch.
pub(super) fn put_local(batch: &mut WriteBatch, changelog_next: Option<i64>, wall: LogTime) {
    if let Some(next) = changelog_next {
        batch.put(LocalKey::ChangelogNext.key().as_bytes(), &next.to_be_bytes());
    }
    batch.put(LocalKey::WrittenAt.key().as_bytes(), &wall.ms().to_be_bytes());
}

/// Turns changelog records into writes of a store, and knows when the bound is reached.
///
/// The bound is the changelog's high watermark, which is read after the last stable offset. A record at or after
/// `bound - 1` reaches it, or an end of partition at or after `bound`: a transactional log ends with a control record,
/// which is never delivered.
#[derive(Debug)]
pub struct ChangelogFold {
    bound: i64,
    next: i64,
    batch: WriteBatch,
    restored: u64,
}

impl ChangelogFold {
    /// From the store's position (a lower bound of what it holds) to `bound`.
    pub fn new(from: i64, bound: i64) -> Self {
        Self { bound, next: from, batch: WriteBatch::default(), restored: 0 }
    }

    /// With room for this many bytes before they are written.
    #[must_use]
    pub fn with_room(self, size_bytes: usize) -> Self {
        Self { batch: WriteBatch::with_room(size_bytes), ..self }
    }

    pub fn is_reached(&self) -> bool {
        self.next >= self.bound
    }

    /// Offsets up to the bound.
    pub fn remaining(&self) -> u64 {
        u64::try_from(self.bound - self.next).unwrap_or(0)
    }

    pub fn restored(&self) -> u64 {
        self.restored
    }

    /// Adds a changelog record.
    ///
    /// # Errors
    /// The record cannot be read: another version or another program wrote it.
    pub fn record(&mut self, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), TaskError> {
        let bad = |what, error| TaskError::Changelog { offset, what, error };
        let key = key.unwrap_or_default();
        let logged = Family::of(key).filter(|family| family.is_changelogged());
        match (logged, value) {
            // Nothing is stored under such a key.
            (None, None) => {}
            (None, Some(_)) => return Err(bad("key", BadRecord::Damaged("it is of no logged family"))),
            (Some(_), None) => self.batch.delete(key),
            (Some(family), Some(value)) => {
                self.put(family, key, value).map_err(|error| bad(family.what(), error))?;
            }
        }
        self.next = self.next.max(offset.saturating_add(1));
        self.restored += 1;
        Ok(())
    }

    /// Refuses a value that a task could not read later.
    fn put(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
        match family {
            Family::Subject => {
                let pseudonym = <[u8; 16]>::try_from(&key[1..]).map_err(|_| BadRecord::Damaged("key"))?;
                if let Some(due) = subject_due_at(value)? {
                    self.batch.put(&index_key(due, Pseudonym(pseudonym)), &[]);
                }
            }
            Family::Number => {
                let due = NumberHour::decode(value)?.due_at();
                self.batch.put(&number_index_key(due, decode_number_key(key)?), &[]);
            }
            Family::Position => {
                decode_position_key(key)?;
                StoredPosition::decode(value)?;
            }
            Family::Signal => decode_signal(key, value)?,
            Family::Budget => decode_budget(key, value)?,
            Family::Directory
            | Family::Policy
            | Family::Template
            | Family::Client
            | Family::Barrier
            | Family::Expiry
            | Family::Local => {}
        }
        self.batch.put(key, value);
        Ok(())
    }

    /// The partition ended at this offset.
    pub fn end(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }

    /// Bytes of the writes since the last [`ChangelogFold::written`].
    pub fn size_bytes(&self) -> usize {
        self.batch.size_bytes()
    }

    /// The writes so far, with the position that they reach. They must be written as a whole.
    pub fn writes(&mut self, wall: LogTime) -> &mut WriteBatch {
        self.batch.put(LocalKey::ChangelogNext.key().as_bytes(), &self.next.to_be_bytes());
        self.batch.put(LocalKey::WrittenAt.key().as_bytes(), &wall.ms().to_be_bytes());
        &mut self.batch
    }

    /// The store has the writes that [`ChangelogFold::writes`] returned.
    pub fn written(&mut self) {
        self.batch.clear();
    }

    /// As [`ChangelogFold::writes`], for a store that takes ownership.
    pub fn take_batch(&mut self, wall: LogTime) -> WriteBatch {
        std::mem::take(self.writes(wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::Subject;
    use crate::state::{MemoryStore, StateStore as _, encode_subject};

    fn check(key: Option<&[u8]>, value: Option<&[u8]>, expected: Option<&str>) {
        let mut fold = ChangelogFold::new(3, 9);
        let refused = fold.record(5, key, value).err().map(|error| error.to_string());
        assert_eq!(refused.is_some(), expected.is_some(), "{key:?} {value:?}: {refused:?}");
        if let (Some(refused), Some(expected)) = (refused, expected) {
            assert!(refused.contains("offset 5") && refused.contains(expected), "{refused}");
            let batch = fold.take_batch(LogTime::default());
            let next = LocalKey::ChangelogNext.key();
            assert_eq!(batch.iter().next(), Some((next.as_bytes(), Some(&3_i64.to_be_bytes()[..]))));
            assert_eq!(batch.len(), 2, "nothing of it is written");
        }
    }

    #[test]
    fn a_record_that_no_task_could_read_fails_the_restore_and_is_named_by_its_offset() {
        let subject = [b"S".as_slice(), &[7; 16]].concat();
        let good = encode_subject(&Subject::default());
        let newer = [&[5], &good[1..]].concat();
        check(Some(&subject), Some(&good), None);
        check(Some(&subject), Some(&newer), Some("a subject: unknown version 5"));
        check(Some(&subject), Some(&good[..9]), Some("a subject: damaged"));
        check(Some(&subject[..9]), Some(&good), Some("a subject: damaged"));
        let number = [b"H".as_slice(), &[7; 16]].concat();
        check(Some(&number), Some(&[1; 11]), None);
        check(Some(&number), Some(&[2; 11]), Some("a number's hour: unknown version 2"));
        check(Some(&number), Some(&[1; 9]), Some("a number's hour: damaged"));
        check(Some(&number[..9]), Some(&[1; 11]), Some("a number's hour: damaged"));
        check(Some(b"Rrequests"), Some(b"x"), Some("a key: damaged"));
        check(Some(b"Lchangelog-next"), Some(&[0; 8]), Some("a key: damaged"));
        check(Some(b"X"), Some(b""), Some("a key: damaged"));
        check(None, Some(b"x"), Some("a key: damaged"));
        check(Some(b""), Some(b"x"), Some("a key: damaged"));
        check(Some(b"ORrequests\0\0\0\0\0"), Some(&[1; 9]), Some("a position: damaged"));
        check(Some(b"ORrequests\0\0\0\0\0"), Some(&[2; 25]), Some("a position: damaged"));
        check(Some(b"ORrequests\0\0\0\0\0"), Some(&[3; 25]), Some("a position: unknown version 3"));
        check(Some(b"OXrequests\0\0\0\0\0"), Some(&[1; 25]), Some("a position: damaged"));
        check(Some(b"W"), Some(&[1; 9]), Some("a signal window: damaged"));
        check(Some(b"W"), Some(&[2; 18]), Some("a signal window: unknown version 2"));
        check(Some(b"B"), Some(&[1; 8]), Some("a budget: damaged"));
        check(Some(b"B"), Some(&[2; 9]), Some("a budget: unknown version 2"));
        check(Some(&subject), None, None);
        check(Some(b"Lchangelog-next"), None, None);
        check(None, None, None);
    }

    #[test]
    fn a_restore_says_how_far_it_is() {
        let barrier = |name: &str| [b"M".as_slice(), name.as_bytes()].concat();
        let mut fold = ChangelogFold::new(3, 9).with_room(64);
        let check = |fold: &ChangelogFold, restored: u64, remaining: u64| {
            let far = (fold.restored(), fold.remaining(), fold.is_reached());
            assert_eq!(far, (restored, remaining, remaining == 0));
        };
        check(&fold, 0, 6);
        let empty = fold.size_bytes();
        for (offset, restored, remaining) in [(4, 1, 4), (5, 2, 3), (5, 3, 3), (7, 4, 1)] {
            let before = fold.size_bytes();
            fold.record(offset, Some(&barrier("sent")), Some(&[1])).expect("a good record");
            check(&fold, restored, remaining);
            assert!(fold.size_bytes() > before);
        }
        fold.end(6);
        check(&fold, 4, 1);
        fold.end(9);
        check(&fold, 4, 0);
        fold.end(11);
        check(&fold, 4, 0);
        fold.written();
        assert_eq!(fold.size_bytes(), empty);
        check(&fold, 4, 0);
        assert!(ChangelogFold::new(9, 9).is_reached() && !ChangelogFold::new(8, 9).is_reached());
    }

    #[test]
    fn a_tombstone_of_a_family_that_is_not_logged_deletes_nothing() {
        let store = MemoryStore::default();
        let next = LocalKey::ChangelogNext.key();
        let mut fold = ChangelogFold::new(3, 9);
        fold.record(8, Some(next.as_bytes()), None).expect("nothing to refuse");
        store.write(&fold.take_batch(LogTime::default())).expect("memory does not fail");
        assert_eq!(LocalKey::ChangelogNext.read_number(&store), Ok(Some(9)));
    }
}
