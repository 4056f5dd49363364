//! Audits all committed events: one reply per request, one result per verification, one notification per delivery, and no code
//! accepted twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::event::{Event, Request};
use super::scenario::Topics;

/// The operations that judge a code, of every contract.
const VERIFICATIONS: [&str; 4] =
    ["validate", "VALIDATE", "mosip.otp.validate", "mosip.authentication.useridOTP"];

/// The records that were produced under one request id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Produced {
    /// How often the request was produced.
    pub times: usize,
    /// Its value is not a JSON object, so it becomes a dead letter and gets no reply.
    pub undecodable: bool,
    pub verifies: bool,
    /// Of the contracts `int` and `mosip`, whose replies do not say whose they are.
    pub body: Option<Value>,
}

impl Produced {
    pub(crate) fn count(&mut self, request: &Request) {
        self.times += 1;
        let body: Option<Value> = request.payload.as_deref().and_then(|p| serde_json::from_slice(p).ok());
        let is_of_others = |body: &&Value| body.get("operationType").is_some() || body.get("id").is_some();
        self.body = body.as_ref().filter(is_of_others).cloned();
        self.undecodable = !body.as_ref().is_some_and(Value::is_object);
        self.verifies = body.is_some_and(|body| {
            let named = [&body["operation"], &body["operationType"], &body["id"]].map(Value::as_str);
            named.into_iter().flatten().any(|it| VERIFICATIONS.contains(&it))
        });
    }
}

/// Every violation.
pub(crate) fn findings(
    topics: &Topics,
    events: &[Event],
    produced: &BTreeMap<String, Produced>,
) -> Vec<String> {
    let mut findings = Vec::new();
    findings.extend(replies(topics, events, produced));
    findings.extend(dead_letters(topics, events, produced));
    findings.extend(results(topics, events, produced));
    findings.extend(deliveries(topics, events));
    findings.extend(single_use(topics, events));
    findings.extend(event_ids(topics, events));
    findings
}

fn of<'a>(events: &'a [Event], topic: &str) -> impl Iterator<Item = &'a Event> {
    events.iter().filter(move |e| e.topic == topic)
}

/// Exactly one reply for each time that a request was produced. All replies to one request are equal.
fn replies(topics: &Topics, events: &[Event], produced: &BTreeMap<String, Produced>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut replies: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for reply in events.iter().filter(|event| topics.is_reply(event)) {
        replies.entry(reply.cause()).or_default().push(reply);
    }
    for (id, produced) in produced {
        let replies = replies.remove(id.as_str()).unwrap_or_default();
        let expected = if produced.undecodable { 0 } else { produced.times };
        if replies.len() != expected {
            findings.push(format!("{id}: {} replies, not {expected}", replies.len()));
        }
        let distinct: BTreeSet<_> = replies
            .iter()
            .map(|r| (&r.payload, r.text("ce_id"), r.text("ce_time"), r.text("authorization")))
            .collect();
        if distinct.len() > 1 {
            findings.push(format!("{id}: {} different replies", distinct.len()));
        }
    }
    findings.extend(replies.keys().map(|id| format!("{id}: a reply without a request")));
    findings
}

/// Exactly one dead letter for each time that a request was produced that cannot be read, and none for the others.
fn dead_letters(topics: &Topics, events: &[Event], produced: &BTreeMap<String, Produced>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for letter in of(events, &topics.dead_letters) {
        *counts.entry(letter.cause()).or_default() += 1;
    }
    let wrong = produced.iter().filter_map(|(id, produced)| {
        let count = counts.get(id.as_str()).copied().unwrap_or(0);
        let expected = if produced.undecodable { produced.times } else { 0 };
        (count != expected).then(|| format!("{id}: {count} dead letters, not {expected}"))
    });
    wrong.collect()
}

/// Exactly one result for each verification, also if it was repeated. No result for other requests.
fn results(topics: &Topics, events: &[Event], produced: &BTreeMap<String, Produced>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in of(events, &topics.results) {
        *counts.entry(result.cause()).or_default() += 1;
    }
    let wrong = produced.iter().filter_map(|(id, produced)| {
        let (count, expected) =
            (counts.get(id.as_str()).copied().unwrap_or(0), usize::from(produced.verifies));
        (count != expected).then(|| format!("{id}: {count} validation results, not {expected}"))
    });
    wrong.collect()
}

/// Exactly one notification for each delivery in the lifecycle events, and no other notification.
fn deliveries(topics: &Topics, events: &[Event]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut sends = BTreeSet::new();
    let mut reported: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for event in of(events, &topics.lifecycle) {
        let body = event.body();
        if body["type"] != "issued" && body["type"] != "resent" {
            continue;
        }
        for channel in body["channels"].as_array().into_iter().flatten() {
            let channel = channel.as_str().expect("a channel").to_owned();
            let send = (body["challengeId"].to_string(), body["sendNumber"].to_string(), channel.clone());
            if !sends.insert(send.clone()) {
                findings.push(format!("reported twice: challenge {} send {} by {}", send.0, send.1, send.2));
            }
            *reported.entry((event.cause(), channel)).or_default() += 1;
        }
    }
    let mut sent: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (topic, channel) in [(&topics.sms, "sms"), (&topics.email, "email")] {
        for event in of(events, topic) {
            *sent.entry((event.cause(), channel.to_owned())).or_default() += 1;
        }
    }
    for key in reported.keys().chain(sent.keys()).collect::<BTreeSet<_>>() {
        let (reported, sent) = (reported.get(key).copied().unwrap_or(0), sent.get(key).copied().unwrap_or(0));
        if reported != 1 || sent != 1 {
            findings.push(format!("{}: reported {reported} times, sent {sent} times by {}", key.0, key.1));
        }
    }
    findings
}

/// A challenge is accepted at most once.
fn single_use(topics: &Topics, events: &[Event]) -> Vec<String> {
    let mut accepted: BTreeMap<String, usize> = BTreeMap::new();
    for event in of(events, &topics.results) {
        let body = event.body();
        if body["result"] == "accepted" {
            *accepted.entry(body["challengeId"].to_string()).or_default() += 1;
        }
    }
    let twice = accepted.into_iter().filter(|(_, count)| *count > 1);
    twice.map(|(id, count)| format!("challenge {id} was accepted {count} times")).collect()
}

/// Event ids are unique, except those of replies to repeated requests. All events have the `ce_*` headers.
fn event_ids(topics: &Topics, events: &[Event]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut ids = BTreeSet::new();
    for event in events.iter().filter(|e| e.topic != topics.dead_letters) {
        let place = format!("{}[{}]@{}", event.topic, event.partition, event.offset);
        for name in ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"] {
            if event.header(name).is_none() {
                findings.push(format!("{place}: missing header {name}"));
            }
        }
        if !topics.is_reply(event) && !ids.insert(event.text("ce_id")) {
            findings.push(format!("{place}: duplicate event id {}", event.text("ce_id")));
        }
    }
    findings
}
