//! The edges of the one-time-password processor: everything that touches the world.
//!
//! The rules live in `otp-topology`, which knows none of this.

pub mod cli;
pub mod config;
pub mod kafka;
pub mod rocks;
pub mod runtime;
pub mod telemetry;
