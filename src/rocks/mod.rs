//! The only folder that names RocksDB: the stores of tasks, and the directory that contains them.
//!
//! Decides nothing: the stream thread decides what is written when, and what follows from a damaged store.

mod fault;
mod instance;
#[cfg(test)]
mod scratch;
mod store;

pub(crate) use instance::Instance;
pub(crate) use store::{OPEN_FILES_MAX, OPEN_FILES_MIN, SHARED_BYTES, wipe};
pub use store::{Resources, TaskStore};
