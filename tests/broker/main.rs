//! The whole service as a process against a real Apache Kafka: one broker for this test program, one application
//! (topics, keys, store) for each scenario. Nothing here is skipped: what is missing fails with its remedy.

#![expect(clippy::disallowed_methods, reason = "waiting for another process has a limit in wall time")]

mod harness;

mod bad_input;
mod damage;
mod demo;
mod directory;
mod foreign_clients;
mod instances;
mod keys;
mod locks;
mod main_flow;
mod refusals;
mod reload;
mod repeats;
mod replay;
mod replies;
mod restart;
mod routing;
mod topics;
mod torture;
