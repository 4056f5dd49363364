//! Checks the committed events of each code, independently of the rules inside the program: a code is accepted only before its
//! expiry, within its tries and never under a lock; tries are counted without a gap; each change of a challenge is reported
//! once.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::Event;
use super::scenario::Topics;

/// The limits of the scenario's policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PolicyLimits {
    pub wrong_tries_max: u64,
    /// Lifetime of a code without an SMS. Other codes carry their expiry in the SMS.
    pub lifetime_ms: u64,
}

/// The state of one subject, from its results in log order.
#[derive(Default)]
struct SubjectHistory {
    locked_until: u64,
    /// Wrong tries by challenge.
    tries: BTreeMap<String, u64>,
}

/// Every violation.
pub(crate) fn findings(topics: &Topics, events: &[Event], limits: PolicyLimits) -> Vec<String> {
    let ends = expiry_times(topics, events, limits);
    let mut histories: BTreeMap<String, (i32, SubjectHistory)> = BTreeMap::new();
    let mut findings = Vec::new();
    let mut results: Vec<&Event> = events.iter().filter(|e| e.topic == topics.results).collect();
    // The events of a partition arrived in their order. Offsets begin again in a topic that was created again.
    results.sort_by_key(|e| e.partition);
    for event in results {
        let body = event.body();
        let subject = text(&body["subject"]);
        if subject.is_empty() {
            continue;
        }
        let (partition, life) =
            histories.entry(subject).or_insert((event.partition, SubjectHistory::default()));
        let mut broken = life.judge(&body, &ends, limits);
        if *partition != event.partition {
            broken.push(format!("its subject has results on partition {partition}, too"));
        }
        let place = format!("{}[{}]@{}", event.topic, event.partition, event.offset);
        findings.extend(broken.into_iter().map(|what| format!("{} at {place}: {what}", event.cause())));
    }
    findings.extend(reported_once(topics, events));
    findings
}

impl SubjectHistory {
    fn judge(&mut self, result: &Value, ends: &BTreeMap<String, u64>, limits: PolicyLimits) -> Vec<String> {
        let mut broken = Vec::new();
        let challenge = text(&result["challengeId"]);
        let at = result["occurredAt"].as_u64().expect("a time");
        let tries = self.tries.entry(challenge.clone()).or_default();
        if result["result"] == "accepted" {
            match ends.get(&challenge) {
                None => broken.push("accepted without an `issued` event".to_owned()),
                Some(end) if at > *end => {
                    broken.push(format!("accepted {} ms after its expiry", at - end));
                }
                Some(_) => {}
            }
            if at < self.locked_until {
                broken.push(format!("accepted {} ms before the end of a lock", self.locked_until - at));
            }
            if *tries >= limits.wrong_tries_max {
                broken.push(format!("accepted after {tries} wrong tries"));
            }
        }
        if result["reason"] == "wrong_code" {
            *tries += 1;
            if result["attempts"].as_u64() != Some(*tries) {
                broken.push(format!("counted as try {}, but it is try {tries}", result["attempts"]));
            }
            self.locked_until = self.locked_until.max(result["lockedUntil"].as_u64().unwrap_or(0));
        }
        broken
    }
}

/// The expiry time of each issued code, by challenge.
fn expiry_times(topics: &Topics, events: &[Event], limits: PolicyLimits) -> BTreeMap<String, u64> {
    let mut by_request: BTreeMap<&str, u64> = BTreeMap::new();
    for event in events.iter().filter(|e| e.topic == topics.sms) {
        by_request.insert(event.cause(), event.body()["expiryTime"].as_u64().expect("a time"));
    }
    let mut ends = BTreeMap::new();
    for event in events.iter().filter(|e| e.topic == topics.lifecycle) {
        let body = event.body();
        if body["type"] == "issued" {
            let in_sms = by_request.get(event.cause()).copied();
            let end = in_sms.unwrap_or(body["occurredAt"].as_u64().expect("a time") + limits.lifetime_ms);
            ends.insert(text(&body["challengeId"]), end);
        }
    }
    ends
}

/// A challenge is reported as issued, verified, failed, superseded and expired at most once each.
fn reported_once(topics: &Topics, events: &[Event]) -> Vec<String> {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for event in events.iter().filter(|e| e.topic == topics.lifecycle) {
        let body = event.body();
        let kind = text(&body["type"]);
        if ["issued", "verified", "failed", "superseded", "expired"].contains(&kind.as_str()) {
            *counts.entry((text(&body["challengeId"]), kind)).or_default() += 1;
        }
    }
    let twice = counts.into_iter().filter(|(_, count)| *count > 1);
    twice
        .map(|((id, kind), count)| format!("challenge {id} was reported as `{kind}` {count} times"))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(topics: &Topics, topic: &str, offset: i64, body: &Value) -> Event {
        assert!([&topics.results, &topics.lifecycle, &topics.sms].iter().any(|it| *it == topic));
        Event {
            topic: topic.to_owned(),
            partition: 0,
            offset,
            timestamp: 0,
            key: None,
            payload: Some(body.to_string().into_bytes()),
            headers: vec![("ce_causationid".to_owned(), b"cause".to_vec())],
        }
    }

    /// One challenge, valid from 1000 to 2000, with these results: reason, attempts, time, locked until.
    fn check(results: &[(&str, u64, u64, Option<u64>)], expected: &str) {
        let topics = Topics::of("history");
        let mut events = vec![
            event(&topics, &topics.sms, 0, &json!({"expiryTime": 2000})),
            event(
                &topics,
                &topics.lifecycle,
                0,
                &json!({"type": "issued", "challengeId": "c", "occurredAt": 1000}),
            ),
        ];
        for (offset, (reason, attempts, at, locked_until)) in results.iter().enumerate() {
            let result = if *reason == "verified" { "accepted" } else { "rejected" };
            let body = json!({
                "subject": "s", "challengeId": "c", "result": result, "reason": reason, "attempts": attempts,
                "occurredAt": at, "lockedUntil": locked_until,
            });
            events.push(event(&topics, &topics.results, offset as i64, &body));
        }
        let limits = PolicyLimits { wrong_tries_max: 2, lifetime_ms: 0 };
        let found = findings(&topics, &events, limits).join("; ");
        assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found:?}");
    }

    #[test]
    fn violations_are_found() {
        check(&[("wrong_code", 1, 1100, None), ("verified", 1, 1200, None)], "");
        check(&[("verified", 0, 2001, None)], "1 ms after its expiry");
        check(
            &[("wrong_code", 1, 1100, None), ("wrong_code", 1, 1200, None)],
            "counted as try 1, but it is try 2",
        );
        check(&[("wrong_code", 2, 1100, None)], "counted as try 2, but it is try 1");
        check(
            &[("wrong_code", 1, 1100, None), ("wrong_code", 2, 1200, None), ("verified", 2, 1300, None)],
            "accepted after 2 wrong tries",
        );
        check(
            &[("wrong_code", 1, 1100, Some(1900)), ("verified", 1, 1800, None)],
            "100 ms before the end of a lock",
        );
    }
}
