//! One deployment: its settings, its topics, and the topology that both give on one cluster.
//!
//! Reads no record and keeps no state.
//!
//! ```text
//! Settings (read from the configuration) ─┬─▶ topics: which exist, and what each needs
//!                                         └─▶ Topology, with the keys and the cluster's facts: what the tasks share
//! ```

mod change;
mod policy_records;
mod records;
mod settings;
pub mod topics;
mod topology;

pub use change::TopicChange;
pub use policy_records::PolicyRecords;
pub use records::{POLICY_KEY, RecordFault, TEMPLATE_KEY, check_client, check_policy, check_template};
pub use settings::{CallerSettings, Format, Settings, SignalSettings};
pub use topics::{Broadcast, SourceKind, TopicNames, fitting_cluster};
pub use topology::{
    Incarnation, Output, SignalOutput, Source, TopicFacts, Topology, TopologyError, coordinates,
};
