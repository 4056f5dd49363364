//! What operators and feeds write: every recorded record that was taken is valid.

use std::collections::BTreeMap;

use otp_asyncapi::feeds;
use otp_topology::deployment::topics::SHARED;
use serde_json::{Value, json};

use super::recorded::{header, steps};
use super::{faults, json};

#[test]
fn every_recorded_record_that_was_taken_is_valid() {
    let validators: BTreeMap<_, _> = SHARED
        .iter()
        .filter_map(|topic| Some((topic.default_name, feeds::schema(feeds::of_topic(topic.key)?)?)))
        .map(|(topic, schema)| (topic, jsonschema::draft7::new(&json(&schema)).expect("a JSON Schema")))
        .collect();
    assert_eq!(validators.len(), feeds::names().count());
    let (mut taken, mut found) = (BTreeMap::<&str, usize>::new(), Vec::new());
    for step in steps() {
        let Some((topic, validator)) = validators.get_key_value(step.topic()) else { continue };
        let is_dead = |record: &Value| header(record, "ce_type") == Some("org.digit.otp.dead-letter.v1");
        let Some(value) = step.input["payload"].as_str() else { continue };
        let Ok(value) = serde_json::from_str::<Value>(value) else { continue };
        if step.outputs.iter().any(is_dead) {
            continue;
        }
        *taken.entry(topic).or_default() += 1;
        let faults = faults(validator, &value);
        if !faults.is_empty() {
            found.push(format!("{}: {faults:?}", step.at));
        }
    }
    assert!(found.is_empty(), "{} records are not valid: {:#?}", found.len(), &found[..found.len().min(10)]);
    assert_eq!(taken.len(), validators.len(), "{taken:?}");
}

#[test]
fn what_the_service_refuses_by_its_members_the_schemas_refuse() {
    for (name, bad) in [
        ("otp-policy", json!({"unknownRule": 1})),
        ("otp-policy", json!({"digits": 3})),
        ("otp-policy", json!({"digits": "6"})),
        ("message-template", json!({"templateId": "1"})),
        ("message-template", json!({"text": "%s", "other": 1})),
        ("client-registry", json!({"clientId": "c", "appId": "a", "secretHash": "00"})),
        ("otp-admin", json!({"operation": "drop", "contract": "egov", "tenantId": "pb", "identity": "1"})),
        ("user-directory", json!({"users": [{}]})),
    ] {
        let schema = json(&feeds::schema(name).expect("it exists"));
        let validator = jsonschema::draft7::new(&schema).expect("a JSON Schema");
        assert!(!faults(&validator, &bad).is_empty(), "{name}: {bad}");
    }
}
