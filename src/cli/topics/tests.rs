//! The plan of a configuration, and the differences that a cluster can have.

use std::collections::BTreeMap;

use otp_topology::deployment::topics::TopicRole;

use super::difference::ActualTopic;
use super::plan::Plan;
use super::show;
use crate::config::{Config, Sources, load};

fn config(sets: &[&str]) -> Config {
    let sources = Sources { sets: sets.iter().map(|set| (*set).to_owned()).collect(), ..Sources::default() };
    load(&sources).expect("a good configuration").config
}

/// The cluster that `topics create` leaves.
fn as_created(plan: &Plan) -> BTreeMap<String, ActualTopic> {
    let topic = |planned: &super::plan::TopicPlan| ActualTopic {
        partitions: planned.partitions.count(),
        settings: planned.settings.iter().map(|it| (it.name.to_owned(), it.value.clone())).collect(),
    };
    plan.topics.iter().map(|planned| (planned.name.clone(), topic(planned))).collect()
}

#[test]
fn the_default_configuration_needs_these_topics() {
    let plan = Plan::of(&config(&[]));
    let topics: Vec<_> = plan.topics.iter().map(|it| (it.name.as_str(), it.partitions.count())).collect();
    assert_eq!(
        topics,
        [
            ("otp-request-egov", 6),
            ("otp-response-egov", 6),
            ("otp-request-int", 6),
            ("otp-response-int", 6),
            ("otp-request-mosip", 6),
            ("otp-response-mosip", 6),
            ("egov.core.notification.sms.otp", 6),
            ("org.egov.core.notification.email", 6),
            ("otp-validation-result", 6),
            ("otp-lifecycle", 6),
            ("otp-signal", 6),
            ("otp-dead-letter", 6),
            ("user-directory", 6),
            ("otp-policy", 1),
            ("message-template", 1),
            ("client-registry", 1),
            ("otp-admin", 6),
            ("otp-stream-changelog", 6),
            ("otp-stream-repartition", 6),
        ]
    );
    assert_eq!(plan.differences(&as_created(&plan)), []);
    let without = Plan::of(&config(&["signals.enabled=false"]));
    assert!(without.topics.iter().all(|it| it.name != "otp-signal"));
}

#[test]
fn a_central_instance_has_notification_topics_for_each_schema() {
    let sets = ["egov.central_instance.enabled=true", "egov.central_instance.schemas=[\"pb\", \"ka\"]"];
    let plan = Plan::of(&config(&sets));
    let named = plan.topics.iter().filter(|it| it.role == TopicRole::Notification);
    let names: Vec<_> = named.map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "pb-egov.core.notification.sms.otp",
            "ka-egov.core.notification.sms.otp",
            "egov.core.notification.sms.otp",
            "pb-org.egov.core.notification.email",
            "ka-org.egov.core.notification.email",
            "org.egov.core.notification.email",
        ]
    );
}

/// The difference of a cluster in which one topic has another partition count or setting. `None`: there is none.
fn check(topic: &str, partitions: i32, setting: Option<(&str, &str)>, expected: Option<(&str, bool)>) {
    let plan = Plan::of(&config(&[]));
    let mut actual = as_created(&plan);
    let changed = actual.get_mut(topic).expect("a planned topic");
    changed.partitions = partitions;
    if let Some((name, value)) = setting {
        changed.settings.insert(name.to_owned(), value.to_owned());
    }
    let differences = plan.differences(&actual);
    let message: Vec<_> = differences.iter().map(|it| (it.what.as_str(), it.stops)).collect();
    assert_eq!(message, expected.into_iter().collect::<Vec<_>>(), "{topic} {setting:?}");
    assert!(differences.iter().all(|it| it.topic == topic && !it.remedy.is_empty()));
}

#[test]
fn a_partition_count_that_does_not_work_prevents_the_start() {
    for (topic, partitions, expected) in [
        ("otp-request-egov", 60, None),
        ("otp-response-egov", 12, None),
        ("otp-response-egov", 5, Some("has 5 partitions, at least 6 are needed")),
        ("user-directory", 12, Some("has 12 partitions, exactly 6 are needed")),
        ("otp-stream-repartition", 7, Some("has 7 partitions, exactly 6 are needed")),
        ("otp-policy", 2, Some("has 2 partitions, exactly 1 is needed")),
        ("otp-lifecycle", 1, None),
    ] {
        check(topic, partitions, None, expected.map(|what| (what, true)));
    }
}

#[test]
fn a_setting_that_differs_is_reported_and_prevents_the_start_if_it_is_dangerous() {
    let stamps = "message.timestamp.type is CreateTime, LogAppendTime is needed";
    let week = "retention.ms is 604800000, at most 86400000 is allowed";
    let forever = "retention.ms is -1, at most 86400000 is allowed";
    let deletes = "cleanup.policy is compact,delete, compact is needed";
    let short = "delete.retention.ms is 1000, at least 86400000 is needed";
    let (request, changelog) = ("otp-request-egov", "otp-stream-changelog");
    for (topic, name, value, expected) in [
        (request, "message.timestamp.type", "CreateTime", Some((stamps, true))),
        (request, "retention.ms", "604800000", Some((week, false))),
        (request, "retention.ms", "-1", Some((forever, false))),
        (request, "retention.ms", "3600000", None),
        (changelog, "cleanup.policy", "compact,delete", Some((deletes, true))),
        (changelog, "delete.retention.ms", "-1", None),
        (changelog, "delete.retention.ms", "1000", Some((short, false))),
        (changelog, "segment.ms", "900000", None),
        ("otp-lifecycle", "retention.ms", "1", None),
        ("otp-signal", "retention.ms", "1", None),
    ] {
        check(topic, 6, Some((name, value)), expected);
    }
}

/// The retention, the segment time and whether a longer retention is a difference.
fn check_dead_letters(sets: &[&str], expected: (&str, &str, bool)) {
    let plan = Plan::of(&config(sets));
    let mut actual = as_created(&plan);
    let settings = &mut actual.get_mut("otp-dead-letter").expect("planned").settings;
    let segment = settings.get("segment.ms").cloned().unwrap_or_default();
    let planned = settings.insert("retention.ms".to_owned(), "1209600001".to_owned());
    let differs = plan.differences(&actual).iter().any(|it| it.what.starts_with("retention.ms"));
    assert_eq!(
        (planned.as_deref(), segment.as_str(), differs),
        (Some(expected.0), expected.1, expected.2),
        "{sets:?}"
    );
}

#[test]
fn dead_letters_with_copies_are_kept_for_an_hour_at_most() {
    let copies = "dead_letter.payload=copy";
    check_dead_letters(&[], ("1209600000", "", false));
    check_dead_letters(&[copies], ("3600000", "3600000", true));
    check_dead_letters(&[copies, "kafka.create.dead_letter_retention_ms=60000"], ("60000", "60000", true));
}

#[test]
fn a_missing_topic_is_one_difference() {
    let plan = Plan::of(&config(&[]));
    let mut actual = as_created(&plan);
    actual.remove("otp-admin");
    let message: Vec<_> = plan.differences(&actual).iter().map(ToString::to_string).collect();
    assert_eq!(message, ["otp-admin: does not exist; create it with `otp-stream topics create`"]);
}

#[test]
fn only_this_service_may_write_results_and_notifications() {
    let plan = Plan::of(&config(&[]));
    let writers = |topic: &str| -> Vec<_> {
        let rules = plan.access.iter().filter(|it| it.name == topic && it.operations.contains(&"Write"));
        rules.map(|it| it.who.clone()).collect()
    };
    for topic in ["egov.core.notification.sms.otp", "otp-validation-result", "otp-response-egov"] {
        assert_eq!(writers(topic), ["this service"], "{topic}");
    }
    assert_eq!(writers("otp-request-egov"), ["caller egov"]);
}

#[test]
fn a_plan_is_printed_for_people_and_for_programs() {
    let plan = Plan::of(&config(&["kafka.create.replication_factor=3"]));
    let document: serde_json::Value = serde_json::from_str(&show::json(&plan)).expect("JSON");
    assert_eq!(document["applicationId"], "otp-stream");
    let first = &document["topics"][0];
    assert_eq!(first["configs"]["message.timestamp.type"], "LogAppendTime");
    assert_eq!(first["configs"]["segment.ms"], "3600000");
    assert_eq!(first["replicationFactor"], 3);
    let prefix = document["acls"].as_array().and_then(|rules| rules.last()).expect("rules");
    assert_eq!((&prefix["resource"], &prefix["pattern"]), (&"transactionalId".into(), &"prefixed".into()));
    let table = show::table(&plan);
    assert!(table.contains("message.timestamp.type=LogAppendTime"), "{table}");
    assert!(table.contains("Replication factor: 3"), "{table}");
}
