//! `replay` of the recorded requests makes the events that the run made.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::event::{Event, create, send, validate, wrong};
use crate::harness::kafka::Tap;
use crate::harness::process::otp_stream_reading;
use crate::harness::world::{PARTITIONS, World};

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

type Essence = (String, String, Value);

/// What does not depend on the interleaving of partitions: topic, event id, value.
fn essence(topic: &str, id: &str, payload: Option<&str>) -> Essence {
    let payload = payload.map_or(Value::Null, |p| serde_json::from_str(p).expect("JSON"));
    (topic.to_owned(), id.to_owned(), payload)
}

fn of_event(event: &Event) -> Essence {
    let payload = event.payload.as_deref().map(|p| std::str::from_utf8(p).expect("UTF-8"));
    essence(&event.topic, event.text("ce_id"), payload)
}

fn of_line(line: &str) -> Essence {
    let event: Value = serde_json::from_str(line).expect("JSON");
    let headers = event["headers"].as_array().expect("headers");
    let at = headers.iter().position(|h| h == "ce_id").expect("ce_id");
    let id = headers[at + 1].as_str().expect("text");
    essence(event["topic"].as_str().expect("a topic"), id, event["payload"].as_str())
}

fn sorted(events: impl Iterator<Item = Essence>) -> Vec<Essence> {
    let mut events: Vec<_> = events.collect();
    events.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    events
}

#[test]
fn a_recorded_day_replays_to_the_same_events() {
    let mut world = World::new("replayed");
    let process = world.run();
    for n in 0..4 {
        let number = format!("955555550{n}");
        let code = world.code_for(&number);
        world.ask(validate(&number, &wrong(&code)).id(&format!("wrong-{n}")));
        let right = validate(&number, &code).key(None).partition(n % PARTITIONS);
        world.ask(right.id(&format!("right-{n}")));
        world.ask_desk(create(&format!("95555555{n}1")).id(&format!("create-{n}")));
        world.ask(send("1").id(&format!("bad-{n}")));
    }
    world.audit();
    assert!(process.terminate().success());

    let mut requests = Tap::on(&[&world.topics.requests, &world.topics.desk_requests]);
    requests.settle(Duration::from_millis(500));
    requests.events.sort_by_key(|e| (e.timestamp, e.topic.clone(), e.partition, e.offset));
    let input: String = requests.events.iter().map(|e| line(e) + "\n").collect();
    let partitions = PARTITIONS.to_string();
    let args = ["replay", "--partitions", &partitions, "--reveal"];
    let output = otp_stream_reading(&world.configs, &args, &input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");

    let (replayed, ran) = (sorted(said.lines().map(of_line)), sorted(world.tap.events.iter().map(of_event)));
    assert_eq!(replayed.len(), ran.len());
    for (replayed, ran) in replayed.iter().zip(&ran) {
        assert_eq!(replayed, ran);
    }
}
