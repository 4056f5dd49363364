//! The interface for machines: JSON Schema of every event and request, an AsyncAPI document, and a page for people made of
//! it.
//!
//! Pure: no I/O, no clock. Decides nothing: topics come from the table of the topology, schemas from the codec, examples from
//! a recording that a test replays.
//!
//! ```text
//! schemas/*.avsc ─▶ json_schema ─┐
//! schemas/*.json ─▶ feeds ───────┤
//! tests/corpus/reference ─▶ examples ─▶ messages ─▶ channels, operations ─▶ document ─▶ YAML, page
//! table of topics, callers ──────────────────────────────┘
//! ```

mod channels;
mod document;
mod examples;
pub mod feeds;
mod headers;
mod json_schema;
mod messages;
mod operations;
mod page;
mod servers;
mod tree;

pub use document::{Deployment, document, yaml};
pub use json_schema::{DIALECT, json_schema};
pub use messages::name_of;
pub use page::page;
pub use tree::Tree;
