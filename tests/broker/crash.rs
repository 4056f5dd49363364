//! Killed again and again under load: nothing is lost, nothing is doubled, no secret stays behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::harness::event::{self, Event, Request, send, validate, wrong};
use crate::harness::secrets::assert_kept;
use crate::harness::world::World;

/// Kills, and how long the process may work before each, from its start: before it is ready, too.
const LIVES_MS: [u64; 6] = [1_300, 2_100, 700, 1_700, 2_600, 1_000];
const NUMBERS: u64 = 3_000;

/// The upstream service under load: sends to new numbers, and a wrong and a right try for each SMS that comes.
struct Load {
    next: u64,
    read: usize,
    codes: BTreeMap<String, String>,
}

#[test]
fn kill_9_under_load_loses_and_doubles_nothing() {
    let settings = "[policy.egov]\ndigits = 10\n[processing]\nrecords_per_commit_max = 50\n";
    let mut world = World::with("crash", settings);
    let mut load = Load {
        next: 0,
        read: 0,
        codes: BTreeMap::new(),
    };
    for life_ms in LIVES_MS {
        let process = world.run_only();
        let until = Instant::now() + Duration::from_millis(life_ms);
        while Instant::now() < until {
            load.step(&mut world);
        }
        process.kill_9();
    }
    let process = world.run();
    let until = Instant::now() + Duration::from_secs(90);
    while load.codes.len() < usize::try_from(NUMBERS).expect("a count") {
        assert!(
            Instant::now() < until,
            "{} of {NUMBERS} numbers have a code",
            load.codes.len()
        );
        load.step(&mut world);
    }
    world.upstream.flush();
    let results = world.topics.results.clone();
    let tries = load.codes.len() * 2;
    world
        .tap
        .wait_many("validation results", tries, |e| e.topic == results);
    world.audit();

    let accepted = world
        .on(&world.topics.results)
        .iter()
        .filter(|e| e.body()["result"] == "accepted")
        .count();
    assert_eq!(accepted, load.codes.len(), "each code is accepted");
    let codes: BTreeSet<String> = load.codes.values().cloned().collect();
    let numbers: BTreeSet<String> = load.codes.keys().cloned().collect();
    assert_kept(&mut world, &process, &codes, &numbers);
    assert!(process.terminate().success());
}

impl Load {
    fn step(&mut self, world: &mut World) {
        for _ in 0..20 {
            if self.next < NUMBERS {
                let number = format!("{}", 9_100_000_000 + self.next * 7);
                world.pour(spread(send(&number), self.next), &format!("send-{}", self.next));
                self.next += 1;
            }
        }
        world.tap.poll(Duration::from_millis(10));
        let sms: Vec<Event> = world.tap.events[self.read..]
            .iter()
            .filter(|e| e.topic == world.topics.sms)
            .cloned()
            .collect();
        self.read = world.tap.events.len();
        for sms in sms {
            let number = sms.body()["mobileNumber"].as_str().expect("a number").to_owned();
            let code = sms.code();
            let id = sms.cause().to_owned();
            world.pour(validate(&number, &wrong(&code)), &format!("wrong-{id}"));
            world.pour(validate(&number, &code), &format!("right-{id}"));
            self.codes.insert(number, code);
        }
    }
}

/// Most requests lie at home; every fifth has no key, every seventh a foreign one.
fn spread(request: Request, n: u64) -> Request {
    match (n % 5, n % 7) {
        (0, _) => request.key(None).partition(i32::try_from(n % 3).expect("small")),
        (_, 0) => request.key(Some("a key of somebody else")),
        _ => request,
    }
}

#[test]
fn no_secret_is_left_behind_by_refusals() {
    let mut world = World::with("secrets", "[policy.egov]\ndigits = 10\n");
    let process = world.run();
    let mut codes = BTreeSet::new();
    let numbers = ["9345678901", "9345678902"];
    for number in numbers {
        let code = world.code_for(number);
        // Cut off in the middle of the code's JSON: a malformed verification that holds a live code.
        let cut = format!(r#"{{"operation":"validate","otp":{{"identity":"{number}","otp":"{code}""#);
        let request = Request::raw(cut.as_bytes())
            .key(Some(&event::subject(number)))
            .id(&format!("cut-{number}"));
        world.tell(request);
        let odd = serde_json::json!({"operation": "validate", "otp": {"otp": [code], "identity": number, "tenantId": "pb"}});
        world.tell(Request::of("", &odd).id(&format!("odd-{number}")));
        world.ask(validate(number, &code).id(&format!("good-{number}")));
        codes.insert(code);
    }
    world.audit();
    assert_kept(&mut world, &process, &codes, &numbers.map(str::to_owned).into());
}
