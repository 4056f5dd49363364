//! Every recorded event is valid, and a value that is none is not.

use std::collections::BTreeMap;

use otp_codec::EventSchema;
use serde_json::{Value, json};

use super::recorded::{body, event_schema, steps};
use super::{closed_validator, faults, validator};

#[test]
fn every_recorded_event_is_valid_and_has_no_member_that_its_schema_lacks() {
    let validators: BTreeMap<_, _> = EventSchema::ALL.iter().map(|it| (*it, closed_validator(*it))).collect();
    let mut seen: BTreeMap<EventSchema, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for step in steps() {
        for record in &step.outputs {
            let Some(value) = body(record) else { continue };
            let Some(schema) = event_schema(record, &value) else { continue };
            *seen.entry(schema).or_default() += 1;
            let faults = faults(&validators[&schema], &value);
            if !faults.is_empty() {
                found.push(format!("{} {}: {faults:?}", step.at, schema.file()));
            }
        }
    }
    assert!(found.is_empty(), "{} events are not valid: {:#?}", found.len(), &found[..found.len().min(10)]);
    for schema in EventSchema::ALL.iter().filter(|it| !it.file().contains("request")) {
        assert!(
            seen.get(schema).is_some_and(|count| *count > 0),
            "no recorded event of {}: {seen:?}",
            schema.file()
        );
    }
}

#[test]
fn a_value_that_is_no_event_is_refused() {
    let good = json!({"eventId": "e", "contract": "int", "result": "accepted", "reason": "verified", "occurredAt": 1});
    let validator = validator(EventSchema::ValidationResult);
    assert_eq!(faults(&validator, &good), [""; 0]);
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    for (bad, at) in [
        (with("result", json!("perhaps")), "/result"),
        (with("result", json!("unknown")), "/result"),
        (with("occurredAt", json!("2025-01-01T00:00:00Z")), "/occurredAt"),
        (with("attempts", json!(1.5)), "/attempts"),
        (with("eventId", Value::Null), "/eventId"),
        (json!({"contract": "int"}), ""),
        (json!([]), ""),
    ] {
        let faults = faults(&validator, &bad);
        assert!(faults.iter().any(|fault| fault.starts_with(&format!("{at}: "))), "{bad}: {faults:?}");
    }
    assert_eq!(faults(&validator, &with("newer", json!(true))), [""; 0]);
}
