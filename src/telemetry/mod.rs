//! Logs, metrics, health, and the HTTP port that serves metrics and health.
//!
//! Decides nothing about requests. Shows no code, key, phone number or address.

mod counts;
mod health;
mod http;
pub(crate) mod log;
mod metrics;
mod repeats;

pub(crate) use counts::Counts;
pub(crate) use health::{Health, PROGRESS_AGE_MAX, SILENCE_MAX, TaskState, ThreadState};
pub(crate) use http::Server;
pub(crate) use metrics::Metrics;
