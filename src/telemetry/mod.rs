//! What operators see: logs, metrics and the state of health, and the port that serves them.
//!
//! Decides nothing about requests, and shows no code, key, phone number or address.

pub mod counts;
pub mod health;
pub mod http;
pub mod log;
pub mod metrics;
mod process;

pub use counts::Counts;
pub use health::{Health, TaskState, ThreadState};
pub use http::{HttpError, Server};
pub use metrics::Metrics;
