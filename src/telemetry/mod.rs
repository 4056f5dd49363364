//! Logs, metrics, health, and the HTTP port that serves metrics and health.
//!
//! Decides nothing about requests. Shows no code, key, phone number or address.

mod counts;
mod health;
mod http;
pub mod log;
mod metrics;

pub use counts::Counts;
pub use health::{Health, PROGRESS_AGE_MAX, SILENCE_MAX, TaskState, ThreadState};
pub use http::Server;
pub use metrics::Metrics;
