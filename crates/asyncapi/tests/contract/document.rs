//! The AsyncAPI document: complete, and its examples follow its own schemas.

use otp_asyncapi::{Deployment, document};
use otp_topology::contract::delivery::Flavour;
use otp_topology::deployment::topics::{TopicNames, topics};
use otp_topology::deployment::{CallerSettings, Format, Settings};
use otp_topology::otp::ContractName;
use otp_topology::testing::{caller, settings};
use serde_json::{Value, json};

use super::{faults, json};

/// Three callers, and the topics with their usual names.
fn usual() -> Settings {
    let caller = |name: &str, contract| CallerSettings {
        contract,
        ..caller(name, &format!("otp-request-{name}"), &format!("otp-response-{name}"))
    };
    let callers = vec![
        caller("egov", ContractName::Egov),
        caller("int", ContractName::Int),
        caller("mosip", ContractName::Mosip),
    ];
    Settings { callers, topics: TopicNames::default(), ..settings() }
}

fn made(settings: &Settings, flavour: Flavour, format: Format) -> Value {
    json(&document(&Deployment { settings, flavour, format_of: &|_| format }))
}

#[test]
fn every_example_follows_the_schemas_of_its_message() {
    let document = made(&usual(), Flavour::Digit, Format::Json);
    let components = &document["components"];
    let mut count = 0;
    for (name, message) in components["messages"].as_object().expect("messages") {
        for part in ["headers", "payload"].into_iter().filter(|part| message.get(part).is_some()) {
            if message["payload"].get("schemaFormat").is_some() {
                continue;
            }
            let schema = json!({"allOf": [message[part]], "components": components});
            let validator = jsonschema::draft7::new(&schema).expect("a JSON Schema");
            for example in message["examples"].as_array().expect("examples in JSON") {
                count += 1;
                let value = example.get(part).unwrap_or(&Value::Null);
                let found = faults(&validator, value);
                assert!(found.is_empty(), "{name}, {part} of {}: {found:?}", example["name"]);
            }
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_topic_is_a_channel_and_every_operation_of_a_caller_has_a_reply() {
    let settings = usual();
    let document = made(&settings, Flavour::Digit, Format::Json);
    for topic in topics(&settings) {
        assert_eq!(document["channels"][&topic.name]["address"], topic.name, "{}", topic.key);
    }
    let operations = document["operations"].as_object().expect("operations");
    let asked = operations.values().filter(|it| it.get("reply").is_some()).count();
    assert_eq!(asked, 4 + 2 + 5);
    let reply = &document["operations"]["egov.send"]["reply"];
    assert_eq!(reply["channel"]["$ref"], "#/channels/otp-response-egov");
    assert_eq!(document["operations"]["receive-otp-policy"]["action"], "receive");
}

#[test]
fn the_configuration_decides_names_formats_and_the_schema_of_emails() {
    let mut settings = usual();
    settings.topics.lifecycle = "my.lifecycle".to_owned();
    settings.callers.truncate(1);
    settings.callers[0].reply_format = Format::Avro;
    let document = made(&settings, Flavour::Mgramseva, Format::Avro);
    let message = |operation: &str| document["operations"][operation]["messages"][0]["$ref"].clone();
    assert_eq!(message("send-my.lifecycle"), "#/channels/my.lifecycle/messages/lifecycle.avro");
    assert_eq!(message("egov.send"), "#/channels/otp-request-egov/messages/egov-request");
    let reply = &document["operations"]["egov.send"]["reply"]["messages"][0]["$ref"];
    assert_eq!(reply, "#/channels/otp-response-egov/messages/egov-response.avro");
    assert!(document["components"]["messages"].get("email-mgramseva").is_some());
    assert!(document["components"]["messages"].get("int-request").is_none());
}

#[test]
fn a_text_of_a_page_is_never_markup() {
    let mut settings = usual();
    settings.application_id = "<script>{messages}".to_owned();
    let document =
        document(&Deployment { settings: &settings, flavour: Flavour::Digit, format_of: &|_| Format::Json });
    let page = otp_asyncapi::page(&document);
    assert!(page.contains("<h1>&lt;script&gt;{messages}</h1>"), "the title is escaped and taken as it is");
    assert!(!page.contains("<script"), "the page runs nothing");
    for loads in ["src=", "url(", "@import", "<link"] {
        assert!(!page.contains(loads), "the page loads nothing: {loads}");
    }
}
