//! A task's store on the disk of one instance: whole batches, a tail that may be lost, writes that may fail.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use otp_topology::state::{Family, MemoryStore, Rows, StateStore, StoreError, WriteBatch};

/// Batches that a power cut can take back.
const TAIL_MAX: usize = 12;

/// A table of policies that a planted bug reads beside the log.
pub type PolicyTable = Rc<RefCell<BTreeMap<Vec<u8>, Option<Vec<u8>>>>>;

#[derive(Default)]
struct Platter {
    entries: MemoryStore,
    /// What each of the last batches overwrote, newest last.
    undo: RefCell<VecDeque<WriteBatch>>,
    fails: Cell<bool>,
    outside: RefCell<Option<PolicyTable>>,
}

/// A handle of one store; clones share it.
#[derive(Clone, Default)]
pub struct SimStore {
    platter: Rc<Platter>,
}

impl SimStore {
    /// The next write fails, and nothing of it is written.
    pub fn fail_once(&self) {
        self.platter.fails.set(true);
    }

    pub fn read_policies_from(&self, table: PolicyTable) {
        *self.platter.outside.borrow_mut() = Some(table);
    }

    pub fn entries(&self) -> Rows {
        self.platter.entries.entries()
    }

    /// The power fails: the last `batches` are gone, newest first. Returns how many.
    pub fn lose_tail(&self, batches: usize) -> usize {
        let mut undo = self.platter.undo.borrow_mut();
        let lost = batches.min(undo.len());
        for _ in 0..lost {
            let batch = undo.pop_back().expect("counted");
            self.platter.entries.write(&batch).expect("memory does not fail");
        }
        lost
    }

    /// A copy on another disk.
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        let writes = self.entries().into_iter().map(|(key, value)| (key, Some(value))).collect();
        copy.platter.entries.write(&writes).expect("memory does not fail");
        copy
    }
}

impl StateStore for SimStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(table) = self.platter.outside.borrow().as_ref()
            && Family::of(key) == Some(Family::Policy)
        {
            return Ok(table.borrow().get(key).cloned().flatten());
        }
        self.platter.entries.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.platter.entries.scan(from, to, limit)
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        if self.platter.fails.take() {
            return Err(StoreError { place: "the disk".to_owned(), reason: "no space left".to_owned() });
        }
        let mut writes = Vec::with_capacity(batch.len());
        for (key, _) in batch.iter() {
            writes.push((key, self.platter.entries.get(key)?));
        }
        // Undone in reverse, so that the first overwritten value of a key wins.
        writes.reverse();
        let mut undo = self.platter.undo.borrow_mut();
        if undo.len() == TAIL_MAX {
            undo.pop_front();
        }
        undo.push_back(writes.into_iter().collect());
        self.platter.entries.write(batch)
    }
}

/// The stores of one instance, by task.
#[derive(Default)]
pub struct Disk {
    pub stores: BTreeMap<i32, SimStore>,
    /// A copy that somebody keeps.
    pub copies: BTreeMap<i32, SimStore>,
}

impl Disk {
    pub fn store(&mut self, task: i32) -> SimStore {
        self.stores.entry(task).or_default().clone()
    }

    pub fn wipe(&mut self, task: i32) -> SimStore {
        self.stores.remove(&task);
        self.store(task)
    }

    pub fn keep_copy(&mut self) {
        self.copies = self.stores.iter().map(|(task, store)| (*task, store.copy())).collect();
    }

    pub fn put_copy_back(&mut self) -> bool {
        let has_copy = !self.copies.is_empty();
        for (task, copy) in &self.copies {
            self.stores.insert(*task, copy.copy());
        }
        has_copy
    }
}
