//! The client and the worker against servers that answer well, badly, slowly or not at all.

mod answers;
mod difference;
mod registration;
mod server;
mod worker;

use crate::config::{SchemaRegistry, Sources, load};

/// The settings of a registry at these addresses, with short time-outs. `keys`: lines of `[schema_registry]`.
fn settings(urls: &[String], keys: &[&str]) -> SchemaRegistry {
    let quick = ["connect_timeout_ms=300", "request_timeout_ms=400"];
    let keys = quick.iter().chain(keys).map(|key| format!("schema_registry.{key}"));
    let sets = keys.chain([format!("schema_registry.urls={urls:?}")]).collect();
    load(&Sources { sets, ..Sources::default() }).expect("good settings").config.schema_registry
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// The simplest schema, as the registry stores it and as it answers.
const SCHEMA: &str = r#"{"type":"record","name":"A","fields":[{"name":"a","type":"string"}]}"#;

fn found(more: &str) -> String {
    format!("{{\"schema\":{:?}{more}}}", SCHEMA)
}

fn refusal(code: u32) -> String {
    format!("{{\"error_code\":{code},\"message\":\"no {code}\"}}")
}
