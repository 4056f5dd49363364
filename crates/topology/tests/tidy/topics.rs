//! The list of topics in docs/interface.md agrees with the table of topics.

use std::fs;

use otp_topology::deployment::topics::{SERVICE, SHARED, Topic, TopicRole, topics};
use otp_topology::deployment::{Settings, TopicNames};
use otp_topology::testing;

#[test]
fn the_interface_lists_every_topic_with_its_direction() {
    let text =
        fs::read_to_string(super::root().join("docs/interface.md")).expect("docs/interface.md is there");
    let settings = Settings {
        application_id: "<application.id>".to_owned(),
        callers: vec![testing::caller("egov", "otp-request-egov", "otp-response-egov")],
        topics: TopicNames::default(),
        ..testing::settings()
    };
    for topic in &topics(&settings) {
        let name = format!("`{}`", topic.name);
        let mut rows = text.lines().filter(|line| line.starts_with('|'));
        let row = rows.find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name)));
        let row = row.unwrap_or_else(|| panic!("docs/interface.md does not list {name}"));
        let direction = row.split('|').nth(2).expect("a table has columns").trim();
        assert!(direction.starts_with(direction_of(topic)), "{name} is {}: {row}", direction_of(topic));
    }
    for topic in SHARED {
        assert!(text.contains(topic.key), "docs/interface.md does not name kafka.topics.{}", topic.key);
    }
}

fn direction_of(topic: &Topic) -> &'static str {
    if matches!(topic.role, TopicRole::Changelog | TopicRole::Repartition) {
        "internal"
    } else if topic.written_by == SERVICE {
        "out"
    } else {
        "in"
    }
}
