//! The only room that names RocksDB: the stores of tasks, and the directory they lie in.
//!
//! Decides nothing: what is written when, and what a damaged store means, is the stream thread's business.

mod instance;
#[cfg(test)]
mod scratch;
mod store;

pub use instance::{Instance, InstanceError, InstanceId};
pub use store::{Memory, TaskStore, wipe};
