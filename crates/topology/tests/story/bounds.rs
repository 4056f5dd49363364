//! Bounds that were tightened after a policy was stored: the nearest bound applies, and nobody is locked out.

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore, StoreKey, WriteBatch};
use otp_topology::task::Task;
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::{Value, json};

use crate::house::{House, START_MS, send, settings};

/// Digits and lifetime in milliseconds of a code sent under stored policies, and the policies reported to exceed the bounds.
fn sent_under(bounds: &Value, policies: &[(&str, Value)]) -> (usize, u64, Vec<String>) {
    let mut settings = settings();
    settings.bounds = serde_json::from_value(bounds.clone()).expect("good bounds");
    let topology = House::with(settings, 1, |_| None).topology;
    let store = MemoryStore::default();
    let mut batch = WriteBatch::default();
    for (name, policy) in policies {
        let key = StoreKey::new(Family::Policy, name.as_bytes());
        batch.put(key.as_bytes(), policy.to_string().as_bytes());
    }
    store.write(&batch).expect("memory does not fail");
    let (mut task, _) = Task::open(0, topology.clone(), store).expect("a good store");

    let now = LogTime::from_ms(START_MS);
    let topic = topology.source_named("requests").expect("a source");
    let (mut records, mut out) = (RecordBatch::default(), Outbox::default());
    let request = send("9123456789").to_string();
    records.push(SourcePartition { topic, partition: 0 }, 0, now, None, Some(request.as_bytes()), []);
    task.process(&records.get(0), now, &mut out).expect("nobody is locked out");
    let sms = out.iter().find(|it| topology.output(it.topic()).name == "sms").expect("an SMS");
    let sms: Value = serde_json::from_slice(sms.value().expect("a value")).expect("JSON");
    let digits = sms["message"].as_str().expect("a text").chars().filter(char::is_ascii_digit).count();
    let life_ms = sms["expiryTime"].as_u64().expect("a time") - START_MS;
    (digits, life_ms, task.committed(None, now).1.policies_beyond_bounds)
}

#[test]
fn the_nearest_bound_applies_to_a_stored_policy_that_exceeds_it() {
    let wide = || ("egov/*", json!({"digits": 9, "lifetimeMs": 500_000}));
    let narrow = || ("egov/pb", json!({"digits": 8}));
    for (bounds, policies, expected) in [
        (json!({}), vec![wide()], (9, 500_000, vec![])),
        (json!({"digits_max": 7}), vec![wide()], (7, 500_000, vec!["egov/*"])),
        (json!({"lifetime_ms_max": 300_000}), vec![wide(), narrow()], (8, 300_000, vec!["egov/*"])),
        (json!({"digits_max": 6}), vec![wide(), narrow()], (6, 500_000, vec!["egov/*", "egov/pb"])),
        (json!({"digits_min": 10}), vec![wide()], (10, 500_000, vec!["egov/*"])),
    ] {
        let (digits, life_ms, reported) = sent_under(&bounds, &policies);
        let reported: Vec<_> = reported.iter().map(String::as_str).collect();
        assert_eq!((digits, life_ms, reported), expected, "{bounds}");
    }
}
