//! Writes for one store, in one block of memory. No key and no value has an allocation of its own, and the block can be
//! reused.

use std::cmp::Ordering;
use std::fmt;

/// Bytes of a key that are compared as one number. Almost all keys of a store differ in them.
const HEAD_BYTES: usize = 16;

/// Puts and deletes of one atomic write, in order. Of several writes of one key the last one counts.
#[derive(Clone, Default)]
pub struct WriteBatch {
    bytes: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Clone, Copy)]
struct Write {
    /// The first bytes of the key, as a number that sorts like them.
    head: u128,
    /// The offset of the key; the value follows it.
    at: u32,
    key_len: u32,
    /// `None`: a delete.
    value_len: Option<u32>,
}

impl WriteBatch {
    /// Reserves memory for this many bytes of keys and values. Memory that is never written costs nothing.
    pub fn with_room(size_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(size_bytes), writes: Vec::new() }
    }

    /// # Panics
    /// The batch would pass 4 GiB.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.put_with(key, |bytes| bytes.extend_from_slice(value));
    }

    /// Puts the value that `value` appends to the buffer it is given.
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

    /// Sorts the writes by key and keeps the last one of each key. Keys must not be empty; stored keys start with their
    /// family.
    pub fn sort(&mut self) {
        let mut writes = std::mem::take(&mut self.writes);
        self.order(&mut writes);
        writes.dedup_by(|later, kept| later.head == kept.head && self.key(later) == self.key(kept));
        self.writes = writes;
    }

    /// Keys and values. `None`: a delete.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().map(|write| self.read(write))
    }

    /// The key and the value of the write at `index`.
    pub(super) fn get(&self, index: usize) -> (&[u8], Option<&[u8]>) {
        self.read(&self.writes[index])
    }

    /// Sorts indexes of writes by the keys of the writes, which all differ.
    pub(super) fn sort_indexes(&self, indexes: &mut [usize]) {
        indexes.sort_unstable_by(|a, b| self.compare(&self.writes[*a], &self.writes[*b]));
    }

    /// Replaces an earlier write of the same key. `None` deletes. The bytes of the earlier write stay unused.
    pub(super) fn replace(&mut self, index: usize, key: &[u8], value: Option<impl FnOnce(&mut Vec<u8>)>) {
        self.writes[index] = self.add(key, value);
    }

    /// Of one key, later writes come first: the first one is kept.
    fn order(&self, writes: &mut [Write]) {
        writes.sort_unstable_by(|a, b| self.compare(a, b).then(b.at.cmp(&a.at)));
    }

    /// Compares by key.
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
        let len = |bytes: usize| u32::try_from(bytes).expect("a batch is written long before it has 4 GiB");
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

    /// Few keys, so that they repeat. Some differ only after the head or in trailing zeros.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        let long = vec(0..2_u8, 1..3).prop_map(|end| [vec![7; HEAD_BYTES], end].concat());
        prop_oneof![vec(0..3_u8, 1..4), long]
    }

    proptest! {
        #[test]
        fn a_sorted_batch_has_each_key_once_in_order_and_the_same_effect(
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
    fn debug_shows_no_value() {
        let batch: WriteBatch = [("key", Some("value")), ("other", None)].into_iter().collect();
        assert_eq!(format!("{batch:?}"), "WriteBatch(2 writes)");
    }
}
