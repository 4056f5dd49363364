//! The pure topology: it computes values from values.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or touches a disk. Neither librdkafka nor RocksDB
//! is among the dependencies. The rooms and who may name whom:
//!
//! ```text
//! thread → task → deployment → contract → { otp, text, wire, state }        state → { otp, wire }
//! ```
//!
//! The whole topology runs in memory, without a broker. A request goes in, and what was committed comes out:
//!
//! ```
//! use std::sync::Arc;
//!
//! use otp_topology::otp::LogTime;
//! use otp_topology::thread::in_memory::{Fed, InMemory};
//! use otp_topology::wire::record::SourcePartition;
//!
//! let topology = Arc::new(otp_topology::testing::topology(1));
//! let now = LogTime::from_ms(1_735_689_600_000);
//! let mut service = InMemory::start(topology.clone(), now);
//!
//! let body = br#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":"9123456789","type":"login"}}"#;
//! let topic = topology.source_named("requests").expect("the fixtures have this topic");
//! let source = SourcePartition { topic, partition: 0 };
//! let request = Fed { source, offset: 0, time: now, key: None, value: Some(body.to_vec()), headers: vec![] };
//!
//! let committed = service.feed(&request, now);
//! let topics: Vec<_> = committed.iter().map(|record| topology.output(record.topic).name.as_str()).collect();
//! assert_eq!(topics[..3], ["sms", "lifecycle", "replies"]);
//! ```
//!
//! `testing` holds fixtures behind the feature of that name; a deployment builds its own
//! [`Topology`](deployment::Topology) from its settings, its keys and the facts of its cluster.

pub mod contract;
pub mod deployment;
pub mod otp;
pub mod state;
pub mod task;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod text;
pub mod thread;
pub mod wire;
