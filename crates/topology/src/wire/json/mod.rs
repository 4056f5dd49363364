//! JSON with limits: the tree of a request, its reader, and the writer of events and replies.
//!
//! Knows no contract: the contracts decide which members an object must have, and of which types.
//!
//! ```text
//! bytes ─▶ parse_object (reader) ─▶ Json (tree)          Object, WriteJson (writer) ─▶ bytes
//! ```

mod reader;
#[cfg(test)]
mod tests;
mod tree;
pub mod writer;

pub use reader::{LEN_MAX, parse_object};
pub use tree::{Json, JsonError, Names, Number};
