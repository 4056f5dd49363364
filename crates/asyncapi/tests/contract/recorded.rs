//! The recorded lines of `tests/corpus`: records, and what each of them brought.

use std::fs;
use std::path::{Path, PathBuf};

use otp_codec::EventSchema;
use otp_topology::otp::ContractName;
use serde_json::Value;

/// A record that was played.
pub(crate) struct Step {
    /// Where it is recorded.
    pub at: String,
    pub input: Value,
    pub outputs: Vec<Value>,
}

impl Step {
    pub(crate) fn topic(&self) -> &str {
        self.input["topic"].as_str().unwrap_or_default()
    }
}

/// Every record of every recording.
pub(crate) fn steps() -> Vec<Step> {
    let mut recordings: Vec<PathBuf> =
        root().join("tests/corpus").read_dir().expect("recordings").flatten().map(|it| it.path()).collect();
    recordings.retain(|path| path.join("input.jsonl").is_file());
    recordings.sort();
    recordings.iter().flat_map(|recording| steps_of(recording)).collect()
}

fn steps_of(recording: &Path) -> Vec<Step> {
    let lines = |file: &str| fs::read_to_string(recording.join(file)).expect("a recording has both files");
    let mut steps: Vec<Step> = Vec::new();
    let mut by_line = std::collections::BTreeMap::new();
    let mut outputs = Vec::new();
    for line in lines("output.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("output is JSON");
        match line["ack"].as_u64() {
            Some(number) => {
                by_line.insert(number, std::mem::take(&mut outputs));
            }
            None => outputs.push(line),
        }
    }
    for (number, line) in (1..).zip(lines("input.jsonl").lines()) {
        let Ok(input) = serde_json::from_str::<Value>(line) else { continue };
        let at = format!("{}/input.jsonl:{number}", recording.display());
        steps.push(Step { at, input, outputs: by_line.remove(&number).unwrap_or_default() });
    }
    steps
}

/// The value of a record, if it is a JSON object.
pub(crate) fn body(record: &Value) -> Option<Value> {
    let value: Value = serde_json::from_str(record["payload"].as_str()?).ok()?;
    value.is_object().then_some(value)
}

pub(crate) fn header<'r>(record: &'r Value, name: &str) -> Option<&'r str> {
    let headers = record["headers"].as_array()?;
    let at = headers.chunks_exact(2).position(|pair| pair[0] == name)?;
    headers[2 * at + 1].as_str()
}

/// The schema of an event. `None`: it is a dead letter, or a record of an internal topic.
pub(crate) fn event_schema(record: &Value, body: &Value) -> Option<EventSchema> {
    let kind = header(record, "ce_type")?.strip_prefix("org.digit.otp.")?.strip_suffix(".v1")?;
    let has = |name: &str| body.get(name).is_some();
    Some(match kind {
        "sms" => EventSchema::Sms,
        "email" if has("sender") => EventSchema::EmailMgramseva,
        "email" => EventSchema::Email,
        "validation-result" => EventSchema::ValidationResult,
        "signal" => EventSchema::Signal,
        "response" => return EventSchema::response_of(contract_of(body)),
        "dead-letter" => return None,
        _ => EventSchema::Lifecycle,
    })
}

/// The contract of a reply, told by what it has.
fn contract_of(reply: &Value) -> ContractName {
    if reply.get("responseInfo").is_some() {
        ContractName::Egov
    } else if reply.get("responsetime").is_some() {
        ContractName::Mosip
    } else {
        ContractName::Int
    }
}

/// Whether a reply says that the request was refused as a whole.
pub(crate) fn is_refusal(reply: &Value) -> bool {
    match contract_of(reply) {
        ContractName::Egov => reply["responseInfo"]["status"] == "failed",
        ContractName::Mosip => !reply["errors"].is_null(),
        ContractName::Int | ContractName::Probe => reply["status"] != 200,
    }
}

/// The schema of the request that a reply belongs to.
pub(crate) fn request_schema(reply: &Value) -> EventSchema {
    EventSchema::request_of(contract_of(reply)).expect("the contract has a schema")
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
