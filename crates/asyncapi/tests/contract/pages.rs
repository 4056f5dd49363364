//! The examples of the contract pages, which a test of the program replays.

use std::fs;

use otp_codec::EventSchema;
use serde_json::Value;

use super::recorded::{is_refusal, root};
use super::{closed_validator, faults, validator};

const PAGES: [(&str, EventSchema, EventSchema); 3] = [
    ("egov.md", EventSchema::EgovRequest, EventSchema::EgovResponse),
    ("int-otp.md", EventSchema::IntRequest, EventSchema::IntResponse),
    ("mosip.md", EventSchema::MosipRequest, EventSchema::MosipResponse),
];

#[test]
fn the_examples_of_the_contract_pages_are_valid() {
    for (page, request, response) in PAGES {
        let text = fs::read_to_string(root().join("docs/contracts").join(page)).expect("the page");
        let (mut events, mut served) = (0, 0);
        let mut asked: Option<Value> = None;
        for (direction, topic, values) in parts(&text) {
            if direction == '>' {
                asked = values.first().filter(|_| topic.contains("request")).cloned();
                continue;
            }
            let Some(schema) = schema_of(topic, response) else { continue };
            for value in values {
                events += 1;
                let found = faults(&closed_validator(schema), &value);
                assert!(found.is_empty(), "{page}, {topic}: {found:?} in {value}");
                let request_body = asked.as_ref().filter(|_| schema == response && !is_refusal(&value));
                if let Some(body) = request_body {
                    served += 1;
                    let found = faults(&validator(request), body);
                    assert!(found.is_empty(), "{page}: {found:?} in {body}");
                }
            }
        }
        assert!(events > 5 && served > 1, "{page}: {events} events, {served} requests that were served");
    }
}

fn schema_of(topic: &str, response: EventSchema) -> Option<EventSchema> {
    Some(match topic {
        "otp-validation-result" => EventSchema::ValidationResult,
        "otp-lifecycle" => EventSchema::Lifecycle,
        "otp-signal" => EventSchema::Signal,
        "egov.core.notification.sms.otp" => EventSchema::Sms,
        "org.egov.core.notification.email" => EventSchema::Email,
        _ if topic.contains("response") => response,
        _ => return None,
    })
}

/// The records of all examples: `>` or `<`, the topic, and the values that are JSON objects.
fn parts(page: &str) -> Vec<(char, &str, Vec<Value>)> {
    let mut parts: Vec<(char, &str, Vec<Value>)> = Vec::new();
    let mut is_example = false;
    for line in page.lines() {
        match line {
            "```replay" => is_example = true,
            "```" => is_example = false,
            _ if !is_example => {}
            _ => match line.split_once(' ') {
                Some((direction @ (">" | "<"), rest)) => {
                    let topic = rest.split(' ').next().unwrap_or(rest);
                    parts.push((if direction == ">" { '>' } else { '<' }, topic, Vec::new()));
                }
                _ => {
                    if let (Some((_, _, values)), Ok(value @ Value::Object(_))) =
                        (parts.last_mut(), serde_json::from_str(line))
                    {
                        values.push(value);
                    }
                }
            },
        }
    }
    parts
}
