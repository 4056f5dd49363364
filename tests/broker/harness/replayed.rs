//! The request log once more through the rules, in memory: `otp-stream replay` must make the events that the run made.
//!
//! Fits what a scenario asked if the requests of one subject have one order: each lies behind the one before in the same
//! partition, or was asked after the answer to it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::event::Event;
use super::kafka::Tap;
use super::process::otp_stream_reading;
use super::world::{PARTITIONS, World};

/// What does not depend on the interleaving of subjects: topic, event id, value.
type Essence = (String, String, String);

/// The records of the log that count, and the events that came of them.
pub struct Chosen {
    pub requests: fn(&Event) -> bool,
    pub events: fn(&Essence) -> bool,
}

impl Chosen {
    pub const ALL: Self = Self { requests: |_| true, events: |_| true };
}

/// Every difference between what the replay makes and what was committed.
pub fn differences(world: &World, chosen: &Chosen) -> Vec<String> {
    let topics = &world.topics;
    let log = [&topics.policies, &topics.requests, &topics.desk_requests].map(String::as_str);
    let mut log = Tap::on(&world.cluster.bootstrap, &log);
    log.settle(Duration::from_millis(500));
    log.events.retain(chosen.requests);
    log.events
        .sort_by_key(|e| (e.topic != topics.policies, e.timestamp, e.topic.clone(), e.partition, e.offset));
    let input: String = log.events.iter().map(|e| line(e) + "\n").collect();
    let partitions = PARTITIONS.to_string();
    let args = ["replay", "--partitions", &partitions, "--reveal"];
    let output = otp_stream_reading(&world.configs, &args, &input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");

    let mut counts: BTreeMap<Essence, i32> = BTreeMap::new();
    for essence in said.lines().map(of_line).filter(chosen.events) {
        *counts.entry(essence).or_default() += 1;
    }
    for essence in world.tap.events.iter().map(of_event).filter(chosen.events) {
        *counts.entry(essence).or_default() -= 1;
    }
    let differences = counts.into_iter().filter(|(_, count)| *count != 0);
    differences
        .map(|((topic, id, payload), count)| {
            let side = if count > 0 { "only the replay makes" } else { "only the run made" };
            format!("{side} ({}×) on {topic} {id}: {payload}", count.abs())
        })
        .collect()
}

/// As `kcat -J` prints it.
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

fn of_event(event: &Event) -> Essence {
    let payload = event.payload.as_deref().map(|p| String::from_utf8_lossy(p).into_owned());
    (event.topic.clone(), event.text("ce_id").to_owned(), payload.unwrap_or_default())
}

fn of_line(line: &str) -> Essence {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let headers = event["headers"].as_array().expect("headers");
    let id = headers.iter().position(|h| h == "ce_id").map(|at| &headers[at + 1]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&event["topic"]), id.map(text).unwrap_or_default(), text(&event["payload"]))
}
