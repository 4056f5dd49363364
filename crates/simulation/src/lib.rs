//! A deterministic simulation of the service: production stream threads, tasks and contracts on a broker, disks and
//! clocks in memory that fail in every way known. One seed decides everything; the same seed gives the same run.
//!
//! ```text
//! plan (seed) ─▶ world: load, faults, who acts when
//!                  │ steps                                   judges every outcome
//!                  ▼                                               │
//!   process: StreamThread + driver + consumer ─▶ broker ─────▶ auditor ─▶ reference: the same records one by one
//!                  └──────▶ disk ─────────────────────────────────┘
//! ```
//!
//! Knows no Kafka client and no RocksDB: what those do wrong, the tests on a real broker find.

mod auditor;
mod broker;
mod cut;
mod disk;
mod driver;
mod faults;
pub mod fleet;
mod house;
pub mod minimise;
pub mod oracle;
pub mod plan;
pub mod planted;
mod process;
mod trace;
mod worker;
mod workload;
mod world;

pub use world::{Houses, Outcome, run};
