//! The load of a torture run: one short story for each new phone number, in one of the contracts. A story continues when its
//! replies arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use super::others;
use crate::harness::event::{self, Event, Request, TENANT, send, validate, wrong};
use crate::harness::scenario::Scenario;

/// Codes have ten digits, so that a search finds only them; INT's have at most nine. A story reaches the lock.
pub(super) const SETTINGS: &str = "\
policy.egov.digits = 10
policy.egov.lock_after = 4
policy.int.lock_after = 4
policy.mosip.digits = 10
policy.mosip.lock_after = 4
policy.mosip.wrong_tries_max = 5
[processing]
records_per_commit_max = 60
[kafka.properties]
\"session.timeout.ms\" = \"3000\"
\"heartbeat.interval.ms\" = \"300\"
";

/// Most requests without a reply at any time.
const PENDING_MAX: usize = 600;
/// New stories between two reads of replies.
const STORIES_PER_STEP: usize = 8;

#[derive(Clone, Copy, Debug)]
enum Story {
    /// A wrong code, then the right code twice.
    Login,
    /// Every request is produced twice under one id.
    Repeated,
    /// Wrong codes until the lock, then the right code, which is rejected.
    Locked,
    /// A clerk sees the code in the reply.
    Desk,
    /// The code comes by e-mail, and is right.
    Mail,
    /// A verification that does not say whose code it is: its reply and its result have no key.
    Nameless,
    /// INT: a code in the reply, a wrong one, the right one twice, and one for another window.
    Int,
    /// MOSIP's otpmanager: the same, with every request produced twice under one id.
    Generated,
    /// MOSIP's authmanager: a code by SMS, and a token for it.
    Token,
    /// MOSIP: wrong codes until the lock, then the right code.
    Blocked,
    /// A value that is not a JSON object: it becomes a dead letter.
    Garbage,
}

/// A contract besides `egov`.
#[derive(Clone, Copy, Debug)]
enum Other {
    Int,
    Mosip,
}

pub(super) struct Load {
    rng: StdRng,
    stories: BTreeMap<String, Story>,
    started: u64,
    read: usize,
    answered: usize,
    expected: usize,
    pub codes: BTreeSet<String>,
    pub numbers: BTreeSet<String>,
}

impl Load {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            stories: BTreeMap::new(),
            started: 0,
            read: 0,
            answered: 0,
            expected: 0,
            codes: BTreeSet::new(),
            numbers: BTreeSet::new(),
        }
    }

    /// A random number in a range, determined by the seed.
    pub(super) fn draw(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.rng.random_range(range)
    }

    /// Starts new stories up to the limit, and continues those with new replies.
    pub(super) fn step(&mut self, scenario: &mut Scenario) {
        for _ in 0..STORIES_PER_STEP {
            if self.expected.saturating_sub(self.answered) >= PENDING_MAX {
                break;
            }
            self.begin(scenario);
        }
        self.read(scenario);
    }

    /// Starts this many stories, regardless of the limit.
    pub(super) fn add_backlog(&mut self, scenario: &mut Scenario, stories: usize) {
        for _ in 0..stories {
            self.begin(scenario);
        }
    }

    /// Continues stories with new replies, and starts none.
    pub(super) fn read(&mut self, scenario: &mut Scenario) {
        scenario.tap.poll(Duration::from_millis(10));
        let new = scenario.tap.events[self.read..].to_vec();
        self.read += new.len();
        for event in &new {
            if scenario.topics.is_reply(event) {
                self.answered += 1;
            }
            if event.topic == scenario.topics.sms {
                self.on_sms(scenario, event);
            } else if event.topic == scenario.topics.email {
                self.on_mail(scenario, event);
            } else if event.topic == scenario.topics.desk_replies {
                self.on_desk_reply(scenario, event);
            } else if event.topic == scenario.topics.int_replies {
                self.on_int_reply(scenario, event);
            } else if event.topic == scenario.topics.mosip_replies {
                self.on_mosip_reply(scenario, event);
            }
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.answered >= self.expected
    }

    pub(super) fn progress(&self) -> String {
        format!("{} of {} requests answered", self.answered, self.expected)
    }

    fn begin(&mut self, scenario: &mut Scenario) {
        // Not a round number: sums of seconds in the metrics look like those.
        let number = (9_173_826_451 + self.started * 7).to_string();
        let n = self.started;
        self.started += 1;
        let story = match self.rng.random_range(0..34) {
            0..=10 => Story::Login,
            11..=13 => Story::Repeated,
            14..=15 => Story::Locked,
            16..=18 => Story::Desk,
            19 => Story::Mail,
            20 => Story::Nameless,
            21..=24 => Story::Int,
            25..=27 => Story::Generated,
            28..=30 => Story::Token,
            31..=32 => Story::Blocked,
            _ => Story::Garbage,
        };
        self.stories.insert(number.clone(), story);
        self.numbers.insert(number.clone());
        match story {
            Story::Login | Story::Locked => {
                let request = self.spread(send(&number));
                self.ask(scenario, request, &format!("send-{n}"));
            }
            Story::Repeated => {
                let request = self.spread(send(&number));
                self.ask(scenario, request.clone(), &format!("send-{n}"));
                self.ask(scenario, request, &format!("send-{n}"));
            }
            Story::Desk => self.ask_desk(scenario, event::create(&number), &format!("create-{n}")),
            Story::Mail => {
                let request = event::create(&format!("citizen-{n}@example.org"));
                self.ask(scenario, request, &format!("create-{n}"));
            }
            Story::Nameless => {
                let body = json!({"operation": "validate", "otp": {"otp": "0123456789", "tenantId": TENANT}});
                let request = Request::of("", &body).key(None).partition(self.rng.random_range(0..3));
                self.ask(scenario, request, &format!("nameless-{n}"));
            }
            Story::Int => {
                let request = self.spread(others::int_generate(&number));
                self.ask_on(scenario, Other::Int, request, &format!("generate-{n}"));
            }
            Story::Generated => {
                let request = self.spread(others::generate(&number));
                self.ask_on(scenario, Other::Mosip, request.clone(), &format!("otp-{n}"));
                self.ask_on(scenario, Other::Mosip, request, &format!("otp-{n}"));
            }
            Story::Blocked => {
                self.ask_on(scenario, Other::Mosip, others::generate(&number), &format!("otp-{n}"));
            }
            Story::Token => {
                let request = self.spread(others::send_otp(&number));
                self.ask_on(scenario, Other::Mosip, request, &format!("sendotp-{n}"));
            }
            Story::Garbage => scenario.produce_async(Request::raw(b"{\"cut off"), &format!("garbage-{n}")),
        }
    }

    /// The SMS arrived: the person types the code.
    fn on_sms(&mut self, scenario: &mut Scenario, sms: &Event) {
        let number = sms.body()["mobileNumber"].as_str().expect("a number").to_owned();
        let (code, id) = (sms.code(), sms.cause());
        self.codes.insert(code.clone());
        let (right, mistyped) = (validate(&number, &code), validate(&number, &wrong(&code)));
        match self.stories.get(&number) {
            Some(Story::Login) => {
                self.ask(scenario, mistyped, &format!("wrong-{id}"));
                self.ask(scenario, right.clone(), &format!("right-{id}"));
                self.ask(scenario, right, &format!("again-{id}"));
            }
            Some(Story::Repeated) => {
                for request in [mistyped, right] {
                    let id =
                        if request.payload == validate(&number, &code).payload { "right" } else { "wrong" };
                    let id = format!("{id}-{}", sms.cause());
                    self.ask(scenario, request.clone(), &id);
                    self.ask(scenario, request, &id);
                }
            }
            Some(Story::Locked) => {
                for n in 0..4 {
                    self.ask(scenario, mistyped.clone(), &format!("wrong-{n}-{id}"));
                }
                self.ask(scenario, right, &format!("locked-{id}"));
            }
            Some(Story::Token) => {
                for (code, what) in [(wrong(&code), "wrong"), (code.clone(), "token"), (code, "again")] {
                    let request = others::user_id_otp(&number, &code);
                    self.ask_on(scenario, Other::Mosip, request, &format!("{what}-{id}"));
                }
            }
            Some(
                Story::Desk
                | Story::Mail
                | Story::Nameless
                | Story::Int
                | Story::Generated
                | Story::Blocked
                | Story::Garbage,
            )
            | None => {}
        }
    }

    /// The application sees the code in its reply, and its customer types it.
    fn on_int_reply(&mut self, scenario: &mut Scenario, reply: &Event) {
        let body = reply.body();
        let (Some(code), Some(request)) = (body["otp"].as_str(), scenario.produced_body(reply.cause()))
        else {
            return;
        };
        let id = reply.cause().to_owned();
        let right = others::int_validate(&request, code);
        let mut elsewhere = request.clone();
        elsewhere["duration"] = 120.into();
        for (request, what) in [
            (others::int_validate(&elsewhere, code), "elsewhere"),
            (others::int_validate(&request, &wrong(code)), "wrong"),
            (right.clone(), "right"),
            (right, "again"),
        ] {
            self.ask_on(scenario, Other::Int, request, &format!("{what}-{id}"));
        }
    }

    /// The registration client sees the code in its reply, once for each time that it asked.
    fn on_mosip_reply(&mut self, scenario: &mut Scenario, reply: &Event) {
        let body = reply.body();
        let id = reply.cause().to_owned();
        let is_code = body["response"]["status"] == "GENERATION_SUCCESSFUL";
        let (true, Some(code), Some(request)) =
            (is_code, body["response"]["otp"].as_str(), scenario.produced_body(&id))
        else {
            return;
        };
        if !self.codes.insert(code.to_owned()) {
            return;
        }
        let number = request["request"]["key"].as_str().expect("the key of its request").to_owned();
        let (right, mistyped) = (others::validate(&number, code), others::validate(&number, &wrong(code)));
        match self.stories.get(&number) {
            Some(Story::Blocked) => {
                for n in 0..4 {
                    self.ask_on(scenario, Other::Mosip, mistyped.clone(), &format!("wrong-{n}-{id}"));
                }
                self.ask_on(scenario, Other::Mosip, right, &format!("locked-{id}"));
            }
            Some(Story::Generated) => {
                for (request, what) in [(mistyped, "wrong"), (right, "right")] {
                    let id = format!("{what}-{id}");
                    self.ask_on(scenario, Other::Mosip, request.clone(), &id);
                    self.ask_on(scenario, Other::Mosip, request, &id);
                }
            }
            Some(
                Story::Login
                | Story::Repeated
                | Story::Locked
                | Story::Desk
                | Story::Mail
                | Story::Nameless
                | Story::Int
                | Story::Token
                | Story::Garbage,
            )
            | None => {}
        }
    }

    /// The e-mail arrived: the person types the code.
    fn on_mail(&mut self, scenario: &mut Scenario, mail: &Event) {
        let address = mail.body()["email"]["emailTo"][0].as_str().expect("an address").to_owned();
        let code = mail.mailed_code();
        self.codes.insert(code.clone());
        self.ask(scenario, validate(&address, &code), &format!("right-{}", mail.cause()));
    }

    /// The clerk sees the code and types it.
    fn on_desk_reply(&mut self, scenario: &mut Scenario, reply: &Event) {
        let body = reply.body();
        let (Some(code), Some(number)) = (body["otp"]["otp"].as_str(), body["otp"]["identity"].as_str())
        else {
            return;
        };
        if reply.cause().starts_with("create-") {
            self.codes.insert(code.to_owned());
            self.ask_desk(scenario, validate(number, code), &format!("right-{}", reply.cause()));
        }
    }

    fn ask(&mut self, scenario: &mut Scenario, request: Request, id: &str) {
        scenario.produce_async(request, id);
        self.expected += 1;
    }

    fn ask_on(&mut self, scenario: &mut Scenario, other: Other, request: Request, id: &str) {
        let topics = &scenario.topics;
        let topic = match other {
            Other::Int => topics.int_requests.clone(),
            Other::Mosip => topics.mosip_requests.clone(),
        };
        scenario.produce_async_on(&topic, request, id);
        self.expected += 1;
    }

    fn ask_desk(&mut self, scenario: &mut Scenario, request: Request, id: &str) {
        let topic = scenario.topics.desk_requests.clone();
        scenario.produce_async_on(&topic, request, id);
        self.expected += 1;
    }

    /// Most requests stay in the partition of their subject. Others have no key or the key of another subject.
    fn spread(&mut self, request: Request) -> Request {
        match self.rng.random_range(0..6) {
            0 => request.key(None).partition(self.rng.random_range(0..3)),
            1 => request.key(Some("a key of somebody else")),
            _ => request,
        }
    }
}

/// A `send` request outside of any story.
pub(super) fn single_send(number: &str) -> Request {
    let body = json!({
        "operation": "send",
        "otp": {"mobileNumber": number, "type": "login", "tenantId": TENANT, "userType": "CITIZEN"},
    });
    Request::of(&event::subject(number), &body)
}
