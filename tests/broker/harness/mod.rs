//! Support for scenarios: a broker, the program as a process, plain Kafka clients, an auditor.

pub(crate) mod administrator;
pub(crate) mod audit;
pub(crate) mod avro;
pub(crate) mod cluster;
pub(crate) mod disk;
pub(crate) mod event;
pub(crate) mod fold;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod kafka;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod relay;
pub(crate) mod replayed;
pub(crate) mod rights;
pub(crate) mod scenario;
pub(crate) mod secrets;
pub(crate) mod tools;
