//! The stores on the disk of one instance. A power failure can remove the last batches, and a write can fail.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use otp_topology::state::{Family, MemoryStore, Rows, StateStore, StoreError, WriteBatch};

/// Batches that a power failure can remove.
const TAIL_BATCHES_MAX: usize = 12;

/// Policies that a planted bug reads instead of the store.
pub(crate) type PolicyTable = Rc<RefCell<BTreeMap<Vec<u8>, Option<Vec<u8>>>>>;

#[derive(Default)]
struct StoreData {
    entries: MemoryStore,
    /// The values that each of the last batches overwrote, newest batch last.
    undo: RefCell<VecDeque<WriteBatch>>,
    fails: Cell<bool>,
    policies: RefCell<Option<PolicyTable>>,
}

/// A handle of one store; clones share it.
#[derive(Clone, Default)]
pub(crate) struct SimStore {
    data: Rc<StoreData>,
}

impl SimStore {
    /// Makes the next write fail without any effect.
    pub(crate) fn fail_once(&self) {
        self.data.fails.set(true);
    }

    pub(crate) fn read_policies_from(&self, table: PolicyTable) {
        *self.data.policies.borrow_mut() = Some(table);
    }

    pub(crate) fn entries(&self) -> Rows {
        self.data.entries.entries()
    }

    /// A power failure: removes the last `batches` batches.
    pub(crate) fn lose_tail(&self, batches: usize) {
        let mut undo = self.data.undo.borrow_mut();
        let kept = undo.len().saturating_sub(batches);
        for batch in undo.drain(kept..).rev() {
            self.data.entries.write(&batch).expect("memory does not fail");
        }
    }

    /// A copy on another disk.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        let writes = self.entries().into_iter().map(|(key, value)| (key, Some(value))).collect();
        copy.data.entries.write(&writes).expect("memory does not fail");
        copy
    }
}

impl StateStore for SimStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(table) = self.data.policies.borrow().as_ref()
            && Family::of(key) == Some(Family::Policy)
        {
            return Ok(table.borrow().get(key).cloned().flatten());
        }
        self.data.entries.get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.data.entries.scan(from, to, limit)
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        if self.data.fails.take() {
            return Err(StoreError { place: "the disk".to_owned(), reason: "no space left".to_owned() });
        }
        let mut writes = Vec::with_capacity(batch.len());
        for (key, _) in batch.iter() {
            writes.push((key, self.data.entries.get(key)?));
        }
        // Undo runs in reverse order, so that the oldest value of a key is written last.
        writes.reverse();
        let mut undo = self.data.undo.borrow_mut();
        if undo.len() == TAIL_BATCHES_MAX {
            undo.pop_front();
        }
        undo.push_back(writes.into_iter().collect());
        self.data.entries.write(batch)
    }
}

/// The stores of one instance, by task.
#[derive(Default)]
pub(crate) struct Disk {
    pub stores: BTreeMap<i32, SimStore>,
    /// A backup of the stores.
    pub backup: BTreeMap<i32, SimStore>,
}

impl Disk {
    pub(crate) fn store(&mut self, task: i32) -> SimStore {
        self.stores.entry(task).or_default().clone()
    }

    pub(crate) fn wipe(&mut self, task: i32) -> SimStore {
        self.stores.remove(&task);
        self.store(task)
    }

    pub(crate) fn back_up(&mut self) {
        self.backup = self.stores.iter().map(|(task, store)| (*task, store.copy())).collect();
    }

    pub(crate) fn restore_backup(&mut self) {
        for (task, copy) in &self.backup {
            self.stores.insert(*task, copy.copy());
        }
    }
}
