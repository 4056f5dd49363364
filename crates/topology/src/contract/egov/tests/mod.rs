//! Behaviour of the whole contract: a request goes in, its reply and its events come out, in short lines.
//!
//! [`World`] replaces everything around the contract: state, policy, directory, templates, caller, time.

mod abuse;
mod bodies;
mod create;
mod rejections;
mod send;
mod texts;
mod users;
mod validate;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{Egov, EgovSettings};
use crate::contract::client::Client;
use crate::contract::{
    Caller, Contract, Envelope, EventTopics, Events, KnownSubject, PendingRequest, Placeholder, Reads, Reply,
    Request, Secret, SecretPlace, ServeError, ServeOutcome, Served, SharedSettings, directory,
};
use crate::otp::{
    CanonicalSubject, Code, ContractName, Digits, KeyId, KeyPurpose, Keyring, LogTime, NumberPrefix,
    NumberRule, Origin, Policy, PolicyVersion, Resend, Subject,
};
use crate::state::StoreError;
use crate::text::Template;
use crate::wire::headers::{Deadline, RequestHeaders};
use crate::wire::json::{Names, parse_object};
use crate::wire::outbox::{Outbox, OutputTopic};
use crate::wire::record::{RecordBatch, SourcePartition, SourceTopic};

const START: u64 = 1_735_689_600_000;
const TOPICS: [&str; 7] = ["sms", "email", "result", "lifecycle", "response", "pb-sms", "pb-email"];

pub(super) struct World {
    pub settings: EgovSettings,
    pub policy: Policy,
    pub caller: Caller,
    pub now: u64,
    pub age_ms: u64,
    pub past_deadline: bool,
    pub reply_fault: bool,
    /// Record header `operation`.
    pub header: Option<&'static str>,
    /// By canonical subject.
    pub directory: HashMap<String, String>,
    pub templates: HashMap<String, Arc<Template>>,
    pub keys: Keyring,
    /// Deliveries of the hour by prefix, and all.
    pub sent: HashMap<Option<NumberPrefix>, u32>,
    subjects: HashMap<String, Subject>,
    /// The last code that was sent or revealed.
    pub code: String,
    requests: i64,
    pub asked_policies: RefCell<Vec<String>>,
}

/// The reply and the events of one request.
pub(super) struct Seen {
    pub reply: Value,
    pub text: String,
    /// In order; see [`World::line`].
    pub events: Vec<String>,
    pub bodies: Vec<Value>,
    pub outcome: &'static str,
}

impl World {
    pub(super) fn new() -> Self {
        let secret = |purpose: KeyPurpose| (purpose, KeyId(1), LogTime::from_ms(0), [purpose as u8 + 1; 32]);
        Self {
            settings: EgovSettings::default(),
            policy: policy(),
            caller: Caller {
                name: "egov".to_owned(),
                contract: Arc::new(Egov::new(EgovSettings::default(), &SharedSettings::default())),
                topics: Arc::new(topics(&EgovSettings::default())),
                reply: OutputTopic(4),
                operations: super::Operation::NAMES.iter().map(|name| (*name).to_owned()).collect(),
                reveal_code: false,
                utc_offset: None,
            },
            now: START,
            age_ms: 0,
            past_deadline: false,
            reply_fault: false,
            header: None,
            directory: HashMap::new(),
            templates: HashMap::new(),
            keys: Keyring::new(KeyPurpose::ALL.map(secret).to_vec()).expect("one key of each purpose"),
            sent: HashMap::new(),
            subjects: HashMap::new(),
            code: String::new(),
            requests: 0,
            asked_policies: RefCell::default(),
        }
    }

    /// A world with a directory, with these users under `egov|pb|9123456789`.
    pub(super) fn with_users(users: &str) -> Self {
        let mut world = Self::new();
        world.settings.user_check = true;
        let record = format!(r#"{{"users":[{users}]}}"#);
        directory::check_record(record.as_bytes()).expect("the table's users are good");
        world.directory.insert("egov|pb|9123456789".to_owned(), record);
        world
    }

    pub(super) fn template(&mut self, key: &str, text: &str, id: Option<&str>) {
        let record = serde_json::json!({ "text": text, "templateId": id }).to_string();
        let (_, code) = key.rsplit_once('/').expect("the table's keys are good");
        let rules = Egov::new(self.settings.clone(), &SharedSettings::default()).template_rules(code);
        let template =
            Template::from_json(key, record.as_bytes(), &rules).expect("the table's texts are good");
        self.templates.insert(key.to_owned(), Arc::new(template));
    }

    pub(super) fn later(&mut self, ms: u64) {
        self.now += ms;
    }

    /// The reply to a request, as text.
    pub(super) fn reply_bytes(&mut self, request: &str) -> String {
        self.ask(request).text
    }

    /// Serves one request. `{code}` in it is the code seen last, `{wrong}` another one.
    pub(super) fn ask(&mut self, request: &str) -> Seen {
        let request = self.filled_in(request);
        self.requests += 1;
        let egov = Arc::new(Egov::new(self.settings.clone(), &SharedSettings::default()));
        let caller = Caller {
            contract: egov.clone(),
            topics: Arc::new(topics(&self.settings)),
            ..self.caller.clone()
        };
        let body =
            parse_object(Some(request.as_bytes()), Names::IgnoreCase).expect("the table's JSON is good");
        let batch = self.record();
        let headers = batch.get(0).headers;
        let address = egov.address(&body, headers);
        let who = address.subject.clone();
        let known = who.as_ref().map(|who| KnownSubject {
            pseudonym: self.keys.pseudonym(who),
            subject: self.subjects.get(who.as_str()).cloned().unwrap_or_default(),
            who,
        });
        let request_id = format!("r-{}", self.requests);
        let request = Request {
            caller: &caller,
            origin: Origin {
                topic: "otp-request-egov",
                partition: 0,
                offset: self.requests,
                time: LogTime::from_ms(self.now),
            },
            asked_at: LogTime::from_ms(self.now),
            key: None,
            headers,
            known_headers: RequestHeaders {
                client_ref: Some("case-7"),
                deadline: if self.past_deadline {
                    Deadline::At(LogTime::from_ms(0))
                } else {
                    Deadline::Absent
                },
                ..RequestHeaders::default()
            },
            body,
            address,
        };
        let pending = PendingRequest {
            request: &request,
            request_id: &request_id,
            now: LogTime::from_ms(self.now),
            wall: LogTime::from_ms(self.now + self.age_ms),
            reply_fault: self.reply_fault,
            verdict: None,
        };
        let correlation_id = egov.correlation_id(&request.body).unwrap_or(&request_id);
        let envelope = envelope(self.now, correlation_id, &request_id);
        let mut outbox = Outbox::default();
        let mut events = Events::new(&mut outbox, &[3; TOPICS.len()], envelope);
        let served = replied(egov.serve(&pending, known, self, &mut events).expect("nothing fails here"));
        let reply = self.revealed(served.reply, who.as_ref());
        let is_judged_anew = matches!(served.end.outcome, "stale_request" | "invalid_reply");
        assert_eq!(served.subject.is_some(), who.is_some() && !is_judged_anew);
        if let (Some(who), Some(subject)) = (who, served.subject) {
            self.subjects.insert(who.as_str().to_owned(), subject);
        }
        self.see(&outbox, &reply, served.end.outcome)
    }

    /// The body with its code in place. Keeps the code.
    fn revealed(&mut self, reply: Reply, who: Option<&CanonicalSubject>) -> Vec<u8> {
        let mut body = reply.body;
        for Placeholder { place, secret } in reply.placeholders {
            let (SecretPlace::Body(at), Secret::Code(code), Some(who)) = (place, secret, who) else {
                panic!("this contract has codes in bodies only");
            };
            let code = Code::derive(&self.keys, who, code).expect("its key is there");
            body.splice(at..at, code.digits().bytes());
            self.code = code.digits().to_owned();
        }
        body
    }

    fn filled_in(&self, request: &str) -> String {
        let digits = self.code.chars();
        let wrong: String = digits.map(|digit| if digit == '1' { '2' } else { '1' }).collect();
        request.replace("{code}", &self.code).replace("{wrong}", &wrong)
    }

    /// A record that has only headers.
    fn record(&self) -> RecordBatch {
        let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
        let headers = self.header.map(|operation| ("operation", Some(operation.as_bytes())));
        let mut batch = RecordBatch::default();
        batch.push(source, self.requests, LogTime::from_ms(self.now), None, None, headers);
        batch
    }

    fn see(&mut self, outbox: &Outbox, reply: &[u8], outcome: &'static str) -> Seen {
        let mut bodies = Vec::new();
        let mut events = Vec::new();
        let mut ids = Vec::new();
        for event in outbox.iter() {
            let topic = TOPICS[usize::from(event.topic().0)];
            let body: Value =
                serde_json::from_slice(event.value().unwrap_or_default()).expect("events are JSON");
            let header = |name: &str| {
                let found = event.headers().find(|(it, _)| *it == name).and_then(|(_, value)| value);
                String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
            };
            let key = event.key().map(|key| String::from_utf8_lossy(key).into_owned());
            if let Some(id) = body.get("eventId") {
                assert_eq!(id, &header("ce_id"));
            }
            if let Some(subject) = body.get("subject").filter(|_| topic == "result" || topic == "lifecycle") {
                assert_eq!(subject.as_str(), key.as_deref());
            }
            ids.push(header("ce_id"));
            events.push(self.line(topic, &header("ce_type"), &body));
            bodies.push(body);
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), bodies.len(), "event ids are distinct");
        let text = String::from_utf8(reply.to_vec()).expect("replies are text");
        let reply = serde_json::from_str(&text).unwrap_or_default();
        Seen { reply, text, events, bodies, outcome }
    }

    /// An event in one line. Shows a code as `######`, and keeps it.
    fn line(&mut self, topic: &str, event_type: &str, body: &Value) -> String {
        let text = |name: &str| plain(&body[name]);
        let kind = event_type.trim_start_matches("org.digit.otp.").trim_end_matches(".v1").to_owned();
        match kind.as_str() {
            "sms" => {
                let message = self.hide(&text("message"));
                format!("{topic} {} {} {message}", text("countryCode"), text("mobileNumber"))
            }
            "email" => {
                let email = if body["email"].is_object() { &body["email"] } else { body };
                let address = plain(email.get("emailTo").map_or(&email["email"], |to| &to[0]));
                let message = self.hide(&plain(&email["body"]));
                format!("{topic} {address} [{}] {message}", plain(&email["subject"]))
            }
            "validation-result" => format!(
                "{topic} {} {} {} {}",
                text("result"),
                text("reason"),
                text("purpose"),
                text("attempts")
            ),
            lifecycle => {
                assert_eq!(lifecycle, text("type"));
                let mut line = format!("{lifecycle} {}", text("purpose"));
                for name in ["reason", "channels", "countryCode", "prefix", "locale", "sendNumber"] {
                    if !body[name].is_null() {
                        line.push(' ');
                        line.push_str(&text(name));
                    }
                }
                line
            }
        }
    }

    fn hide(&mut self, message: &str) -> String {
        let start = message.find(|c: char| c.is_ascii_digit()).expect("a message has a code");
        let digits = usize::from(self.policy.digits.get());
        self.code = message[start..start + digits].to_owned();
        message.replace(&self.code, "######")
    }
}

impl Seen {
    /// The reply in one line: `sent`, an `otp` object without its id, or an error with its fields.
    pub(super) fn reply_line(&self) -> String {
        let reply = &self.reply;
        let status = plain(&reply["responseInfo"]["status"]);
        if reply["isSuccessful"] == Value::Bool(true) {
            return format!("sent {status}");
        }
        let Some(error) = reply.get("error") else {
            let otp = &reply["otp"];
            let known = |name: &str| plain(&otp[name]);
            let code = if otp.get("otp").is_some() { " with code" } else { "" };
            return if otp.is_null() {
                format!("nothing {status}")
            } else {
                let (identity, tenant) = (known("identity"), known("tenantId"));
                format!("otp {identity} {tenant} {}{code} {status}", known("isValidationSuccessful"))
            };
        };
        assert_eq!(status, "failed");
        assert_eq!(error["description"], Value::Null);
        let fields = error["fields"].as_array().expect("fields are a list");
        let fields = fields.iter().map(|it| {
            format!(" | {} {}: {}", plain(&it["code"]), plain(&it["field"]), plain(&it["message"]))
        });
        format!("{} {}{}", plain(&error["code"]), plain(&error["message"]), fields.collect::<String>())
    }
}

impl Reads for World {
    fn policy(&self, contract: ContractName, tenant: &str) -> Result<Arc<Policy>, StoreError> {
        assert_eq!(contract, ContractName::Egov);
        self.asked_policies.borrow_mut().push(tenant.to_owned());
        Ok(Arc::new(self.policy.clone()))
    }

    fn directory(&self, subject: &CanonicalSubject) -> Result<Option<Vec<u8>>, ServeError> {
        assert!(self.settings.user_check, "the directory is read without user_check");
        Ok(self.directory.get(subject.as_str()).map(|record| record.as_bytes().to_vec()))
    }

    fn template(&self, key: &str) -> Result<Option<Arc<Template>>, StoreError> {
        Ok(self.templates.get(key).cloned())
    }

    fn template_locales(&self, _: ContractName) -> Result<Arc<[Box<str>]>, StoreError> {
        let locales = self.templates.values().map(|template| template.locale().into());
        Ok(locales.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn client(&self, _: &str) -> Result<Option<Arc<Client>>, StoreError> {
        unreachable!("this contract has no clients")
    }

    fn is_spent(
        &self,
        _: &CanonicalSubject,
        prefix: Option<NumberPrefix>,
        budget: u32,
        _: LogTime,
    ) -> Result<bool, StoreError> {
        let sent = self.sent.get(&prefix).copied().unwrap_or(0);
        Ok(sent >= budget)
    }

    fn keys(&self) -> &Keyring {
        &self.keys
    }
}

/// Sends one request and compares its reply and its events, line by line.
pub(super) fn check(world: &mut World, request: &str, expected: &str, events: &[&str]) {
    let seen = world.ask(request);
    assert_eq!(seen.reply_line(), expected, "{request}");
    assert_eq!(seen.events, events, "{request}");
}

fn replied(served: Served) -> ServeOutcome {
    match served {
        Served::Replied(outcome) => outcome,
        Served::AsksNumber { .. } => panic!("no policy limits numbers"),
    }
}

fn envelope<'a>(now: u64, correlation_id: &'a str, causation_id: &'a str) -> Envelope<'a> {
    Envelope {
        source: "otp-stream",
        time: LogTime::from_ms(now),
        correlation_id,
        causation_id,
        subject: None,
        traceparent: None,
        tracestate: None,
        event_base: "base",
    }
}

fn policy() -> Policy {
    Policy {
        digits: Digits::new(6).expect("six digits"),
        lifetime_ms: 300_000,
        wrong_tries_max: 5,
        lock_after: 10,
        lock_ms: 600_000,
        hard_lock_after: 100,
        sends_per_challenge_max: 5,
        sends_per_10_min_max: 5,
        sends_per_day_max: 20,
        send_pause_ms: 30_000,
        sends_per_number_hour_max: None,
        resend: Resend::Same,
        deliver: false,
        conceal_existence: false,
        number_rules: vec![NumberRule {
            country_code: "+91".to_owned(),
            regex: "^[6-9][0-9]{9}$".to_owned(),
            default: true,
        }],
        allowed_country_codes: None,
        blocked_prefixes: Vec::new(),
        sends_per_prefix_hour_max: None,
        sends_per_tenant_hour_max: None,
        version: PolicyVersion([0xcd; 8]),
    }
}

fn topics(settings: &EgovSettings) -> EventTopics {
    let list = |base: &str| {
        let names = settings.central_instance.notification_topics(base);
        names.iter().map(|name| topic(name)).collect()
    };
    EventTopics {
        sms: list("sms"),
        email: list("email"),
        validation_result: topic("result"),
        lifecycle: topic("lifecycle"),
    }
}

fn topic(name: &str) -> OutputTopic {
    let place = TOPICS.iter().position(|it| *it == name).expect("the table's topics are listed");
    OutputTopic(u16::try_from(place).expect("few topics"))
}

/// Strings without quotes, null as `-`, lists joined by `+`.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join("+"),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
