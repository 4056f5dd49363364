//! The upstream service under load: one small story for each of ever new numbers, told as far as the answers allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::harness::event::{self, Event, Request, TENANT, send, validate, wrong};
use crate::harness::world::World;

/// Ten-digit codes, found again wherever they lie; a lock is reached within a story.
pub const SETTINGS: &str = "\
policy.egov.digits = 10
policy.egov.lock_after = 4
[processing]
records_per_commit_max = 60
[kafka.properties]
\"session.timeout.ms\" = \"3000\"
\"heartbeat.interval.ms\" = \"300\"
";

/// Requests that wait for an answer at any time.
const PENDING_MAX: usize = 600;
/// New stories between two looks at the answers.
const STORIES_AT_ONCE: usize = 8;

#[derive(Clone, Copy, Debug)]
enum Story {
    /// A wrong try, then the right one, then the right one again.
    Login,
    /// Every request is asked twice under one id.
    Repeated,
    /// Wrong tries until the lock, then the right one, which is refused.
    Locked,
    /// A clerk is shown the code.
    Desk,
    /// A value that is no JSON object: a dead letter.
    Garbage,
}

pub struct Load {
    rng: StdRng,
    stories: BTreeMap<String, Story>,
    begun: u64,
    read: usize,
    answered: usize,
    expected: usize,
    pub codes: BTreeSet<String>,
    pub numbers: BTreeSet<String>,
}

impl Load {
    pub fn new(seed: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed),
            stories: BTreeMap::new(),
            begun: 0,
            read: 0,
            answered: 0,
            expected: 0,
            codes: BTreeSet::new(),
            numbers: BTreeSet::new(),
        }
    }

    /// A number in a range, from the seed.
    pub fn draw(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.rng.random_range(range)
    }

    /// Begins new stories as far as there is room, and goes on with those that were answered.
    pub fn turn(&mut self, world: &mut World) {
        for _ in 0..STORIES_AT_ONCE {
            if self.expected.saturating_sub(self.answered) >= PENDING_MAX {
                break;
            }
            self.begin(world);
        }
        self.read(world);
    }

    /// Begins many stories at once, however much waits for an answer.
    pub fn heap(&mut self, world: &mut World, stories: usize) {
        for _ in 0..stories {
            self.begin(world);
        }
    }

    /// Goes on with what was answered, begins nothing.
    pub fn read(&mut self, world: &mut World) {
        world.tap.poll(Duration::from_millis(10));
        let new = world.tap.events[self.read..].to_vec();
        self.read += new.len();
        for event in &new {
            if event.topic == world.topics.replies || event.topic == world.topics.desk_replies {
                self.answered += 1;
            }
            if event.topic == world.topics.sms {
                self.sent(world, event);
            } else if event.topic == world.topics.desk_replies {
                self.shown(world, event);
            }
        }
    }

    pub fn is_answered(&self) -> bool {
        self.answered >= self.expected
    }

    pub fn told(&self) -> String {
        format!("{} of {} requests answered", self.answered, self.expected)
    }

    fn begin(&mut self, world: &mut World) {
        // Not round: sums of seconds in the metrics look like round numbers.
        let number = (9_173_826_451 + self.begun * 7).to_string();
        let n = self.begun;
        self.begun += 1;
        let story = match self.rng.random_range(0..20) {
            0..=10 => Story::Login,
            11..=13 => Story::Repeated,
            14..=15 => Story::Locked,
            16..=18 => Story::Desk,
            _ => Story::Garbage,
        };
        self.stories.insert(number.clone(), story);
        self.numbers.insert(number.clone());
        match story {
            Story::Login | Story::Locked => {
                let request = self.spread(send(&number));
                self.ask(world, request, &format!("send-{n}"));
            }
            Story::Repeated => {
                let request = self.spread(send(&number));
                self.ask(world, request.clone(), &format!("send-{n}"));
                self.ask(world, request, &format!("send-{n}"));
            }
            Story::Desk => self.ask_desk(world, event::create(&number), &format!("create-{n}")),
            Story::Garbage => world.pour(Request::raw(b"{\"cut off"), &format!("garbage-{n}")),
        }
    }

    /// The SMS came: the person types.
    fn sent(&mut self, world: &mut World, sms: &Event) {
        let number = sms.body()["mobileNumber"].as_str().expect("a number").to_owned();
        let (code, id) = (sms.code(), sms.cause());
        self.codes.insert(code.clone());
        let (right, mistyped) = (validate(&number, &code), validate(&number, &wrong(&code)));
        match self.stories.get(&number) {
            Some(Story::Login) => {
                self.ask(world, mistyped, &format!("wrong-{id}"));
                self.ask(world, right.clone(), &format!("right-{id}"));
                self.ask(world, right, &format!("again-{id}"));
            }
            Some(Story::Repeated) => {
                for request in [mistyped, right] {
                    let id =
                        if request.payload == validate(&number, &code).payload { "right" } else { "wrong" };
                    let id = format!("{id}-{}", sms.cause());
                    self.ask(world, request.clone(), &id);
                    self.ask(world, request, &id);
                }
            }
            Some(Story::Locked) => {
                for n in 0..4 {
                    self.ask(world, mistyped.clone(), &format!("wrong-{n}-{id}"));
                }
                self.ask(world, right, &format!("locked-{id}"));
            }
            Some(Story::Desk | Story::Garbage) | None => {}
        }
    }

    /// The clerk sees the code, and types it.
    fn shown(&mut self, world: &mut World, reply: &Event) {
        let body = reply.body();
        let (Some(code), Some(number)) = (body["otp"]["otp"].as_str(), body["otp"]["identity"].as_str())
        else {
            return;
        };
        if reply.cause().starts_with("create-") {
            self.codes.insert(code.to_owned());
            self.ask_desk(world, validate(number, code), &format!("right-{}", reply.cause()));
        }
    }

    fn ask(&mut self, world: &mut World, request: Request, id: &str) {
        world.pour(request, id);
        self.expected += 1;
    }

    fn ask_desk(&mut self, world: &mut World, request: Request, id: &str) {
        let topic = world.topics.desk_requests.clone();
        world.pour_on(&topic, request, id);
        self.expected += 1;
    }

    /// Most requests lie at home; others have no key, or a foreign one.
    fn spread(&mut self, request: Request) -> Request {
        match self.rng.random_range(0..6) {
            0 => request.key(None).partition(self.rng.random_range(0..3)),
            1 => request.key(Some("a key of somebody else")),
            _ => request,
        }
    }
}

/// A send that is not of a story.
pub fn lone_send(number: &str) -> Request {
    let body = json!({
        "operation": "send",
        "otp": {"mobileNumber": number, "type": "login", "tenantId": TENANT, "userType": "CITIZEN"},
    });
    Request::of(&event::subject(number), &body)
}
