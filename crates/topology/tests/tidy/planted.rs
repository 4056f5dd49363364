//! Planted violations: each rule finds its own, and leaves good code alone.

use super::violations;

/// `expected` holds line and rule of each violation.
fn check(path: &str, text: &str, expected: &[(usize, &str)]) {
    let found = violations(path, text);
    let found: Vec<(usize, &str)> = found.iter().map(|it| (it.line, it.rule)).collect();
    assert_eq!(found, expected, "{path}:\n{text}");
}

/// A file below a first line that is as it should be.
fn check_body(path: &str, body: &str, expected: &[(usize, &str)]) {
    check(path, &format!("//! Doc.\n{body}"), expected);
}

const WIRE: &str = "crates/topology/src/wire/json.rs";
const OTP: &str = "crates/topology/src/otp/verify.rs";
const STATE: &str = "crates/topology/src/state/keys.rs";
const RUNTIME: &str = "src/runtime/clock.rs";

#[test]
fn rooms_name_only_the_rooms_below_them() {
    check_body(WIRE, "use crate::otp::LogTime;", &[]);
    check_body(WIRE, "use crate::wire::record;", &[]);
    check_body(WIRE, "use crate::state::Overlay;", &[(2, "rooms")]);
    check_body(OTP, "use crate::wire::json::Json;", &[(2, "rooms")]);
    check_body(STATE, "use crate::{otp::LogTime, wire::json};", &[]);
    check_body(
        STATE,
        "use crate::{\n    otp::{LogTime, Keys},\n    contract::{a, b::{c, d}},\n    text,\n};",
        &[(4, "rooms"), (4, "rooms"), (4, "rooms"), (5, "rooms")],
    );
    check_body(OTP, "fn f() {\n    crate::wire::murmur2::murmur2(b\"\");\n}", &[(3, "rooms")]);
    check_body(OTP, "pub use crate::thread;", &[(2, "rooms")]);
    check_body("crates/topology/src/lib.rs", "use crate::thread::X;", &[]);
    check_body("crates/topology/src/task/mod.rs", "use crate::contract::X;", &[]);
    check_body("crates/topology/src/cellar/mod.rs", "use crate::contract::X;", &[(2, "rooms")]);
}

#[test]
fn super_is_followed_out_of_a_room() {
    check_body(OTP, "use super::subject::Subject;", &[]);
    check_body(OTP, "use super::super::wire::json;", &[(2, "rooms")]);
    check_body(OTP, "mod tests {\n    use super::super::wire;\n}", &[]);
    check_body(OTP, "mod tests {\n    use super::super::super::wire::json;\n}", &[(3, "rooms")]);
    check_body(OTP, "mod tests {}\nuse super::super::wire::json;", &[(3, "rooms")]);
    check_body("crates/topology/src/otp/mod.rs", "use super::wire::json;", &[(2, "rooms")]);
    check_body("crates/topology/src/otp/issue_tests.rs", "use super::super::wire::json;", &[]);
    check_body(
        "crates/topology/src/otp/issue_tests.rs",
        "use super::super::super::wire::x;",
        &[(2, "rooms")],
    );
}

#[test]
fn edges_have_one_direction_too() {
    check_body("src/cli/run.rs", "use crate::runtime::Clock;\nuse otp_topology::thread::X;", &[]);
    check_body(RUNTIME, "use crate::kafka::Consumer;", &[]);
    check_body(RUNTIME, "use crate::cli::Run;", &[(2, "rooms")]);
    check_body("src/kafka/mod.rs", "use crate::runtime::Clock;", &[(2, "rooms")]);
    check_body("src/kafka/mod.rs", "use crate::rocks::Store;", &[(2, "rooms")]);
    check_body("src/config/mod.rs", "use crate::telemetry::Log;", &[(2, "rooms")]);
}

#[test]
fn one_folder_names_a_client_library() {
    check_body("src/kafka/producer.rs", "use rdkafka::config::ClientConfig;", &[]);
    check_body("src/rocks/store.rs", "use rocksdb::{DB, Options};", &[]);
    check_body(RUNTIME, "use rdkafka::config::ClientConfig;", &[(2, "one folder")]);
    check_body(RUNTIME, "use rdkafka_sys as sys;", &[(2, "one folder")]);
    check_body(RUNTIME, "fn f() { rocksdb::DB::open() }", &[(2, "one folder")]);
    check_body("src/kafka/mod.rs", "use rocksdb::DB;", &[(2, "one folder")]);
    check_body("src/registry/client.rs", "use schema_registry_converter::error::SRCError;", &[]);
    check_body(RUNTIME, "use schema_registry_converter::error::SRCError;", &[(2, "one folder")]);
    check_body("src/config/mod.rs", "use reqwest::Url;", &[(2, "one folder")]);
    check_body("src/kafka/mod.rs", "use reqwest_middleware::Middleware;", &[(2, "one folder")]);
    check_body(RUNTIME, "// rdkafka::config\nconst A: &str = \"rocksdb::DB\";", &[]);
    check_body("tests/broker/main.rs", "use rdkafka::config::ClientConfig;", &[]);
}

#[test]
fn the_pure_package_touches_nothing() {
    check_body(WIRE, "use std::fs;", &[(2, "pure")]);
    check_body("crates/codec/src/gate.rs", "use std::fs;", &[(2, "pure")]);
    check_body("crates/codec/src/gate.rs", "use apache_avro::Schema;", &[]);
    check_body(WIRE, "use std::{fmt, net::TcpStream};", &[(2, "pure")]);
    check_body(WIRE, "fn f() { std::time::Instant::now(); }", &[(2, "pure")]);
    check_body(WIRE, "use std::time::Duration;", &[]);
    check_body(WIRE, "use rand::rngs::SysRng;", &[(2, "pure")]);
    check_body(RUNTIME, "use std::fs;", &[]);
}

#[test]
fn files_have_a_size() {
    check_body(WIRE, &"const A: u8 = 1;\n".repeat(499), &[]);
    check_body(WIRE, &"const A: u8 = 1;\n".repeat(500), &[(501, "file size")]);
}

#[test]
fn a_file_says_what_it_is() {
    check(WIRE, "//! Doc.\n", &[]);
    check(WIRE, "", &[(1, "module doc")]);
    check(WIRE, "// Doc.\n", &[(1, "module doc")]);
    check(WIRE, "use std::fmt;\n//! Doc.\n", &[(1, "module doc")]);
}

#[test]
fn nothing_is_left_for_later() {
    check_body(WIRE, concat!("// TO", "DO: more"), &[(2, "left for later")]);
    check_body(WIRE, concat!("/* FIX", "ME */"), &[(2, "left for later")]);
    check_body(WIRE, "fn todo_list() {}", &[]);
}

#[test]
fn names_say_something() {
    check_body("src/runtime/utils.rs", "", &[(1, "empty name")]);
    check_body(RUNTIME, "mod helpers;", &[(2, "empty name")]);
    check_body(RUNTIME, "pub struct Context;", &[(2, "empty name")]);
    check_body(RUNTIME, "pub struct TaskContext;\nuse std::error::Error;", &[]);
}

#[test]
fn there_are_no_emoji() {
    check_body(WIRE, "// fine \u{1f600}", &[(2, "emoji")]);
    check_body(WIRE, "// \u{26a0}", &[(2, "emoji")]);
    check_body(WIRE, "// a → b ▶ c ≤ d … é ✓", &[]);
}

#[test]
fn a_message_names_file_line_rule_and_remedy() {
    let found = violations(OTP, "//! Doc.\nuse crate::wire::json;\n");
    assert_eq!(
        found[0].to_string(),
        "crates/topology/src/otp/verify.rs:2: rooms: `otp` names no other room, not `wire`: pass the value in as an \
         argument, or move the type down to a room that both name"
    );
}
