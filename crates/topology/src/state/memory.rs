//! A store in memory, for tests, `replay` and everything else that needs no disk.
//!
//! A clone is another handle of the same data, like a second handle of one directory.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use super::batch::WriteBatch;
use super::store::{Rows, StateStore, StoreError};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Its data lives as long as its last handle.
#[derive(Clone, Default)]
pub struct MemoryStore {
    entries: Arc<Mutex<Entries>>,
}

impl MemoryStore {
    /// Every key and value, in key order.
    pub fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.lock().iter().map(cloned).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("nothing panics while it holds the lock")
    }
}

impl StateStore for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.lock().get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        Ok(self
            .lock()
            .range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)))
            .take(limit)
            .map(cloned)
            .collect())
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let mut entries = self.lock();
        for (key, value) in batch.iter() {
            match value {
                Some(value) => entries.insert(key.to_vec(), value.to_vec()),
                None => entries.remove(key),
            };
        }
        Ok(())
    }
}

/// The count only: values are personal data.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({} entries)", self.lock().len())
    }
}

fn cloned((key, value): (&Vec<u8>, &Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(entries: &[(&str, &str)]) -> MemoryStore {
        let store = MemoryStore::default();
        let batch = entries.iter().map(|(key, value)| (key, Some(value))).collect();
        store.write(&batch).expect("memory does not fail");
        store
    }

    #[test]
    fn a_scan_includes_from_and_excludes_to_up_to_its_limit() {
        let store = store(&[("c", "3"), ("a", "1"), ("b", "2"), ("d", "4")]);
        let check = |from: &str, to: &str, limit: usize, expected: &str| {
            let found = store.scan(from.as_bytes(), to.as_bytes(), limit).expect("memory does not fail");
            let keys: Vec<u8> = found.into_iter().flat_map(|(key, _)| key).collect();
            assert_eq!(keys, expected.as_bytes(), "{from}..{to} up to {limit}");
        };
        check("a", "d", 9, "abc");
        check("a", "d", 2, "ab");
        check("aa", "cc", 9, "bc");
        check("a", "z", 0, "");
        check("b", "b", 9, "");
        check("d", "a", 9, "");
    }

    #[test]
    fn of_several_writes_of_a_key_in_a_batch_the_last_one_counts() {
        let store = store(&[("a", "1")]);
        let mut batch = WriteBatch::default();
        batch.put(b"a", b"2");
        batch.delete(b"a");
        batch.delete(b"b");
        batch.put(b"b", b"3");
        store.write(&batch).expect("memory does not fail");
        assert_eq!(store.entries(), [(b"b".to_vec(), b"3".to_vec())]);
    }

    #[test]
    fn a_clone_sees_the_same_data_and_debug_shows_none_of_it() {
        let first = store(&[]);
        let second = first.clone();
        first.write(&[("key", Some("value"))].into_iter().collect()).expect("memory does not fail");
        assert_eq!(second.get(b"key"), Ok(Some(b"value".to_vec())));
        assert_eq!(format!("{second:?}"), "MemoryStore(1 entries)");
    }
}
