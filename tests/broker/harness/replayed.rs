//! Sends the request log of a scenario through `otp-stream replay`, which must make the same events as the run.
//!
//! Works only if the requests of each subject have one order: each request follows the one before in the same partition, or
//! was produced after the reply to it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::event::Event;
use super::kafka::Tap;
use super::process::otp_stream_reading;
use super::scenario::{PARTITIONS, Scenario};

/// The parts of an event that do not depend on the order of subjects: topic, event id, value.
type EventKey = (String, String, String);

/// Which requests of the log are replayed, and which events are compared.
pub(crate) struct Selection {
    pub requests: fn(&Event) -> bool,
    pub events: fn(&EventKey) -> bool,
}

impl Selection {
    /// All but signals: when a window is told, and what counts in it, depends on the order of subjects.
    pub(crate) const ALL: Self =
        Self { requests: |_| true, events: |(topic, ..)| !topic.ends_with("-signal") };
}

/// Every difference between the events of the replay and the committed events.
pub(crate) fn differences(scenario: &Scenario, selection: &Selection) -> Vec<String> {
    let topics = &scenario.topics;
    let log: Vec<&str> =
        topics.requests_of_all().into_iter().chain([&topics.policies]).map(String::as_str).collect();
    let mut log = Tap::on(&scenario.cluster.bootstrap, &log);
    log.settle(Duration::from_millis(500));
    log.events.retain(selection.requests);
    log.events
        .sort_by_key(|e| (e.topic != topics.policies, e.timestamp, e.topic.clone(), e.partition, e.offset));
    let input: String = log.events.iter().map(|e| line(e) + "\n").collect();
    let partitions = PARTITIONS.to_string();
    let args = ["replay", "--partitions", &partitions, "--reveal"];
    let output = otp_stream_reading(&scenario.configs, &args, &input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");

    let mut counts: BTreeMap<EventKey, i32> = BTreeMap::new();
    for key in text.lines().map(of_line).filter(selection.events) {
        *counts.entry(key).or_default() += 1;
    }
    for key in scenario.tap.events.iter().map(of_event).filter(selection.events) {
        *counts.entry(key).or_default() -= 1;
    }
    let differences = counts.into_iter().filter(|(_, count)| *count != 0);
    differences
        .map(|((topic, id, payload), count)| {
            let side = if count > 0 { "only the replay makes" } else { "only the run made" };
            format!("{side} ({}×) on {topic} {id}: {payload}", count.abs())
        })
        .collect()
}

/// A record in the format of `kcat -J`.
fn line(event: &Event) -> String {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| String::from_utf8_lossy(b).into_owned());
    let headers: Vec<String> = event
        .headers
        .iter()
        .flat_map(|(name, value)| [name.clone(), String::from_utf8_lossy(value).into_owned()])
        .collect();
    json!({
        "topic": event.topic, "partition": event.partition, "offset": event.offset, "ts": event.timestamp,
        "key": text(&event.key), "payload": text(&event.payload), "headers": headers,
    })
    .to_string()
}

fn of_event(event: &Event) -> EventKey {
    let payload = event.payload.as_deref().map(|p| String::from_utf8_lossy(p).into_owned());
    (event.topic.clone(), event.text("ce_id").to_owned(), payload.unwrap_or_default())
}

fn of_line(line: &str) -> EventKey {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let headers = event["headers"].as_array().expect("headers");
    let id = headers.iter().position(|h| h == "ce_id").map(|at| &headers[at + 1]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&event["topic"]), id.map(text).unwrap_or_default(), text(&event["payload"]))
}
