//! The only folder that names RocksDB: the stores of tasks, and the directory that contains them.
//!
//! Decides nothing: the stream thread decides what is written when, and what follows from a damaged store.

mod instance;
#[cfg(test)]
mod scratch;
mod store;

pub(crate) use instance::Instance;
pub(crate) use store::wipe;
pub use store::{Memory, TaskStore};
