//! What is planned, and what a cluster is told.

use std::collections::BTreeMap;

use super::difference::ActualTopic;
use super::plan::{Plan, Role};
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
            ("egov.core.notification.sms.otp", 6),
            ("org.egov.core.notification.email", 6),
            ("otp-validation-result", 6),
            ("otp-lifecycle", 6),
            ("otp-dead-letter", 6),
            ("user-directory", 6),
            ("otp-policy", 1),
            ("message-template", 1),
            ("otp-admin", 6),
            ("otp-stream-changelog", 6),
            ("otp-stream-repartition", 6),
        ]
    );
    assert_eq!(plan.differences(&as_created(&plan)), []);
}

#[test]
fn a_central_instance_has_notification_topics_for_each_schema() {
    let sets = ["egov.central_instance.enabled=true", "egov.central_instance.schemas=[\"pb\", \"ka\"]"];
    let plan = Plan::of(&config(&sets));
    let named = plan.topics.iter().filter(|it| it.role == Role::Notification);
    let names: Vec<_> = named.map(|it| it.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "pb-egov.core.notification.sms.otp",
            "ka-egov.core.notification.sms.otp",
            "pb-org.egov.core.notification.email",
            "ka-org.egov.core.notification.email",
        ]
    );
}

#[test]
fn a_cluster_that_differs_is_told_what_and_what_to_do() {
    let check = |topic: &str, setting: Option<(&str, &str)>, partitions: i32, expected: &[(&str, bool)]| {
        let plan = Plan::of(&config(&[]));
        let mut actual = as_created(&plan);
        let changed = actual.get_mut(topic).expect("a planned topic");
        changed.partitions = partitions;
        if let Some((name, value)) = setting {
            changed.settings.insert(name.to_owned(), value.to_owned());
        }
        let told: Vec<_> = plan.differences(&actual).iter().map(|it| (it.to_string(), it.stops)).collect();
        assert_eq!(told.len(), expected.len(), "{topic} {setting:?}: {told:?}");
        for ((text, stops), (part, expected_stop)) in told.iter().zip(expected) {
            assert!(text.starts_with(&format!("{topic}: {part}; ")), "{text}");
            assert_eq!(stops, expected_stop, "{text}");
        }
    };
    let request = "otp-request-egov";
    check(
        request,
        Some(("message.timestamp.type", "CreateTime")),
        6,
        &[("message.timestamp.type is CreateTime, LogAppendTime is needed", true)],
    );
    check(
        request,
        Some(("retention.ms", "604800000")),
        6,
        &[("retention.ms is 604800000, at most 86400000 is allowed", false)],
    );
    check(
        request,
        Some(("retention.ms", "-1")),
        6,
        &[("retention.ms is -1, at most 86400000 is allowed", false)],
    );
    check(request, Some(("retention.ms", "3600000")), 60, &[]);
    check("otp-response-egov", None, 5, &[("has 5 partitions, at least 6 are needed", true)]);
    check("otp-response-egov", None, 12, &[]);
    check("user-directory", None, 12, &[("has 12 partitions, exactly 6 are needed", true)]);
    check("otp-policy", None, 2, &[("has 2 partitions, exactly 1 is needed", true)]);
    let changelog = "otp-stream-changelog";
    check(
        changelog,
        Some(("cleanup.policy", "compact,delete")),
        6,
        &[("cleanup.policy is compact,delete, compact is needed", true)],
    );
    check(changelog, Some(("delete.retention.ms", "-1")), 6, &[]);
    check(
        changelog,
        Some(("delete.retention.ms", "1000")),
        6,
        &[("delete.retention.ms is 1000, at least 86400000 is needed", false)],
    );
    check(changelog, Some(("segment.ms", "900000")), 6, &[]);
    check("otp-lifecycle", Some(("retention.ms", "1")), 1, &[]);
}

#[test]
fn a_missing_topic_is_one_difference() {
    let plan = Plan::of(&config(&[]));
    let mut actual = as_created(&plan);
    actual.remove("otp-admin");
    let told: Vec<_> = plan.differences(&actual).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["otp-admin: is not there; create it with `otp-stream topics create`"]);
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
fn a_plan_reads_well_for_people_and_programs() {
    let plan = Plan::of(&config(&["kafka.create.replication_factor=3"]));
    let document: serde_json::Value = serde_json::from_str(&show::json(&plan)).expect("JSON");
    assert_eq!(document["applicationId"], "otp-stream");
    let first = &document["topics"][0];
    assert_eq!(first["configs"]["message.timestamp.type"], "LogAppendTime");
    assert_eq!(first["replicationFactor"], 3);
    let prefix = document["acls"].as_array().and_then(|rules| rules.last()).expect("rules");
    assert_eq!((&prefix["resource"], &prefix["pattern"]), (&"transactionalId".into(), &"prefixed".into()));
    let table = show::table(&plan);
    assert!(table.contains("message.timestamp.type=LogAppendTime"), "{table}");
    assert!(table.contains("Replication factor: 3"), "{table}");
}
