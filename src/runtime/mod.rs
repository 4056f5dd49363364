//! Drives the stream threads: it performs what they command on Kafka and RocksDB, and tells them what came of it.
//!
//! Decides nothing of the protocol: that is `otp_topology::thread`. Wall clock, entropy and shutdown live here.
//!
//! ```text
//! StreamLoop (one OS thread) ── poll ──▶ StreamThread ── commands ──▶ Driver ── Producer, Consumer, stores
//!        ▲                                                              │
//!        ├──────────── answers ◀── Committer (one OS thread) ◀── the end of a large commit, with the Producer
//!        └──────────── answers ◀── Worker (one OS thread) ◀── off the polling path: offsets, ends, restore
//! ```

mod clock;
mod cluster;
mod committer;
mod driver;
mod pace;
mod progress;
mod restore;
mod scheduling;
mod stores;
mod stream_loop;
mod stream_threads;
mod topic_watch;
mod worker;

pub use clock::wall;
pub use cluster::{ClusterFacts, describe};
pub use progress::Progress;
pub use scheduling::wake_without_preempting;
pub use stores::Stores;
pub use stream_threads::{Parts, StreamThreads, ThreadDied};
pub use topic_watch::TopicWatch;
