//! A deterministic simulation of the service: the production stream threads, tasks and contracts run on a broker, disks
//! and clocks in memory, which fail in every known way. The seed decides everything: the same seed gives the same run.
//!
//! ```text
//! plan (seed) ─▶ run: appends records, injects faults, lets one process act per step
//!                  │                                       audits every outcome
//!                  ▼                                               │
//!   process: StreamThread + driver + consumer ─▶ broker ─────▶ auditor ─▶ reference: the same records one by one
//!                  └──────▶ disk ─────────────────────────────────┘
//! ```
//!
//! Knows no Kafka client and no RocksDB. The tests on a real broker find what those do wrong.

mod auditor;
mod bent;
mod broker;
mod disk;
mod driver;
mod faults;
mod house;
pub mod minimise;
mod names;
pub mod oracle;
pub mod plan;
pub mod planted;
mod process;
mod records;
mod refusals;
mod reports;
mod run;
mod schemas;
pub mod seeds;
mod trace;
mod truncation;
mod worker;
mod workload;
mod world;

pub use run::{Deployments, End, RunResult, run};
