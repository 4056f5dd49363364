//! MOSIP, row by row (docs/contracts/mosip.md).

mod abuse;
mod clients;
mod envelope;
mod identities;
mod login;
mod otpmanager;
mod recipients;
mod sendotp;
mod texts;

use otp_topology::otp::ContractName;
use serde_json::{Value, json};

use crate::desk::{Desk, Plan, Seen};

const START: u64 = 1_700_000_000_000;

/// The default caller of this contract, who sees codes.
fn desk() -> Desk {
    with(json!({}), "{}")
}

fn with_policy(policy: &str) -> Desk {
    with(json!({}), policy)
}

fn with(sections: Value, policy: &str) -> Desk {
    Desk::new(Plan { sections, policy, ..Plan::of(ContractName::Mosip, true) })
}

/// A request of an operation, by the last part of its id, with these members.
fn request(operation: &str, members: &str) -> String {
    let group = if matches!(operation, "generate" | "validate") { "otp" } else { "authentication" };
    format!(r#"{{"id":"mosip.{group}.{operation}","version":"1.0","request":{members}}}"#)
}

/// Asks at a distance from the start, in milliseconds.
fn ask(desk: &mut Desk, offset_ms: u64, operation: &str, members: &str) -> Seen {
    desk.ask(START + offset_ms, &request(operation, members))
}

/// What a reply says: `status message` of its response, or the codes of its errors.
fn says(seen: &Seen) -> String {
    let reply: Value = serde_json::from_str(&seen.reply).expect("a reply");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match (&reply["response"], &reply["errors"]) {
        (Value::Null, Value::Array(errors)) => {
            errors.iter().map(|error| text(&error["errorCode"])).collect::<Vec<_>>().join(" ")
        }
        (response, Value::Null) => {
            let message = if response["message"].is_null() { &response["otp"] } else { &response["message"] };
            format!("{} {}", text(&response["status"]), text(message))
        }
        (response, errors) => panic!("{response} {errors}"),
    }
}

fn errors(seen: &Seen) -> Vec<(String, String)> {
    let reply: Value = serde_json::from_str(&seen.reply).expect("a reply");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let errors = reply["errors"].as_array().expect("errors");
    errors.iter().map(|error| (text(&error["errorCode"]), text(&error["message"]))).collect()
}
