//! The edges of the one-time-password processor: Kafka, RocksDB, clock, files, network, command line.
//!
//! Knows no rules: they are in `otp-topology`, which knows none of this. The program calls [`main`]. Everything else is
//! private, except for what the tests and benchmarks of this repository use.

mod cli;
mod config;
mod kafka;
mod registry;
mod rocks;
mod runtime;
mod telemetry;

pub use cli::main;

/// Items for the package `otp-bench`. Not a stable interface.
pub mod bench {
    pub use crate::cli::bench::{caller, clock, process, progress, requests};
    pub use crate::config::{Config, Sources, load as load_config};
    pub use crate::kafka::{
        Consumer, Group, NewTopic, Poll, Producer, Properties, RevokeHook, Seen, Sender, Tail, ToSend,
        TopicOutcome,
    };
}

/// Items for the tests against a broker. Not a stable interface.
pub mod testing {
    pub use crate::config::{Config, Sources, load as load_config};
    pub use crate::registry::{Registration, Subject, Worker};
    pub use crate::rocks::{Resources, TaskStore};
}
