//! Uncommitted writes over committed reads.

use super::store::{StateStore, StoreError, WriteBatch};

/// The writes of an open transaction. Reads see them over the store; a commit turns them into one batch.
#[derive(Clone, Debug, Default)]
pub struct Overlay;

impl Overlay {
    pub fn is_empty(&self) -> bool {
        todo!()
    }
    pub fn put(&mut self, _key: Vec<u8>, _value: Vec<u8>) {
        todo!()
    }
    pub fn delete(&mut self, _key: Vec<u8>) {
        todo!()
    }
    /// # Errors
    /// The store cannot be read.
    pub fn get<'a>(
        &'a self,
        _store: &impl StateStore,
        _key: &[u8],
    ) -> Result<Option<std::borrow::Cow<'a, [u8]>>, StoreError> {
        todo!()
    }
    /// The merged view; same contract as [`StateStore::scan`].
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn scan(
        &self,
        _store: &impl StateStore,
        _from: &[u8],
        _to: &[u8],
        _limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        todo!()
    }
    /// All writes, key by key; `None` deletes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        std::iter::empty()
    }
    /// Takes the writes as one batch, and leaves the overlay empty.
    pub fn take(&mut self) -> WriteBatch {
        todo!()
    }
    pub fn clear(&mut self) {
        todo!()
    }
}
