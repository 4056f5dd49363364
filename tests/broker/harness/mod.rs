//! Support for scenarios: a broker, the program as a process, plain Kafka clients, an auditor.

pub mod audit;
pub mod cluster;
pub mod event;
pub mod fold;
pub mod history;
pub mod host;
pub mod kafka;
pub mod process;
pub mod replayed;
pub mod scenario;
pub mod secrets;
pub mod tools;
