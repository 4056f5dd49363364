//! The databases of this process, shared by its stream threads. A task that moves from one thread to another keeps its handle.
//!
//! Knows nothing of what is stored.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use otp_topology::state::{LocalKey, StoreError};

use crate::rocks::{Instance, Resources, TaskStore, wipe};

/// Shared by the thread that reads and writes, and the worker that restores.
pub(super) type TaskHandle = Arc<TaskStore>;

/// Databases that are opened at the same time.
const OPENED_TOGETHER_MAX: usize = 8;

pub(crate) struct Stores {
    instance: Instance,
    resources: Resources,
    open: Mutex<HashMap<i32, TaskHandle>>,
}

impl Stores {
    /// In the directory of an instance, whose lock keeps other processes out.
    pub(crate) fn new(instance: Instance, resources: Resources) -> Self {
        Self { instance, resources, open: Mutex::default() }
    }

    /// Checks that the state was made for this partition count. A blank directory fits any count. Only one store is read,
    /// because all stores of one application have the same count. A store that cannot be read fails its task later.
    ///
    /// # Errors
    /// Another count; the text names the remedy.
    pub(crate) fn check_partitions(&self, count: i32) -> Result<(), StoreError> {
        let task = self.instance.tasks().ok().and_then(|tasks| tasks.first().copied());
        let store = task.and_then(|task| self.open(task).ok());
        let made_for = store.and_then(|store| LocalKey::Partitions.read_number(&store).ok().flatten());
        match made_for {
            Some(made_for) if made_for != i64::from(count) => Err(StoreError {
                place: self.instance.task_directory(task.unwrap_or_default()).display().to_string(),
                reason: format!(
                    "the state was made for {made_for} partitions and the changelog has {count}: the count never \
                     changes under one application id; choose a new application.id and new internal topics"
                ),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// # Errors
    /// The database cannot be opened; the text names the directory and the remedy.
    pub(crate) fn open(&self, task: i32) -> Result<TaskHandle, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(&task) {
            return Ok(store.clone());
        }
        let store = Arc::new(TaskStore::open(&self.instance.task_directory(task), &self.resources)?);
        open.insert(task, store.clone());
        Ok(store)
    }

    /// Opens databases at the same time, because each waits for the disk. One that cannot be opened says so when it is opened
    /// alone.
    pub(crate) fn open_together(&self, tasks: &BTreeSet<i32>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let closed: Vec<i32> = tasks.iter().copied().filter(|task| !open.contains_key(task)).collect();
        for tasks in closed.chunks(OPENED_TOGETHER_MAX) {
            let store = |task| TaskStore::open(&self.instance.task_directory(task), &self.resources);
            let stores: Vec<_> = std::thread::scope(|scope| {
                let openings: Vec<_> = tasks.iter().map(|task| scope.spawn(move || store(*task))).collect();
                openings.into_iter().map(|it| it.join().expect("opening a store does not panic")).collect()
            });
            let opened = tasks.iter().zip(stores);
            open.extend(opened.filter_map(|(task, store)| Some((*task, Arc::new(store.ok()?)))));
        }
    }

    /// Deletes a task's database and opens a blank one. No other handle of it may exist.
    ///
    /// # Errors
    /// As [`Stores::open`].
    pub(crate) fn wipe(&self, task: i32) -> Result<TaskHandle, StoreError> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
        wipe(&self.instance.task_directory(task))?;
        self.open(task)
    }

    /// Closes a database whose last write failed, so that the next open reads from the disk.
    pub(crate) fn close(&self, task: i32) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&task);
    }
}
