//! Searches codes and phone numbers where they must not be: store, changelog, analytics events, dead letters, logs, metrics,
//! record keys.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::event::Event;
use super::kafka::Tap;
use super::process::Process;
use super::scenario::Scenario;

/// Panics with every location of a secret. Call it while the process runs, because it also reads the metrics. Each secret must
/// have ten digits: shorter ones occur by chance.
pub(crate) fn assert_no_leaks(
    scenario: &mut Scenario,
    process: &Process,
    codes: &BTreeSet<String>,
    numbers: &BTreeSet<String>,
) {
    let needles: BTreeSet<&str> = codes.iter().chain(numbers).map(String::as_str).collect();
    assert!(!codes.is_empty() && needles.iter().all(|n| n.len() == 10), "secrets of ten digits");
    let sms = scenario.events_of(&scenario.topics.sms).iter().filter(|e| holds(&bytes(e), &needles)).count();
    assert!(sms > 0, "the search finds the codes in the SMS");

    let mut locations = Vec::new();
    search_directory(&scenario.store(), &needles, &mut locations);
    if holds(&fs::read(scenario.log()).expect("the log"), &needles) {
        locations.push("the log".to_owned());
    }
    let metrics = process.metrics();
    let lines = metrics.lines().filter(|line| holds(line.as_bytes(), &needles));
    locations.extend(lines.map(|line| format!("/metrics: {line}")));
    let mut changelog = Tap::read_uncommitted(&scenario.cluster.bootstrap, &[&scenario.topics.changelog]);
    changelog.settle(std::time::Duration::from_millis(500));
    assert!(!changelog.events.is_empty(), "the changelog holds something");
    locations.extend(changelog.events.iter().filter(|e| holds(&bytes(e), &needles)).map(location));
    let topics = &scenario.topics;
    let silent = [&topics.results, &topics.lifecycle, &topics.dead_letters];
    let silent = scenario.tap.events.iter().filter(|e| silent.contains(&&e.topic));
    locations.extend(silent.filter(|e| holds(&bytes(e), &needles)).map(location));
    let keyed = scenario.tap.events.iter().filter(|e| e.topic == topics.sms || e.topic == topics.email);
    locations.extend(keyed.filter(|e| holds(e.key.as_deref().unwrap_or_default(), &needles)).map(location));
    assert!(
        locations.is_empty(),
        "secrets at {} locations: {:?}",
        locations.len(),
        &locations[..locations.len().min(10)]
    );
}

fn location(event: &Event) -> String {
    format!("{}[{}]@{}", event.topic, event.partition, event.offset)
}

/// Key, value and headers as one sequence of bytes.
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

fn search_directory(directory: &Path, needles: &BTreeSet<&str>, locations: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("the store directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            search_directory(&path, needles, locations);
        } else if holds(&fs::read(&path).unwrap_or_default(), needles) {
            locations.push(path.display().to_string());
        }
    }
}
