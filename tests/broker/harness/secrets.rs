//! Where codes and phone numbers must not be: store, changelog, analytic events, dead letters, logs, metrics, keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::event::Event;
use super::kafka::Tap;
use super::process::Process;
use super::world::World;

/// Panics with every place that holds one of the secrets. Call it while the process runs, for its metrics.
/// The secrets should have ten digits: shorter ones are found by chance.
pub fn assert_kept(
    world: &mut World,
    process: &Process,
    codes: &BTreeSet<String>,
    numbers: &BTreeSet<String>,
) {
    let needles: BTreeSet<&str> = codes.iter().chain(numbers).map(String::as_str).collect();
    assert!(!codes.is_empty() && needles.iter().all(|n| n.len() == 10), "secrets of ten digits");
    let sms = world.on(&world.topics.sms).iter().filter(|e| holds(&bytes(e), &needles)).count();
    assert!(sms > 0, "the search finds codes where they are");

    let mut places = Vec::new();
    search_directory(&world.store(), &needles, &mut places);
    if holds(&fs::read(world.log()).expect("the log"), &needles) {
        places.push("the log".to_owned());
    }
    let metrics = process.metrics();
    let lines = metrics.lines().filter(|line| holds(line.as_bytes(), &needles));
    places.extend(lines.map(|line| format!("/metrics: {line}")));
    let mut changelog = Tap::on_all_bytes_of(&world.cluster.bootstrap, &[&world.topics.changelog]);
    changelog.settle(std::time::Duration::from_millis(500));
    assert!(!changelog.events.is_empty(), "the changelog holds something");
    places.extend(changelog.events.iter().filter(|e| holds(&bytes(e), &needles)).map(place));
    let topics = &world.topics;
    let silent = [&topics.results, &topics.lifecycle, &topics.dead_letters];
    let silent = world.tap.events.iter().filter(|e| silent.contains(&&e.topic));
    places.extend(silent.filter(|e| holds(&bytes(e), &needles)).map(place));
    let keyed = world.tap.events.iter().filter(|e| e.topic == topics.sms || e.topic == topics.email);
    places.extend(keyed.filter(|e| holds(e.key.as_deref().unwrap_or_default(), &needles)).map(place));
    assert!(places.is_empty(), "secrets in {} places: {:?}", places.len(), &places[..places.len().min(10)]);
}

fn place(event: &Event) -> String {
    format!("{}[{}]@{}", event.topic, event.partition, event.offset)
}

/// Key, value and headers, one after the other.
fn bytes(event: &Event) -> Vec<u8> {
    let mut bytes = event.key.clone().unwrap_or_default();
    bytes.push(b' ');
    bytes.extend(event.payload.as_deref().unwrap_or_default());
    for (name, value) in &event.headers {
        bytes.push(b' ');
        bytes.extend(name.as_bytes());
        bytes.extend(value);
    }
    bytes
}

fn holds(text: &[u8], needles: &BTreeSet<&str>) -> bool {
    text.windows(10).any(|window| std::str::from_utf8(window).is_ok_and(|window| needles.contains(window)))
}

fn search_directory(directory: &Path, needles: &BTreeSet<&str>, places: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("the store directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search_directory(&path, needles, places);
        } else if holds(&fs::read(&path).unwrap_or_default(), needles) {
            places.push(path.display().to_string());
        }
    }
}
