//! What `schemas list|show` print, and how a difference is told.

use otp_codec::EventSchema;

use super::super::Failure;
use super::documents::show;
use super::{SchemaFormat, Standing, difference, id_and_level, list, subjects, uses};
use crate::config::{Loaded, Sources, load};

fn loaded(sets: &[&str]) -> Loaded {
    let sets = sets.iter().map(|set| (*set).to_owned()).collect();
    load(&Sources { sets, ..Sources::default() }).expect("a good configuration")
}

const URL: &str = "schema_registry.urls=['http://r:1']";

#[test]
fn the_list_names_every_schema_with_topic_format_and_subject() {
    let text = list(&uses(&loaded(&[URL, "formats.sms=avro"]).config));
    let row = |parts: &[&str]| text.lines().any(|line| line.split_whitespace().eq(parts.iter().copied()));
    let sms = "egov.core.notification.sms.otp";
    assert!(row(&["sms", "event", sms, "avro", &format!("{sms}-value")]), "{text}");
    assert!(row(&["lifecycle", "event", "otp-lifecycle", "json", "otp-lifecycle-value"]), "{text}");
    assert!(row(&["int-request", "request", "otp-request-int", "json", "otp-request-int-value"]), "{text}");
    assert!(
        row(&["mosip-response", "reply", "otp-response-mosip", "json", "otp-response-mosip-value"]),
        "{text}"
    );
    assert!(text.contains("email-mgramseva is of no topic of this configuration"), "{text}");
    assert_eq!(text.lines().count(), 1 + EventSchema::ALL.len(), "{text}");
}

#[test]
fn a_topic_that_is_not_written_has_no_subject_and_one_for_each_schema_has_several() {
    let names = |sets: &[&str]| -> Vec<String> {
        subjects(&loaded(sets).config).into_iter().map(|subject| subject.name).collect()
    };
    assert_eq!(names(&[]), [""; 0]);
    assert_eq!(names(&[URL, "formats.signal=avro"]), ["otp-signal-value"]);
    assert_eq!(names(&[URL, "formats.signal=avro", "signals.enabled=false"]), [""; 0]);
    let central = ["egov.central_instance.enabled=true", "egov.central_instance.schemas=['pb', 'ka']"];
    let emails = names(&[&[URL, "formats.email=avro", "kafka.topics.email=mail"], &central[..]].concat());
    assert_eq!(emails, ["pb-mail-value", "ka-mail-value", "mail-value"]);
}

#[test]
fn the_flavour_chooses_the_schema_of_emails() {
    let chosen = |flavour: &str| {
        let uses = uses(&loaded(&[&format!("egov.flavour={flavour}")]).config);
        uses.into_iter().find(|it| it.key == "formats.email").expect("e-mails").schema
    };
    assert_eq!((chosen("digit"), chosen("mgramseva")), (EventSchema::Email, EventSchema::EmailMgramseva));
}

#[test]
fn a_schema_is_shown_by_its_name_and_another_name_is_refused_with_the_names() {
    for name in ["lifecycle", "lifecycle.avsc"] {
        assert_eq!(show(name, None).expect("it exists"), include_str!("../../../schemas/lifecycle.avsc"));
    }
    let Err(Failure::Usage(text)) = show("nothing", None) else { panic!("there is no such schema") };
    assert!(text.contains("\"nothing\"; the schemas are sms, email"), "{text}");
}

#[test]
fn a_schema_is_shown_as_json_schema_and_what_is_always_json_has_no_other() {
    let shown = show("lifecycle", Some(SchemaFormat::JsonSchema)).expect("it exists");
    let schema: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    assert_eq!(schema["properties"]["prefix"]["type"], serde_json::json!(["string", "null"]));
    assert_eq!(
        show("otp-policy", None).expect("it exists"),
        include_str!("../../../schemas/otp-policy.json")
    );
    let Err(Failure::Usage(text)) = show("otp-policy", Some(SchemaFormat::Avro)) else {
        panic!("it has none")
    };
    assert!(text.contains("always JSON"), "{text}");
}

#[test]
fn a_difference_says_what_to_do() {
    let standing = |id: Option<u32>, level: Option<&str>, objections: &[&str]| Standing {
        id,
        level: level.map(str::to_owned),
        objections: objections.iter().map(|it| (*it).to_owned()).collect(),
    };
    for (standing, expected, details) in [
        (standing(Some(5), Some("FULL"), &[]), None, " (id 5, FULL)"),
        (
            standing(Some(5), None, &[]),
            Some("without a compatibility level; `otp-stream schemas register`"),
            " (id 5)",
        ),
        (standing(None, None, &[]), Some("not registered; `otp-stream schemas register` does it"), ""),
        (
            standing(None, Some("FULL"), &["`a` is gone"]),
            Some("NOT COMPATIBLE with the registered schema: `a` is gone"),
            " (FULL)",
        ),
    ] {
        let said = difference(&standing);
        assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{standing:?}");
        assert_eq!(id_and_level(&standing), details);
    }
}
