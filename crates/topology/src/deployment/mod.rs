//! One deployment: its settings, its topics, and the topology that both give on one cluster.
//!
//! Reads no record and keeps no state.
//!
//! ```text
//! Settings (read from the configuration) ─┬─▶ topics: which exist, and what each needs
//!                                         └─▶ Topology, with the keys and the cluster's facts: what the tasks share
//! ```

mod change;
mod settings;
pub mod topics;
mod topology;

pub use change::TopicChange;
pub use settings::{CallerSettings, Settings};
pub use topics::{Broadcast, SourceKind, TopicNames, fitting_cluster};
pub use topology::{Incarnation, Output, Source, TopicFacts, Topology, TopologyError, coordinates};
