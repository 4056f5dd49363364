//! The whole service as a process against a real Apache Kafka: one broker for this test program, one application (topics,
//! keys, store) for each scenario.
//!
//! No test is skipped: if Kafka, the schema registry, Java or kcat is missing, the test fails and names the remedy.

#![expect(clippy::disallowed_methods, reason = "waiting for another process is limited in wall time")]

mod harness;

mod abuse;
mod administration;
mod authentication;
mod avro;
mod bad_input;
mod clock;
mod cut_logs;
mod damage;
mod dead_letter_topic;
mod demo;
mod directory;
mod examples;
mod foreign_clients;
mod instances;
mod keys;
mod locks;
mod machine;
mod main_flow;
mod outage;
mod partitions;
mod readiness;
mod refusals;
mod reload;
mod repeats;
mod replay;
mod replies;
mod restart;
mod routing;
mod schema_registry;
mod signals;
mod topics;
mod torture;
