//! What is promised of codes, judged from the events alone: who got which, which was accepted, when nothing may be.

use std::collections::{BTreeMap, BTreeSet};

use otp_topology::otp::LogTime;
use otp_topology::wire::{headers, rfc3339};
use serde_json::Value;

use super::header;
use crate::broker::Stored;
use crate::house::ADMIN;
use crate::oracle::{Judged, Oracle};
use crate::workload::{PEOPLE, Phones};

/// No policy of the workload allows more wrong tries.
const TRIES_MAX: u64 = 3;
/// Answers to one subject after which an earlier one may be forgotten.
const REMEMBERED_MAX: usize = 15;
const REMEMBERED_MS: u64 = 14 * 60 * 1000;
/// From then on the sweep may have forgotten an answer, whatever the time of a request that comes late.
const SWEPT_MS: u64 = 29 * 60 * 1000;

#[derive(Default)]
pub struct Codes {
    /// Codes by number, in the order of the messages.
    phones: BTreeMap<String, Vec<String>>,
    /// Codes of a challenge and the end of its life.
    issued: BTreeMap<String, (Vec<String>, u64)>,
    /// Of every message that was ever produced, also in vain.
    landed: BTreeMap<String, String>,
    pub all: BTreeSet<String>,
    accepted: BTreeSet<String>,
    wrong: BTreeMap<String, u64>,
    /// Locks by subject: from, until.
    locks: BTreeMap<String, (u64, u64)>,
    ids: BTreeSet<(String, String)>,
    pub is_recreated: bool,
    /// What a request typed, by its id.
    pub typed: BTreeMap<String, String>,
    /// By request id: how many answers its person had before, the time, and the answer as it was first given.
    first: BTreeMap<String, (usize, u64, String)>,
    /// Answers that each person got.
    answers: [usize; PEOPLE],
    /// Whose request it is and when it was appended, by correlation id.
    pub requests: BTreeMap<String, (usize, u64)>,
    /// The latest append time among the answered requests of each person.
    latest: [u64; PEOPLE],
    /// The latest append time of an order.
    ordered: u64,
    /// People that the directory has held since before the first start.
    pub known: BTreeSet<String>,
}

impl Phones for Codes {
    fn last_code(&self, mobile: &str) -> Option<String> {
        self.phones.get(mobile)?.last().cloned()
    }

    fn first_code(&self, mobile: &str) -> Option<String> {
        self.phones.get(mobile)?.first().cloned()
    }
}

impl Codes {
    /// A record lies on a topic since then, by its log.
    pub fn appended(&mut self, topic: &str, correlation: Option<&str>, time: u64) {
        if topic == ADMIN {
            self.ordered = self.ordered.max(time);
        } else if let Some(request) = correlation.and_then(|it| self.requests.get_mut(it)) {
            request.1 = time;
        }
    }

    /// Also readers that forget `read_committed` see one code for one delivery, unless a record before it was given up.
    ///
    /// # Errors
    /// They see two.
    pub fn landed(&mut self, record: &Stored) -> Judged {
        let body = json(record)?;
        let (id, code) = (text(&body, "eventId"), code_in(&body));
        self.all.insert(code.clone());
        match self.landed.insert(id.to_owned(), code.clone()) {
            // Later deliveries rotate or not by the policy, which a crash may let arrive earlier or later.
            Some(before) if id.ends_with("-sms-1") && before.len() == code.len() && before != code => {
                Err(Oracle::OneCode.broken(format!("the delivery {id} was produced with two codes")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// # Errors
    /// What the event says may not be.
    pub fn committed(&mut self, topic: &str, record: &Stored, now: u64) -> Judged {
        let is_event = matches!(topic, "sms" | "email" | "results" | "lifecycle" | "dead-letters");
        if is_event {
            let id = header(record, "ce_id").unwrap_or_default().to_owned();
            let is_new = self.ids.insert((topic.to_owned(), id.clone()));
            // A dead letter is named after its record's place, and a topic made anew has the same places again.
            if !(is_new || self.is_recreated && topic == "dead-letters") {
                return Err(Oracle::OneEvent.broken(format!("the event {id} is on {topic} twice")));
            }
        }
        match topic {
            "sms" => self.message(record),
            "results" => self.result(record),
            "lifecycle" => self.lifecycle(record),
            "replies" | "desk-replies" => self.reply(record, now),
            "dead-letters" if header(record, headers::OTP_ERROR_CODE) == Some("poison") => {
                // What comes after it in its batch runs again in a history without it, in which a code may rotate less.
                self.landed.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn message(&mut self, record: &Stored) -> Judged {
        let body = json(record)?;
        let code = code_in(&body);
        let id = text(&body, "eventId");
        let challenge = id.split("-sms-").next().unwrap_or_default().to_owned();
        let issued = self.issued.entry(challenge).or_default();
        issued.0.push(code.clone());
        issued.1 = body["expiryTime"].as_u64().unwrap_or(0);
        self.phones.entry(text(&body, "mobileNumber").to_owned()).or_default().push(code);
        Ok(())
    }

    fn result(&mut self, record: &Stored) -> Judged {
        let body = json(record)?;
        let (subject, challenge) = (text(&body, "subject").to_owned(), text(&body, "challengeId").to_owned());
        let at = body["occurredAt"].as_u64().unwrap_or(0);
        if text(&body, "reason") == "wrong_code" {
            *self.wrong.entry(challenge).or_default() += 1;
            if let Some(until) = body["lockedUntil"].as_u64() {
                self.locks.insert(subject, (at, until));
            }
            return Ok(());
        }
        if text(&body, "result") != "accepted" {
            return Ok(());
        }
        if let Some((from, until)) = self.locks.get(&subject)
            && (*from..*until).contains(&at)
        {
            return Err(Oracle::Locks
                .broken(format!("a code of challenge {challenge} is accepted while its subject is locked")));
        }
        if self.wrong.get(&challenge).copied().unwrap_or(0) >= TRIES_MAX {
            return Err(Oracle::Acceptance
                .broken(format!("a code of challenge {challenge} is accepted past its tries")));
        }
        if !self.accepted.insert(challenge.clone()) {
            return Err(
                Oracle::Acceptance.broken(format!("the code of challenge {challenge} is accepted twice"))
            );
        }
        let typed = self.typed.get(text(&body, "requestId")).cloned().unwrap_or_default();
        match self.issued.get(&challenge) {
            Some((_, expires)) if at > *expires => Err(Oracle::Acceptance
                .broken(format!("the code of challenge {challenge} is accepted after its end"))),
            Some((codes, _)) if !codes.contains(&typed) => Err(Oracle::Acceptance
                .broken(format!("challenge {challenge} accepts a code that nobody was sent"))),
            Some(_) | None => Ok(()),
        }
    }

    fn lifecycle(&mut self, record: &Stored) -> Judged {
        let body = json(record)?;
        match text(&body, "type") {
            "unlocked" => drop(self.locks.remove(text(&body, "subject"))),
            "forgotten" => {
                self.locks.remove(text(&body, "subject"));
                self.first.clear();
            }
            "issued" | "resent" => {
                let at = body["occurredAt"].as_u64().unwrap_or(0);
                if let Some((from, until)) = self.locks.get(text(&body, "subject"))
                    && (*from..*until).contains(&at)
                {
                    return Err(Oracle::Locks.broken("a code is issued while its subject is locked"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A repeated request gets the same answer.
    fn reply(&mut self, record: &Stored, now: u64) -> Judged {
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        let id = header(record, "ce_causationid").unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let is_unknown =
            body.contains("OTP.UNKNOWN_CREDENTIAL") || body.contains("OTP.UNKNOWN_MOBILE_NUMBER");
        if is_unknown && self.known.contains(correlation) {
            return Err(Oracle::Directory
                .broken(format!("{correlation} asks for somebody who was in the directory all the time")));
        }
        let Some((who, appended)) = self.requests.get(correlation).copied() else { return Ok(()) };
        let before = self.answers[who];
        self.answers[who] += 1;
        let (event, told) = (header(record, "ce_id").unwrap_or_default(), header(record, "ce_time"));
        let told = told.unwrap_or_default();
        // The time at which it was judged: never before that of an earlier request of the same subject.
        let time = rfc3339::parse(told).map_or(0, LogTime::ms);
        let answer = format!("{event} {told} {body}");
        let latest = &mut self.latest[who];
        *latest = appended.max(*latest);
        if time > self.ordered.max(*latest) {
            let what = format!("{correlation} was appended at {appended} and is judged at {time}");
            return Err(Oracle::LogTime.broken(what));
        }
        match self.first.get(&id) {
            Some((.., first)) if *first == answer => {}
            Some((number, at, first))
                if before - number < REMEMBERED_MAX
                    && time.abs_diff(*at) < REMEMBERED_MS
                    && now.saturating_sub(*at) < SWEPT_MS =>
            {
                return Err(Oracle::Repeats
                    .broken(format!("the request {id} was answered {first}, and repeated {answer}")));
            }
            Some(_) | None => drop(self.first.insert(id, (before, time, answer))),
        }
        Ok(())
    }
}

fn json(record: &Stored) -> Judged<Value> {
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value)
        .map_err(|error| Oracle::OneEvent.broken(format!("an event is no JSON: {error}")))
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

/// The last run of digits that is long enough for a code.
fn code_in(body: &Value) -> String {
    let message = text(body, "message");
    let runs = message.split(|it: char| !it.is_ascii_digit());
    runs.rev().find(|run| run.len() >= 6).unwrap_or_default().to_owned()
}
