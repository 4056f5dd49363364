//! Checks the promises about codes from the events alone: who got which code, which code was accepted, and when nothing
//! may be accepted.

use std::collections::{BTreeMap, BTreeSet};

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;
use serde_json::Value;

use crate::broker::StoredRecord;
use crate::house::{ADMIN, NUMBER_HOUR_MAX};
use crate::oracle::{Oracle, Verdict};
use crate::records::header;
use crate::workload::{CodePath, Phones};

/// The largest number of wrong tries that a policy of the workload allows.
const WRONG_TRIES_MAX: u64 = 4;
/// Errors of requests that came too late. They did nothing: a repeat of such a request is judged anew.
pub(super) const STALE: [&str; 3] = ["OTP.STALE_REQUEST", "OTP-STALE-REQUEST", "\"errorCode\":8,"];
/// Later replies to the same subject after which a remembered reply may be gone.
const REMEMBERED_MAX: usize = 15;
const HOUR_MS: u64 = 60 * 60 * 1000;
const REMEMBERED_MS: u64 = 14 * 60 * 1000;
/// Age at which the sweep may have removed a remembered reply, even for a request with an earlier append time.
const SWEPT_MS: u64 = 29 * 60 * 1000;

#[derive(Default)]
pub(crate) struct Codes {
    /// Codes by path and phone number, in the order of the messages.
    phones: BTreeMap<(CodePath, String), Vec<String>>,
    /// The codes of each challenge, and when it expires.
    issued: BTreeMap<String, (Vec<String>, u64)>,
    /// The code of every delivery that was ever produced, including those of aborted transactions.
    produced: BTreeMap<String, String>,
    pub all: BTreeSet<String>,
    accepted: BTreeSet<String>,
    wrong: BTreeMap<String, u64>,
    /// Locks by subject: start and end.
    locks: BTreeMap<String, (u64, u64)>,
    ids: BTreeSet<(String, String)>,
    pub is_recreated: bool,
    /// The code in each request to validate, by request id.
    pub typed: BTreeMap<String, String>,
    /// First replies by request id: the number of earlier replies to the subject, the time, and the reply.
    first: BTreeMap<String, (usize, u64, String)>,
    /// Number of replies to each subject.
    replies: BTreeMap<String, usize>,
    /// By correlation id.
    pub requests: BTreeMap<String, AskedRequest>,
    /// The latest append time among the requests of each subject that got a reply.
    latest: BTreeMap<String, u64>,
    /// The latest append time of an admin command.
    admin: u64,
    /// Deliveries by number and by the clock hour in which they were asked for. `None`: they are not limited.
    numbers: Option<BTreeMap<(String, u64), u64>>,
    /// Correlation ids of requests for people who have been in the directory since before the first start.
    pub known: BTreeSet<String>,
}

/// A request as it was appended.
pub(crate) struct AskedRequest {
    /// In canonical form.
    pub subject: String,
    mobile: String,
    appended: u64,
}

impl Phones for Codes {
    fn last_code(&self, path: CodePath, mobile: &str) -> Option<String> {
        self.phones.get(&(path, mobile.to_owned()))?.last().cloned()
    }

    fn first_code(&self, path: CodePath, mobile: &str) -> Option<String> {
        self.phones.get(&(path, mobile.to_owned()))?.first().cloned()
    }
}

impl Codes {
    pub(super) fn new(is_limited: bool) -> Self {
        Self { numbers: is_limited.then(BTreeMap::new), ..Self::default() }
    }

    /// A request is to be appended.
    pub(crate) fn asked(&mut self, correlation: &str, subject: String, mobile: String) {
        self.requests.insert(correlation.to_owned(), AskedRequest { subject, mobile, appended: 0 });
    }

    /// A record was appended; `time` is its append time.
    pub(crate) fn appended(&mut self, topic: &str, correlation: Option<&str>, time: u64) {
        if topic == ADMIN {
            self.admin = self.admin.max(time);
        } else if let Some(request) = correlation.and_then(|it| self.requests.get_mut(it)) {
            request.appended = time;
        }
    }

    /// An SMS record arrived at the broker. Readers that do not use `read_committed` must see one code for one delivery, too.
    ///
    /// # Errors
    /// The delivery was produced with another code before.
    pub(crate) fn produced(&mut self, record: &StoredRecord) -> Verdict {
        let body = json(record)?;
        let (id, code) = (text(&body, "eventId"), code_in(&body));
        self.all.insert(code.clone());
        match self.produced.insert(id.to_owned(), code.clone()) {
            // Whether later deliveries rotate the code depends on the policy, and a crash may change its order.
            Some(before) if id.ends_with("-sms-1") && before.len() == code.len() && before != code => {
                Err(Oracle::OneCode.violation(format!("the delivery {id} was produced with two codes")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Checks a committed record.
    ///
    /// # Errors
    /// Its event breaks a promise.
    pub(crate) fn committed(&mut self, topic: &str, record: &StoredRecord, now: u64) -> Verdict {
        let is_event = matches!(topic, "sms" | "email" | "results" | "lifecycle" | "dead-letters");
        if is_event {
            let id = header(record, "ce_id").unwrap_or_default().to_owned();
            let is_new = self.ids.insert((topic.to_owned(), id.clone()));
            // The id of a dead letter contains the coordinates of its record, and a recreated topic repeats coordinates.
            if !(is_new || self.is_recreated && topic == "dead-letters") {
                return Err(
                    Oracle::OneEvent.violation(format!("the event {id} is committed to {topic} twice"))
                );
            }
        }
        match topic {
            "sms" => self.message(record),
            "results" => self.result(record),
            "lifecycle" => self.lifecycle(record),
            replies if replies.ends_with("replies") => self.reply(record, now),
            _ => {
                // Its subject has the time of a request that is under way.
                if header(record, "otp.kind") == Some("hop") {
                    self.under_way(record);
                }
                Ok(())
            }
        }
    }

    fn message(&mut self, record: &StoredRecord) -> Verdict {
        let body = json(record)?;
        let code = code_in(&body);
        let id = text(&body, "eventId");
        let challenge = id.split("-sms-").next().unwrap_or_default().to_owned();
        let issued = self.issued.entry(challenge).or_default();
        issued.0.push(code.clone());
        issued.1 = body["expiryTime"].as_u64().unwrap_or(0);
        let number = text(&body, "mobileNumber").to_owned();
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        let request = self.requests.get(correlation);
        let path = match request.and_then(|it| it.subject.split('|').next()) {
            Some("int") => CodePath::Int,
            Some("mosip") => CodePath::SendOtp,
            Some(_) | None => CodePath::Egov,
        };
        let asked_at = request.map_or(0, |it| it.appended);
        self.phones.entry((path, number.clone())).or_default().push(code);
        if let Some(numbers) = &mut self.numbers {
            let count = numbers.entry((number, asked_at / HOUR_MS)).or_default();
            *count += 1;
            if *count > NUMBER_HOUR_MAX {
                let what = format!("{correlation} is delivery {count} to its number within an hour");
                return Err(Oracle::NumberLimit.violation(what));
            }
        }
        Ok(())
    }

    fn under_way(&mut self, record: &StoredRecord) {
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        if let Some(AskedRequest { subject, appended, .. }) = self.requests.get(correlation) {
            let latest = self.latest.entry(subject.clone()).or_default();
            *latest = (*latest).max(*appended);
        }
    }

    fn result(&mut self, record: &StoredRecord) -> Verdict {
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
            return Err(Oracle::Locks.violation(format!(
                "a code of challenge {challenge} is accepted while its subject is locked"
            )));
        }
        if self.wrong.get(&challenge).copied().unwrap_or(0) >= WRONG_TRIES_MAX {
            return Err(Oracle::Acceptance
                .violation(format!("a code of challenge {challenge} is accepted after its last wrong try")));
        }
        if !self.accepted.insert(challenge.clone()) {
            return Err(
                Oracle::Acceptance.violation(format!("the code of challenge {challenge} is accepted twice"))
            );
        }
        let typed = self.typed.get(text(&body, "requestId")).cloned().unwrap_or_default();
        match self.issued.get(&challenge) {
            Some((_, expires)) if at > *expires => Err(Oracle::Acceptance
                .violation(format!("the code of challenge {challenge} is accepted after it has expired"))),
            Some((codes, _)) if !codes.contains(&typed) => Err(Oracle::Acceptance
                .violation(format!("challenge {challenge} accepts a code that was not sent"))),
            Some(_) | None => Ok(()),
        }
    }

    fn lifecycle(&mut self, record: &StoredRecord) -> Verdict {
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
                    return Err(Oracle::Locks.violation("a code is issued while its subject is locked"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Checks a reply: its time, and that a repeated request gets the first reply again.
    fn reply(&mut self, record: &StoredRecord, now: u64) -> Verdict {
        let correlation = header(record, "ce_correlationid").unwrap_or_default();
        let id = header(record, "ce_causationid").unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
        let is_unknown =
            body.contains("OTP.UNKNOWN_CREDENTIAL") || body.contains("OTP.UNKNOWN_MOBILE_NUMBER");
        if is_unknown && self.known.contains(correlation) {
            return Err(Oracle::Directory.violation(format!(
                "{correlation} is about a person who was in the directory all the time"
            )));
        }
        let Some(AskedRequest { subject, mobile, appended }) = self.requests.get(correlation) else {
            return Ok(());
        };
        if let Some((path, code)) = revealed(record) {
            self.all.insert(code.clone());
            self.phones.entry((path, mobile.clone())).or_default().push(code);
        }
        let count = self.replies.entry(subject.clone()).or_default();
        let before = *count;
        *count += 1;
        let [event, at] = ["ce_id", "ce_time"].map(|name| header(record, name).unwrap_or_default());
        // The log time of the decision, which never goes back for a subject.
        let time = rfc3339::parse(at).map_or(0, LogTime::ms);
        let token = header(record, "authorization").unwrap_or_default();
        let reply = format!("{event} {at} {body} {token}");
        let latest = self.latest.entry(subject.clone()).or_default();
        *latest = (*appended).max(*latest);
        if time > self.admin.max(*latest) {
            let what = format!("{correlation} was appended at {appended}, but is decided at {time}");
            return Err(Oracle::LogTime.violation(what));
        }
        if STALE.iter().any(|code| body.contains(code)) {
            return Ok(());
        }
        match self.first.get(&id) {
            Some((.., first)) if *first == reply => {}
            Some((number, first_at, first))
                if before - number < REMEMBERED_MAX
                    && time.abs_diff(*first_at) < REMEMBERED_MS
                    && now.saturating_sub(*first_at) < SWEPT_MS =>
            {
                return Err(Oracle::Repeats
                    .violation(format!("the request {id} got {first}, and its repeat got {reply}")));
            }
            Some(_) | None => drop(self.first.insert(id, (before, time, reply))),
        }
        Ok(())
    }
}

fn json(record: &StoredRecord) -> Verdict<Value> {
    let value = record.value.as_deref().unwrap_or_default();
    serde_json::from_slice(value)
        .map_err(|error| Oracle::OneEvent.violation(format!("an event is not JSON: {error}")))
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_default()
}

/// The code that a reply of another contract than `egov` shows.
fn revealed(record: &StoredRecord) -> Option<(CodePath, String)> {
    let body = json(record).ok()?;
    let [of_int, generated] = [&body["otp"], &body["response"]["otp"]].map(Value::as_str);
    let of_int = of_int.map(|code| (CodePath::Int, code));
    let found = of_int.or(generated.map(|code| (CodePath::Generate, code)));
    found.filter(|(_, code)| *code != "null").map(|(path, code)| (path, code.to_owned()))
}

/// The last run of digits in the message that is long enough for a code.
fn code_in(body: &Value) -> String {
    let message = text(body, "message");
    let runs = message.split(|it: char| !it.is_ascii_digit());
    runs.rev().find(|run| run.len() >= 4).unwrap_or_default().to_owned()
}
