//! The recorded lines of `tests/corpus`: what every contract was asked, and what it published.

use std::path::Path;

use otp_codec::EventSchema;
use serde_json::{Map, Value};

/// One record.
pub(crate) struct Line {
    /// Where it is recorded.
    pub at: String,
    pub schema: EventSchema,
    pub body: String,
}

/// Every event that has a schema.
pub(crate) fn events() -> Vec<Line> {
    lines("output.jsonl", event_schema)
}

/// Every request that is a JSON object.
pub(crate) fn requests() -> Vec<Line> {
    lines("input.jsonl", |line, body| {
        let topic = line["topic"].as_str().unwrap_or_default();
        topic.contains("request").then(|| request_schema(body))
    })
}

fn lines(file: &str, schema: impl Fn(&Value, &Map<String, Value>) -> Option<EventSchema>) -> Vec<Line> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut lines = Vec::new();
    let mut recordings: Vec<_> =
        corpus.read_dir().expect("recordings").flatten().map(|it| it.path()).collect();
    recordings.sort();
    for path in recordings.iter().map(|recording| recording.join(file)).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&path).expect("a recording");
        for (number, line) in text.lines().enumerate() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            let Some(body) = line["payload"].as_str() else { continue };
            let Ok(Value::Object(members)) = serde_json::from_str(body) else { continue };
            let Some(schema) = schema(&line, &members) else { continue };
            let at = format!("{}:{}", path.display(), number + 1);
            lines.push(Line { at, schema, body: body.to_owned() });
        }
    }
    lines
}

fn event_schema(line: &Value, body: &Map<String, Value>) -> Option<EventSchema> {
    let headers = line["headers"].as_array()?;
    let at = headers.iter().position(|name| name == "ce_type")?;
    let kind = headers[at + 1].as_str()?.strip_prefix("org.digit.otp.")?.strip_suffix(".v1")?;
    let has = |name: &str| body.contains_key(name);
    Some(match kind {
        "sms" => EventSchema::Sms,
        "email" if has("sender") => EventSchema::EmailMgramseva,
        "email" => EventSchema::Email,
        "validation-result" => EventSchema::ValidationResult,
        "signal" => EventSchema::Signal,
        "response" if has("responseInfo") => EventSchema::EgovResponse,
        "response" if has("responsetime") => EventSchema::MosipResponse,
        "response" => EventSchema::IntResponse,
        "dead-letter" => return None,
        _ => EventSchema::Lifecycle,
    })
}

fn request_schema(body: &Map<String, Value>) -> EventSchema {
    let has = |name: &str| body.contains_key(name);
    if has("operationType") || has("startTime") {
        EventSchema::IntRequest
    } else if has("id") || has("request") {
        EventSchema::MosipRequest
    } else {
        EventSchema::EgovRequest
    }
}
