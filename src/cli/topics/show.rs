//! Prints a plan: as a table for people, as JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::columns;
use super::apply::Creation;
use super::difference::Difference;
use super::plan::{Demand, Partitions, Plan, Setting, TopicPlan};

/// One JSON object: `applicationId`, `topics`, `acls`.
pub(super) fn json(plan: &Plan) -> String {
    let topics: Vec<Value> = plan.topics.iter().map(topic_json).collect();
    let document = json!({
        "applicationId": plan.application_id,
        "topics": topics,
        "acls": plan.access,
    });
    let mut text = serde_json::to_string_pretty(&document).expect("a plan is a plain value");
    text.push('\n');
    text
}

fn topic_json(topic: &TopicPlan) -> Value {
    let configs: BTreeMap<_, _> =
        topic.settings.iter().map(|setting| (setting.name, setting.value.as_str())).collect();
    json!({
        "name": topic.name,
        "role": topic.role.as_str(),
        "partitions": topic.partitions.count(),
        "partitionRule": partition_rule(topic.partitions),
        "replicationFactor": topic.replication_factor,
        "configs": configs,
        "writtenBy": topic.written_by,
        "readBy": topic.read_by,
    })
}

/// Two tables: topics, access rules.
pub(super) fn table(plan: &Plan) -> String {
    let mut rows = vec![["TOPIC", "PARTITIONS", "WRITTEN BY", "READ BY", "SETTINGS"].map(str::to_owned)];
    for topic in &plan.topics {
        let settings: Vec<_> = topic.settings.iter().map(setting).collect();
        rows.push([
            topic.name.clone(),
            format!("{}{}", partition_sign(topic.partitions), topic.partitions.count()),
            topic.written_by.clone(),
            topic.read_by.clone(),
            settings.join(" "),
        ]);
    }
    let mut text = format!("Topics of the application {}\n\n", plan.application_id);
    columns(&rows, &mut text);
    let factor = plan.topics.first().map_or(-1, |topic| topic.replication_factor);
    let factor = if factor < 0 { "the brokers' default".to_owned() } else { factor.to_string() };
    let _ = write!(
        text,
        "\nPartitions: = exactly, ≥ at least, ~ any count works. Settings: = required, ≤ at most, ≥ at least, ~ recommended.\n\
         Replication factor: {factor}. Readers set isolation.level=read_committed.\n\n\
         Access rules: grant exactly these on these names. Readers also need Read on their own consumer groups.\n\n"
    );
    let mut rows = vec![["WHO", "MAY", "ON", "NAME"].map(str::to_owned)];
    for rule in &plan.access {
        let on = match rule.pattern {
            "prefixed" => format!("{} (prefix)", rule.resource),
            _ => rule.resource.to_owned(),
        };
        rows.push([rule.who.clone(), rule.operations.join(", "), on, rule.name.clone()]);
    }
    columns(&rows, &mut text);
    text
}

/// Which topics were created and which were not, one line each.
pub(super) fn creations(plan: &Plan, creations: &[Creation]) -> String {
    let mut text = String::new();
    for creation in creations {
        let _ = match &creation.failure {
            None => writeln!(text, "created {} with {}", creation.name, counted(creation.partitions)),
            Some(err) => writeln!(text, "could not create {}: {err}", creation.name),
        };
    }
    let existed = plan.topics.len() - creations.len();
    let _ = writeln!(text, "{existed} of {} topics already existed", plan.topics.len());
    text
}

/// The differences, one line each.
pub(super) fn differences(plan: &Plan, differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences {
        let _ = writeln!(text, "{difference}");
    }
    if differences.is_empty() {
        let _ = writeln!(text, "all {} topics match the plan", plan.topics.len());
    }
    text
}

fn counted(partitions: i32) -> String {
    match partitions {
        1 => "1 partition".to_owned(),
        several => format!("{several} partitions"),
    }
}

fn partition_rule(partitions: Partitions) -> &'static str {
    match partitions {
        Partitions::Exactly(_) => "exactly",
        Partitions::AtLeast(_) => "at least",
        Partitions::Any(_) => "any",
    }
}

fn partition_sign(partitions: Partitions) -> char {
    match partitions {
        Partitions::Exactly(_) => '=',
        Partitions::AtLeast(_) => '≥',
        Partitions::Any(_) => '~',
    }
}

fn setting(setting: &Setting) -> String {
    let sign = match setting.demand {
        Demand::Exactly => '=',
        Demand::AtMost => '≤',
        Demand::AtLeast => '≥',
        Demand::Free => '~',
    };
    format!("{}{sign}{}", setting.name, setting.value)
}
