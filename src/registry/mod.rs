//! The schema registry: a client of its Confluent API, the registration of this service's schemas, and a worker that stream
//! threads ask without waiting.
//!
//! Knows schemas as texts only: it neither encodes nor decodes a record, and decides nothing about one.
//!
//! ```text
//! stream thread ── schema_of(id) ──▶ Worker ──▶ Client ──▶ Judge ──▶ first url, next url, …
//!        ▲                             │          (one thread, no hurry: pauses of 1 to 30 s while nobody answers)
//!        └── Found, NotFound, Pending ─┘
//! ```
//!
//! An answer is definite, or it is none. "No such schema" is definite only with the registry's own error code. A page of a
//! proxy, a server error, silence, a redirect, an answer that is too long or is no JSON say nothing about a schema.

mod client;
mod difference;
mod fault;
mod http;
mod judge;
mod registration;
mod rest;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use client::Client;
pub use registration::Subject;
pub(crate) use registration::{Standing, Trouble, compare, register};
pub use worker::{Registration, Worker};

/// Runs requests to their end on this thread. For commands, which have nothing else to do meanwhile.
///
/// # Errors
/// The system gives no event queue.
pub(crate) fn wait<F: Future>(requests: F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let output = runtime.block_on(requests);
    // A name that is being resolved cannot be interrupted.
    runtime.shutdown_background();
    Ok(output)
}
