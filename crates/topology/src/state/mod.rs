//! The bytes in a task's store: keys, values and their versions. Also the port to a store, a store in memory, and the
//! overlay of uncommitted writes.
//!
//! Knows no contract and no task. A changelog record has the key and the value of the store entry, byte for byte.

mod barrier;
mod batch;
mod budget;
mod error;
mod keys;
mod local;
mod memory;
mod number;
mod overlay;
mod position;
mod reply;
mod sealed;
mod signal;
mod store;
mod subject;

pub use barrier::{BARRIER_SET, barrier_arrived_key, barrier_sent_key};
pub use batch::WriteBatch;
pub use budget::{BudgetKey, StoredHour, decode_budget};
pub use error::BadRecord;
pub use keys::{Family, StoreKey};
pub use local::LocalKey;
pub use memory::MemoryStore;
pub use number::{NumberHour, decode_number_key, number_key};
pub use overlay::Overlay;
pub use position::{InputPath, StoredPosition, decode_position_key, position_key};
pub use reply::StoredReply;
pub use sealed::{CannotOpen, open, seal};
pub use signal::{SIGNAL_KINDS, SignalKey, SignalRow, SignalScope, SignalWindow, decode_signal};
pub use store::{Rows, StateStore, StoreError};
pub use subject::{decode_subject, encode_subject, subject_due_at, write_subject};
