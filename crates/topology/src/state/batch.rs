//! Writes for one store, in one block of memory: neither a key nor a value has an allocation of its own, and the block
//! can be used again.

use std::cmp::Ordering;
use std::fmt;

/// Bytes of a key that are compared at once: enough to tell apart almost all keys of a store.
const HEAD_BYTES: usize = 16;
const TOUCHED_AHEAD: usize = 8;

/// Puts and deletes of one atomic write, in order; a later one of the same key wins.
#[derive(Clone, Default)]
pub struct WriteBatch {
    bytes: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Clone, Copy)]
struct Write {
    /// The first bytes of the key, as a number that sorts like them.
    head: u128,
    /// Where the key begins; the value follows it.
    at: u32,
    key_len: u32,
    /// `None`: a delete.
    value_len: Option<u32>,
}

impl WriteBatch {
    /// With room for keys and values of so many bytes: what is not used costs nothing.
    pub fn with_room(size_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(size_bytes), writes: Vec::new() }
    }

    /// # Panics
    /// After four gigabytes.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.put_with(key, |bytes| bytes.extend_from_slice(value));
    }

    /// Puts a value that `value` adds to the bytes it is given.
    ///
    /// # Panics
    /// As [`WriteBatch::put`].
    pub fn put_with(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        let write = self.add(key, Some(value));
        self.writes.push(write);
    }

    /// # Panics
    /// As [`WriteBatch::put`].
    pub fn delete(&mut self, key: &[u8]) {
        let write = self.add(key, None::<fn(&mut Vec<u8>)>);
        self.writes.push(write);
    }

    pub fn len(&self) -> usize {
        self.writes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Of keys and values.
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.writes.clear();
    }

    /// Brings the writes into the order of their keys, and keeps the last one of each key. No key is without bytes: it
    /// begins with its family.
    pub fn sort(&mut self) {
        let mut writes = std::mem::take(&mut self.writes);
        self.order(&mut writes);
        writes.dedup_by(|later, kept| later.head == kept.head && self.key(later) == self.key(kept));
        self.writes = writes;
    }

    /// Keys and values; without a value: a delete.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        (0..self.writes.len()).map(|number| {
            // In the order of keys each write lies somewhere else in memory: it is fetched while others are worked on.
            if let Some(soon) = self.writes.get(number + TOUCHED_AHEAD) {
                std::hint::black_box(self.bytes.get(soon.at as usize).copied());
            }
            self.get(number)
        })
    }

    /// The key and value of a write by its number.
    pub(super) fn get(&self, number: usize) -> (&[u8], Option<&[u8]>) {
        self.read(&self.writes[number])
    }

    /// Brings numbers of writes of different keys into the order of the keys.
    pub(super) fn sort_numbers(&self, numbers: &mut [usize]) {
        numbers.sort_unstable_by(|a, b| self.compare(&self.writes[*a], &self.writes[*b]));
    }

    /// Puts or, without a value, deletes in the place of an earlier write of the same key, whose bytes stay unused.
    pub(super) fn put_again(&mut self, number: usize, key: &[u8], value: Option<impl FnOnce(&mut Vec<u8>)>) {
        self.writes[number] = self.add(key, value);
    }

    /// Later ones of a key first, since the first one of equals is kept.
    fn order(&self, writes: &mut [Write]) {
        writes.sort_unstable_by(|a, b| self.compare(a, b).then(b.at.cmp(&a.at)));
    }

    /// By their keys.
    fn compare(&self, a: &Write, b: &Write) -> Ordering {
        a.head.cmp(&b.head).then_with(|| self.key(a).cmp(self.key(b)))
    }

    fn read(&self, write: &Write) -> (&[u8], Option<&[u8]>) {
        let (key, rest) = self.bytes[write.at as usize..].split_at(write.key_len as usize);
        (key, write.value_len.map(|len| &rest[..len as usize]))
    }

    fn key(&self, write: &Write) -> &[u8] {
        self.read(write).0
    }

    fn add(&mut self, key: &[u8], value: Option<impl FnOnce(&mut Vec<u8>)>) -> Write {
        let len = |bytes: usize| {
            u32::try_from(bytes).expect("a batch is written long before it has four gigabytes")
        };
        let at = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let value_at = self.bytes.len();
        let value_len = value.map(|value| {
            value(&mut self.bytes);
            len(self.bytes.len() - value_at)
        });
        Write { head: head(key), at: len(at), key_len: len(key.len()), value_len }
    }
}

fn head(key: &[u8]) -> u128 {
    let head = key.first_chunk().copied().unwrap_or_else(|| {
        let mut head = [0; HEAD_BYTES];
        head[..key.len()].copy_from_slice(key);
        head
    });
    u128::from_be_bytes(head)
}

impl<K: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(K, Option<V>)> for WriteBatch {
    fn from_iter<I: IntoIterator<Item = (K, Option<V>)>>(writes: I) -> Self {
        let mut batch = Self::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.put(key.as_ref(), value.as_ref()),
                None => batch.delete(key.as_ref()),
            }
        }
        batch
    }
}

/// The same writes in the same order.
impl PartialEq for WriteBatch {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// The count only: values are personal data.
impl fmt::Debug for WriteBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteBatch({} writes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{MemoryStore, StateStore};
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    /// Few enough to be written again, and some that differ only behind the head or in trailing zeros.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let long = vec(0..2_u8, 1..3).prop_map(|end| [vec![7; HEAD_BYTES], end].concat());
        prop_oneof![vec(0..3_u8, 1..4), long]
    }

    proptest! {
        #[test]
        fn sorted_it_writes_each_key_once_in_order_and_to_the_same_effect(
            writes in vec((key(), option::of(vec(any::<u8>(), 0..5))), 0..60),
        ) {
            let mut batch: WriteBatch = writes.iter().cloned().collect();
            let given: Vec<_> = batch.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect();
            prop_assert_eq!(&given, &writes);
            let (as_written, sorted) = (MemoryStore::default(), MemoryStore::default());
            as_written.write(&batch).expect("memory does not fail");
            batch.sort();
            sorted.write(&batch).expect("memory does not fail");
            prop_assert_eq!(as_written.entries(), sorted.entries());
            let keys: Vec<&[u8]> = batch.iter().map(|(key, _)| key).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
            batch.clear();
            prop_assert!(batch.is_empty() && batch.size_bytes() == 0);
        }
    }

    #[test]
    fn a_write_may_have_no_bytes_at_all() {
        let keys = || (1..=TOUCHED_AHEAD as u8).map(|key| vec![key]).chain([Vec::new()]);
        let mut batch: WriteBatch = keys().map(|key| (key, None::<&[u8]>)).collect();
        assert!(batch.iter().eq(keys().collect::<Vec<_>>().iter().map(|key| (key.as_slice(), None))));
        batch.sort();
        assert_eq!(batch.iter().next(), Some((&[][..], None)));
    }

    #[test]
    fn debug_shows_no_value() {
        let batch: WriteBatch = [("key", Some("value")), ("other", None)].into_iter().collect();
        assert_eq!(format!("{batch:?}"), "WriteBatch(2 writes)");
    }
}
