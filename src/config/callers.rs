//! `[[callers]]`: who may write requests, what that grants, and that no two topics are one.

use std::collections::BTreeMap;

use otp_topology::contract::egov::EgovSettings;
use otp_topology::otp::ContractName;
use serde::Deserialize;

use super::problem::Findings;
use super::{Config, known, topic_name};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caller {
    pub name: String,
    pub contract: String,
    pub request_topic: String,
    pub reply_topic: String,
    /// Absent: all operations of the contract.
    pub operations: Option<Vec<String>>,
    #[serde(default)]
    pub reveal_code: bool,
}

/// The operations of a contract; `None` if this build does not serve it.
pub fn operations_of(contract: ContractName) -> Option<Vec<String>> {
    match contract {
        ContractName::Egov => Some(EgovSettings::operations()),
        ContractName::Int | ContractName::Mosip => None,
    }
}

/// The longest name of a caller; it stands in every event.
const NAME_CHARS_MAX: usize = 64;

pub(super) fn check(callers: &[Caller], found: &mut Findings<'_>) {
    if callers.is_empty() {
        found.add("callers", "nobody may ask anything", "keep at least one [[callers]]");
    }
    for (at, caller) in callers.iter().enumerate() {
        let key = |field: &str| format!("callers[{at}].{field}");
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if caller.name.is_empty() || caller.name.len() > NAME_CHARS_MAX || !caller.name.chars().all(legal) {
            found.add(
                key("name"),
                "no name of a caller",
                "use letters, digits, '.', '_' and '-', at most 64 of them",
            );
        }
        if callers[..at].iter().any(|earlier| earlier.name == caller.name) {
            found.add(key("name"), "another caller has this name", "give each caller its own");
        }
        check_operations(caller, &key, found);
        for (field, topic) in [("request_topic", &caller.request_topic), ("reply_topic", &caller.reply_topic)]
        {
            if let Some(fault) = topic_name::fault(topic) {
                found.add(key(field), fault, topic_name::REMEDY);
            }
        }
    }
}

fn check_operations(caller: &Caller, key: &dyn Fn(&str) -> String, found: &mut Findings<'_>) {
    let Some(contract) = ContractName::parse(&caller.contract) else {
        let names = ContractName::ALL.map(ContractName::as_str);
        found.add(key("contract"), "no such contract", format!("the contracts are {}", names.join(", ")));
        return;
    };
    let Some(known) = operations_of(contract) else {
        let served = ContractName::ALL.into_iter().filter(|it| operations_of(*it).is_some());
        let served: Vec<_> = served.map(ContractName::as_str).collect();
        found.add(
            key("contract"),
            "this build does not serve this contract",
            format!("take the caller out; served: {}", served.join(", ")),
        );
        return;
    };
    let Some(operations) = &caller.operations else {
        return;
    };
    if operations.is_empty() {
        found.add(
            key("operations"),
            "a caller without operations can do nothing",
            format!("leave it out for all of them, or name some of {}", known.join(", ")),
        );
    }
    for (at, operation) in operations.iter().enumerate() {
        if known.contains(operation) {
            continue;
        }
        let hint = known::nearest_of(&operation.to_lowercase(), known.iter().map(String::as_str))
            .map_or(String::new(), |near| format!("did you mean {near}? "));
        found.add(
            format!("{}[{at}]", key("operations")),
            format!("{} has no such operation", caller.contract),
            format!("{hint}its operations are {}", known.join(", ")),
        );
    }
}

/// Every topic has one meaning: two keys never name the same.
pub(super) fn check_topics(config: &Config, found: &mut Findings<'_>) {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (key, name) in all_topics(config) {
        match seen.get(&topic_name::collision_key(&name)) {
            None => {
                seen.insert(topic_name::collision_key(&name), (key, name));
            }
            Some((other, same)) if *same == name => found.add(
                key,
                format!("{other} names the topic {name}, too"),
                "give each its own topic: the topic says what a record means",
            ),
            Some((other, near)) => found.add(
                key,
                format!("{name} and {near} ({other}) differ in '.' and '_' only, which brokers refuse"),
                "choose another name",
            ),
        }
    }
}

/// Key and name of every topic, those of the central instance and the internal ones included.
fn all_topics(config: &Config) -> Vec<(String, String)> {
    let id = &config.application.id;
    let mut topics = vec![
        ("application.id".to_owned(), format!("{id}-changelog")),
        ("application.id".to_owned(), format!("{id}-repartition")),
    ];
    for (key, name) in config.kafka.topics.named() {
        let names = match key {
            "sms" | "email" => config.egov.notification_topics(name),
            _ => vec![name.to_owned()],
        };
        topics.extend(names.into_iter().map(|name| (format!("kafka.topics.{key}"), name)));
    }
    for (at, caller) in config.callers.iter().enumerate() {
        topics.push((format!("callers[{at}].request_topic"), caller.request_topic.clone()));
        topics.push((format!("callers[{at}].reply_topic"), caller.reply_topic.clone()));
    }
    topics
}
