//! Stored bytes: keys, records and their versions; the store's port, its in-memory twin, and the overlay.
//!
//! Knows no contract and no task. A changelog value is the store value, byte for byte.

mod batch;
mod keys;
mod memory;
mod overlay;
mod records;
mod sealed;
mod store;

pub use batch::WriteBatch;
pub use keys::{Family, StoreKey};
pub use memory::MemoryStore;
pub use overlay::Overlay;
pub use records::{BadRecord, decode_subject, encode_subject, subject_due_at, write_subject};
pub use sealed::{Sealed, open, seal};
pub use store::{Rows, StateStore, StoreError};
