//! The store's in-memory twin.

use super::store::{StateStore, StoreError, WriteBatch};

#[derive(Clone, Debug, Default)]
pub struct MemoryStore;

impl StateStore for MemoryStore {
    fn get(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        todo!()
    }
    fn scan(&self, _from: &[u8], _to: &[u8], _limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        todo!()
    }
    fn write(&self, _batch: &WriteBatch) -> Result<(), StoreError> {
        todo!()
    }
}
