//! Checks `[[callers]]`, and that every topic has one meaning.

use std::collections::BTreeMap;

use otp_topology::contract::{CallerGrant, Contracts, SettingsFindings};
use otp_topology::deployment::topics::{Topic, topics};
use otp_topology::deployment::{CallerSettings, Settings};
use otp_topology::wire::topic_name;

use super::findings::Findings;
use super::known;

/// The longest name of a caller: every event contains it.
const NAME_CHARS_MAX: usize = 64;

pub(super) fn check(callers: &[CallerSettings], contracts: &Contracts, found: &mut Findings<'_>) {
    if callers.is_empty() {
        found.add(
            "callers",
            "no callers are configured: the service would read no request topic",
            "keep at least one [[callers]]",
        );
    }
    for (at, caller) in callers.iter().enumerate() {
        let key = |field: &str| format!("callers[{at}].{field}");
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if caller.name.is_empty() || caller.name.len() > NAME_CHARS_MAX || !caller.name.chars().all(legal) {
            found.add(
                key("name"),
                "not a valid caller name",
                "use letters, digits, '.', '_' and '-', at most 64 of them",
            );
        }
        if callers[..at].iter().any(|earlier| earlier.name == caller.name) {
            found.add(key("name"), "another caller has this name", "give each caller its own");
        }
        check_operations(caller, at, contracts, &key, found);
        for (field, topic) in [("request_topic", &caller.request_topic), ("reply_topic", &caller.reply_topic)]
        {
            if let Some(fault) = topic_name::fault(topic) {
                found.add(key(field), fault, topic_name::REMEDY);
            }
        }
    }
}

fn check_operations(
    caller: &CallerSettings,
    at: usize,
    contracts: &Contracts,
    key: &dyn Fn(&str) -> String,
    found: &mut Findings<'_>,
) {
    let known = contracts.get(caller.contract).map_or(&[][..], |contract| contract.operations());
    if known.is_empty() {
        let served = contracts.iter().filter(|contract| !contract.operations().is_empty());
        let served: Vec<_> = served.map(|contract| contract.name().as_str()).collect();
        found.add(
            key("contract"),
            "this build does not serve this contract",
            format!("take the caller out; served: {}", served.join(", ")),
        );
        return;
    }
    check_grant(caller, at, contracts, found);
    let Some(operations) = &caller.operations else {
        return;
    };
    if operations.is_empty() {
        found.add(
            key("operations"),
            "no operations are listed: the caller could do nothing",
            format!("leave it out for all of them, or name some of {}", known.join(", ")),
        );
    }
    for (at, operation) in operations.iter().enumerate() {
        if known.contains(&operation.as_str()) {
            continue;
        }
        let hint = known::nearest_of(&operation.to_lowercase(), known.iter().copied())
            .map_or(String::new(), |near| format!("did you mean {near}? "));
        found.add(
            format!("{}[{at}]", key("operations")),
            format!("{} has no such operation", caller.contract.as_str()),
            format!("{hint}its operations are {}", known.join(", ")),
        );
    }
}

/// What the contract says of everything that the caller is granted.
fn check_grant(caller: &CallerSettings, at: usize, contracts: &Contracts, found: &mut Findings<'_>) {
    let Some(contract) = contracts.get(caller.contract) else { return };
    let mut findings = SettingsFindings::new(format!("callers[{at}]"));
    let grant = CallerGrant {
        operations: &caller.operations_of(&**contract),
        reveal_code: caller.reveal_code,
        utc_offset: caller.utc_offset,
    };
    contract.check_caller(&grant, &mut findings);
    findings.into_vec().into_iter().for_each(|it| found.add(it.key, it.what, it.remedy));
}

/// Every topic has one meaning: no two keys name the same topic.
pub(super) fn check_topics(settings: &Settings, found: &mut Findings<'_>) {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    for Topic { key, name, .. } in topics(settings) {
        match seen.get(&topic_name::collision_key(&name)) {
            None => {
                seen.insert(topic_name::collision_key(&name), (key, name));
            }
            Some((other, same)) if *same == name => found.add(
                key,
                format!("{other} also names the topic {name}"),
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
