//! Runs the stream threads: performs their commands on Kafka and RocksDB, and returns the events that answer them.
//!
//! Decides nothing of the protocol: that is `otp_topology::thread`. Wall clock, entropy and shutdown live here.
//!
//! ```text
//! StreamLoop ─── polls the consumer ──▶ Round ──▶ Driver ──▶ StreamThread (the protocol)
//! (one OS thread)                                   │  commands
//!                                                   ├─▶ ProducerCalls ──▶ Committer (one OS thread): ends large transactions
//!                                                   ├─▶ Worker (one OS thread): offsets, restores, purges
//!                                                   ├─▶ Stores
//!                                                   └─▶ Reporter: log lines, metrics, health
//! ```

mod avro;
mod calls;
mod clock;
mod cluster;
mod committer;
mod coverage;
mod driver;
mod inputs;
mod lag_watch;
mod memory;
mod open_files;
mod open_transactions;
mod pacing;
mod producers;
mod progress;
mod reporter;
mod restore;
mod round;
mod scheduling;
mod stores;
mod stream_loop;
mod stream_threads;
mod topic_watch;
mod worker;

pub(crate) use avro::{Avro, AvroTopics};
pub(crate) use clock::{causes, wall};
pub(crate) use cluster::{ClusterFacts, describe, find_read_before};
pub(crate) use lag_watch::LagWatch;
pub(crate) use memory::MemoryDemand;
pub(crate) use open_files::FileDemand;
pub(crate) use open_transactions::OpenTransactions;
pub(crate) use progress::Progress;
pub(crate) use scheduling::wake_without_preempting;
pub(crate) use stores::Stores;
pub(crate) use stream_threads::{Parts, StreamThreads};
pub(crate) use topic_watch::{Sight, TopicWatch};
