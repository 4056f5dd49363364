//! The port to a task's store of bytes.

use std::sync::Arc;

use super::batch::WriteBatch;

/// The store cannot be read or written. The task fails, and decides nothing.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("state store at {place}: {reason}")]
pub struct StoreError {
    /// The directory, or a name if the store has none.
    pub place: String,
    pub reason: String,
}

/// Keys and values, in key order.
pub type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// One task's store: values by key, sorted by key. Reads see committed writes only.
pub trait StateStore {
    /// # Errors
    /// The disk failed, or its contents are damaged.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Rows with `from` ≤ key < `to` in key order, at most `limit`.
    ///
    /// # Errors
    /// As [`StateStore::get`].
    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError>;

    /// Applies the whole batch, or nothing of it.
    ///
    /// # Errors
    /// As [`StateStore::get`]; the store must be reopened and restored.
    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError>;
}

impl<S: StateStore> StateStore for Arc<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.as_ref().get(key)
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        self.as_ref().scan(from, to, limit)
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        self.as_ref().write(batch)
    }
}
