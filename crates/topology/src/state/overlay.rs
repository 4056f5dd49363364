//! Uncommitted writes of a task, and reads through them.
//!
//! ```text
//! put, delete ─▶ open ──plan──▶ planned ──take_planned──▶ one WriteBatch ─▶ store         abort: clear drops both
//! get, scan  ──▶ open, else planned, else store
//! ```

use std::borrow::Cow;
use std::fmt;
use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::batch::WriteBatch;
use super::store::{Rows, StateStore, StoreError};

/// Two layers of writes over a store: those of the open transaction, and below them those of the transaction whose commit
/// is in flight (*planned*). When that commit is acknowledged, its layer becomes one batch.
///
/// The batch and the changelog records are sorted by key, so that every run gives them in the same order.
#[derive(Clone, Default)]
pub struct Overlay {
    open: Layer,
    planned: Layer,
    hasher: DefaultHashBuilder,
    /// The first this many writes of `open` have changelog records.
    logged: usize,
    /// Indexes of writes below `logged` that were replaced after their changelog record.
    replaced: Vec<usize>,
}

/// At most one write of each key.
#[derive(Clone, Default)]
struct Layer {
    writes: WriteBatch,
    /// Indexes of the writes, by the hashes of their keys.
    indexes: HashTable<u32>,
}

impl Overlay {
    /// Whether nothing was written since the last [`Overlay::plan`].
    pub fn is_empty(&self) -> bool {
        self.open.writes.is_empty()
    }

    pub fn put(&mut self, key: &[u8], value: &[u8]) {
        self.put_with(key, |bytes| bytes.extend_from_slice(value));
    }

    /// Puts the value that `value` appends to the buffer it is given.
    pub fn put_with(&mut self, key: &[u8], value: impl FnOnce(&mut Vec<u8>)) {
        match self.open.index(key, &self.hasher) {
            Some(index) => self.replace(index, key, Some(value)),
            None => self.open.writes.put_with(key, value),
        }
    }

    pub fn delete(&mut self, key: &[u8]) {
        match self.open.index(key, &self.hasher) {
            Some(index) => self.replace(index, key, None::<fn(&mut Vec<u8>)>),
            None => self.open.writes.delete(key),
        }
    }

    /// # Errors
    /// The store cannot be read.
    pub fn get<'a>(
        &'a self,
        store: &impl StateStore,
        key: &[u8],
    ) -> Result<Option<Cow<'a, [u8]>>, StoreError> {
        let hash = self.hasher.hash_one(key);
        match self.open.get(hash, key).or_else(|| self.planned.get(hash, key)) {
            Some(value) => Ok(value.map(Cow::Borrowed)),
            None => Ok(store.get(key)?.map(Cow::Owned)),
        }
    }

    /// As [`StateStore::scan`], over both layers and the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn scan(
        &self,
        store: &impl StateStore,
        from: &[u8],
        to: &[u8],
        limit: usize,
    ) -> Result<Rows, StoreError> {
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        let written = self.written_between(from, to);
        let deletes = written.iter().filter(|(_, value)| value.is_none()).count();
        // Each delete hides at most one entry of the store.
        let mut stored = store.scan(from, to, limit.saturating_add(deletes))?.into_iter().peekable();
        let mut written = written.into_iter().peekable();
        let mut found = Vec::new();
        while found.len() < limit {
            let stored_is_first = match (stored.peek(), written.peek()) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((stored, _)), Some((written, _))) => stored.as_slice() < *written,
            };
            if stored_is_first {
                found.extend(stored.next());
            } else if let Some((key, value)) = written.next() {
                stored.next_if(|(it, _)| it == key);
                found.extend(value.map(|value| (key.to_vec(), value.to_vec())));
            }
        }
        Ok(found)
    }

    /// The writes since the last call, sorted by key, for the changelog. `None` deletes. A key that was written several
    /// times comes once, with its latest value. Sorted changelog records make the sort in a restore cheaper.
    pub fn take_unlogged(&mut self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let writes = &self.open.writes;
        let mut indexes = std::mem::take(&mut self.replaced);
        indexes.extend(std::mem::replace(&mut self.logged, writes.len())..writes.len());
        writes.sort_indexes(&mut indexes);
        indexes.dedup();
        indexes.into_iter().map(|index| writes.get(index))
    }

    /// Closes the open layer, because its commit is about to start. Later writes belong to the next transaction.
    ///
    /// # Panics
    /// Another commit is in flight.
    pub fn plan(&mut self) {
        assert!(self.planned.writes.is_empty(), "only one commit is in flight");
        std::mem::swap(&mut self.open, &mut self.planned);
        self.forget_logged();
    }

    /// Removes the planned writes and returns them as one batch sorted by key. The caller writes it to the store.
    pub fn take_planned(&mut self) -> WriteBatch {
        self.planned.indexes.clear();
        // A later transaction will be about as large: it gets its memory in one step.
        let next = WriteBatch::with_room(self.planned.writes.size_bytes());
        let mut writes = std::mem::replace(&mut self.planned.writes, next);
        writes.sort();
        writes
    }

    /// Drops all writes, including those of a commit in flight.
    pub fn clear(&mut self) {
        self.open.clear();
        self.planned.clear();
        self.forget_logged();
    }

    /// The latest write of each key in the range, sorted by key.
    fn written_between(&self, from: &[u8], to: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
        let is_between = |(key, _): &(&[u8], _)| (from..to).contains(key);
        let is_hidden = |key: &[u8]| self.open.get(self.hasher.hash_one(key), key).is_some();
        let planned = self.planned.writes.iter().filter(is_between).filter(|(key, _)| !is_hidden(key));
        let mut written: Vec<_> = self.open.writes.iter().filter(is_between).chain(planned).collect();
        written.sort_unstable_by_key(|(key, _)| *key);
        written
    }

    fn replace(&mut self, index: usize, key: &[u8], value: Option<impl FnOnce(&mut Vec<u8>)>) {
        self.open.writes.replace(index, key, value);
        if index < self.logged {
            self.replaced.push(index);
        }
    }

    fn forget_logged(&mut self) {
        self.logged = 0;
        self.replaced.clear();
    }
}

impl Layer {
    /// The write of this key, if there is one: a value, or a delete.
    fn get(&self, hash: u64, key: &[u8]) -> Option<Option<&[u8]>> {
        let is_key = |index: &u32| self.writes.get(*index as usize).0 == key;
        self.indexes.find(hash, is_key).map(|index| self.writes.get(*index as usize).1)
    }

    /// The index of the write of this key. `None`: there is none, and the caller must add it as the next write.
    fn index(&mut self, key: &[u8], hasher: &DefaultHashBuilder) -> Option<usize> {
        let Self { writes, indexes } = self;
        let key_of = |index: &u32| writes.get(*index as usize).0;
        let entry = indexes.entry(
            hasher.hash_one(key),
            |index| key_of(index) == key,
            |index| hasher.hash_one(key_of(index)),
        );
        match entry {
            Entry::Occupied(found) => Some(*found.get() as usize),
            Entry::Vacant(free) => {
                free.insert(
                    u32::try_from(writes.len()).expect("a batch is written long before it has 4 GiB"),
                );
                None
            }
        }
    }

    fn clear(&mut self) {
        self.writes.clear();
        self.indexes.clear();
    }
}

/// The count only: values are personal data.
impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Overlay({} writes, {} planned)", self.open.writes.len(), self.planned.writes.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::memory::MemoryStore;
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Put(Vec<u8>, u8),
        Delete(Vec<u8>),
        /// Commits the planned writes, then plans the open ones.
        Plan,
        Commit,
        Abort,
        Get(Vec<u8>),
        Scan(Vec<u8>, Vec<u8>, usize),
    }

    /// At most two bytes of four values, so that keys repeat.
    fn key() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(0_u8..4, 0..=2)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (key(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
            3 => key().prop_map(Step::Delete),
            1 => Just(Step::Plan),
            1 => Just(Step::Commit),
            1 => Just(Step::Abort),
            2 => key().prop_map(Step::Get),
            4 => (key(), key(), 0_usize..8).prop_map(|(from, to, limit)| Step::Scan(from, to, limit)),
        ]
    }

    type Model = BTreeMap<Vec<u8>, Vec<u8>>;

    fn model_scan(model: &Model, from: &[u8], to: &[u8], limit: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let inside = model.iter().filter(|(key, _)| from <= key.as_slice() && key.as_slice() < to);
        inside.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    proptest! {
        #[test]
        fn reads_equal_those_of_a_sorted_map(steps in proptest::collection::vec(step(), 1..80)) {
            let store = MemoryStore::default();
            let mut overlay = Overlay::default();
            let (mut committed, mut planned) = (Model::new(), Model::new());
            let mut model = Model::new();
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        overlay.put(&key, &[value]);
                        model.insert(key, vec![value]);
                    }
                    Step::Delete(key) => {
                        model.remove(&key);
                        overlay.delete(&key);
                    }
                    Step::Plan | Step::Commit => {
                        store.write(&overlay.take_planned()).expect("memory does not fail");
                        committed.clone_from(&planned);
                        if matches!(step, Step::Plan) {
                            overlay.plan();
                            prop_assert!(overlay.is_empty());
                            planned.clone_from(&model);
                        }
                    }
                    Step::Abort => {
                        overlay.clear();
                        model.clone_from(&committed);
                        planned.clone_from(&committed);
                    }
                    Step::Get(key) => {
                        let found = overlay.get(&store, &key).expect("memory does not fail");
                        prop_assert_eq!(found.as_deref(), model.get(&key).map(Vec::as_slice));
                    }
                    Step::Scan(from, to, limit) => {
                        let found = overlay.scan(&store, &from, &to, limit).expect("memory does not fail");
                        prop_assert_eq!(found, model_scan(&model, &from, &to, limit));
                    }
                }
                prop_assert_eq!(store.entries(), committed.clone().into_iter().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_changelog_gets_each_write_once_and_again_if_it_is_replaced() {
        let mut overlay = Overlay::default();
        let mut check = |writes: &[(&str, Option<&str>)], expected: &[(&str, Option<&str>)]| {
            for (key, value) in writes {
                match value {
                    Some(value) => overlay.put(key.as_bytes(), value.as_bytes()),
                    None => overlay.delete(key.as_bytes()),
                }
            }
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            let logged: Vec<_> =
                overlay.take_unlogged().map(|(key, value)| (text(key), value.map(text))).collect();
            let expected: Vec<_> =
                expected.iter().map(|(key, value)| (key.to_string(), value.map(str::to_owned))).collect();
            assert_eq!(logged, expected, "after {writes:?}");
        };
        check(&[("b", Some("1")), ("a", None), ("b", Some("2"))], &[("a", None), ("b", Some("2"))]);
        check(&[], &[]);
        let again = [("a", Some("3")), ("c", Some("4")), ("a", Some("5")), ("c", None)];
        check(&again, &[("a", Some("5")), ("c", None)]);
        check(&[("b", None)], &[("b", None)]);
        overlay.clear();
        assert_eq!(overlay.take_unlogged().count(), 0);
        overlay.put(b"b", b"6");
        assert_eq!(overlay.take_unlogged().count(), 1, "nothing is left of the dropped writes");
        overlay.plan();
        overlay.put(b"b", b"7");
        assert_eq!(overlay.take_unlogged().count(), 1, "nothing is left of the planned writes");
    }

    #[test]
    fn a_batch_holds_the_last_write_of_each_key_in_key_order() {
        let mut overlay = Overlay::default();
        overlay.put(b"b", b"1");
        overlay.delete(b"a");
        overlay.put(b"b", b"2");
        let expected = [(b"a".to_vec(), None), (b"b".to_vec(), Some(b"2".to_vec()))];
        assert_eq!(format!("{overlay:?}"), "Overlay(2 writes, 0 planned)");
        overlay.plan();
        overlay.put(b"c", b"3");
        assert_eq!(format!("{overlay:?}"), "Overlay(1 writes, 2 planned)");
        assert_eq!(overlay.take_planned(), expected.into_iter().collect());
        assert!(!overlay.is_empty());
    }
}
