//! Very many writes for one store, in one block of memory, that can be put into the order of their keys.
//!
//! What a restore collects: neither a key nor a value has an allocation of its own, and the block is used again.

use super::store::WriteBatch;

/// Bytes of a key that are compared at once: enough to tell apart almost all keys of a store.
const HEAD_BYTES: usize = 16;
const TOUCHED_AHEAD: usize = 8;

#[derive(Clone, Debug, Default)]
pub struct Run {
    bytes: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    /// The first bytes of the key, as a number that sorts like them.
    head: u128,
    /// Where the key begins; the value follows it.
    at: u32,
    key_len: u32,
    /// `None`: a delete.
    value_len: Option<u32>,
}

impl Run {
    /// With room for keys and values of so many bytes: what is not used costs nothing.
    pub fn with_room(size_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(size_bytes), writes: Vec::new() }
    }

    /// # Panics
    /// After four gigabytes.
    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.add(key, Some(value));
    }

    /// # Panics
    /// As [`Run::put`].
    pub fn delete(&mut self, key: &[u8]) {
        self.add(key, None);
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

    /// Brings the writes into the order of their keys, and keeps the last one of each key.
    pub fn sort(&mut self) {
        let Self { bytes, writes } = self;
        let key = |write: &Write| &bytes[write.at as usize..][..write.key_len as usize];
        // Later ones of a key first, since the first one of equals is kept.
        writes.sort_unstable_by(|a, b| {
            let keys = a.head.cmp(&b.head).then_with(|| key(a).cmp(key(b)));
            keys.then(b.at.cmp(&a.at))
        });
        writes.dedup_by(|later, kept| later.head == kept.head && key(later) == key(kept));
    }

    /// Keys and values; without a value: a delete.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.writes.iter().enumerate().map(|(number, write)| {
            // In the order of keys each write lies somewhere else in memory: it is fetched while others are worked on.
            if let Some(soon) = self.writes.get(number + TOUCHED_AHEAD) {
                std::hint::black_box(self.bytes[soon.at as usize]);
            }
            let (key, rest) = self.bytes[write.at as usize..].split_at(write.key_len as usize);
            (key, write.value_len.map(|len| &rest[..len as usize]))
        })
    }

    pub fn to_batch(&self) -> WriteBatch {
        let writes = self.iter().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)));
        WriteBatch { writes: writes.collect() }
    }

    fn add(&mut self, key: &[u8], value: Option<&[u8]>) {
        const TOO_LONG: &str = "a run is written long before it has four gigabytes";
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect(TOO_LONG);
        let mut head = [0; HEAD_BYTES];
        let head_len = key.len().min(HEAD_BYTES);
        head[..head_len].copy_from_slice(&key[..head_len]);
        self.writes.push(Write {
            head: u128::from_be_bytes(head),
            at: u32::try_from(self.bytes.len()).expect(TOO_LONG),
            key_len: len(key),
            value_len: value.map(len),
        });
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
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
            let mut run = Run::default();
            for (key, value) in &writes {
                match value {
                    Some(value) => run.put(key, value),
                    None => run.delete(key),
                }
            }
            let (as_written, sorted) = (MemoryStore::default(), MemoryStore::default());
            as_written.write(&run.to_batch()).expect("memory does not fail");
            prop_assert_eq!(run.iter().count(), writes.len());
            run.sort();
            sorted.write(&run.to_batch()).expect("memory does not fail");
            prop_assert_eq!(as_written.entries(), sorted.entries());
            let keys: Vec<&[u8]> = run.iter().map(|(key, _)| key).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
            run.clear();
            prop_assert!(run.iter().next().is_none() && run.size_bytes() == 0);
        }
    }
}
