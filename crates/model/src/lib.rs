//! The model: what the contract says about tries, locks, budgets and answers, written a second time, for tests alone.
//!
//! It shares no code with the service: this package depends on nothing of it. It derives no code and no id: it takes them
//! from what a citizen or a caller sees. It judges no text, no number rule and no transport header; tables of rows do.
//!
//! ```text
//! property tests of otp ── send, verify, … ──▶ Subject ──▶ what must come out
//! simulation ── request, what was published ──▶ Home ──▶ Subject ──▶ right, or what differs
//! ```

mod client;
mod clock;
mod egov;
mod expected;
mod home;
mod int;
mod mosip;
mod numbers;
mod policies;
mod published;
mod replies;
mod request;
mod rules;
mod subject;
mod verify;
mod window;

pub use client::Client;
pub use clock::Clock;
pub use home::Home;
pub use numbers::Numbers;
pub use published::{Published, Stream};
pub use request::{Caller, Contract, Request};
pub use rules::Rules;
pub use subject::{Sent, Subject, Way};
pub use verify::Verified;

/// Milliseconds: of log time since the Unix epoch, or a length of time.
pub type Ms = u64;
