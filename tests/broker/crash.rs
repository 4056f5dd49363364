//! Killed again and again under load: nothing is lost, nothing is doubled, no secret stays behind.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::harness::event::{self, Request, send, validate, wrong};
use crate::harness::secrets::assert_kept;
use crate::harness::world::World;

/// Kills, and how long the process may live before each, in milliseconds: some before it is ready.
const LIVES_MS: [u64; 6] = [1_300, 2_100, 400, 1_700, 2_600, 1_000];
/// Requests that wait for an answer at any time.
const PENDING: usize = 1_500;
const DRAIN_LIMIT: Duration = Duration::from_secs(60);

/// The upstream service under load: sends to ever new numbers, and a wrong and a right try for each SMS that comes.
#[derive(Default)]
struct Load {
    sends: u64,
    read: usize,
    answered: usize,
    codes: BTreeMap<String, String>,
}

#[test]
fn kill_9_under_load_loses_and_doubles_nothing() {
    let settings = "[policy.egov]\ndigits = 10\n[processing]\nrecords_per_commit_max = 50\n";
    let mut world = World::with("crash", settings);
    let mut load = Load::default();
    for life_ms in LIVES_MS {
        let process = world.run_only();
        let until = Instant::now() + Duration::from_millis(life_ms);
        while Instant::now() < until {
            load.send(&mut world);
            load.read(&mut world);
        }
        process.kill_9();
        println!("killed after {life_ms} ms: {} of {} answered", load.answered, world.asked.len());
        assert!(load.answered < world.asked.len(), "it was killed with work before it");
    }
    let process = world.run();
    let until = Instant::now() + DRAIN_LIMIT;
    while load.answered < world.asked.len() {
        assert!(Instant::now() < until, "{} of {} answered", load.answered, world.asked.len());
        load.read(&mut world);
    }
    world.audit();

    let accepted =
        world.on(&world.topics.results).iter().filter(|e| e.body()["result"] == "accepted").count();
    assert_eq!((accepted as u64, load.codes.len() as u64), (load.sends, load.sends), "each code is accepted");
    let codes: BTreeSet<String> = load.codes.values().cloned().collect();
    let numbers: BTreeSet<String> = load.codes.keys().cloned().collect();
    assert_kept(&mut world, &process, &codes, &numbers);
    assert!(process.terminate().success());
}

impl Load {
    fn send(&mut self, world: &mut World) {
        while world.asked.len() - self.answered < PENDING {
            // Not round: sums of seconds in the metrics look like round numbers.
            let number = (9_173_826_451 + self.sends * 7).to_string();
            world.pour(spread(send(&number), self.sends), &format!("send-{}", self.sends));
            self.sends += 1;
        }
    }

    fn read(&mut self, world: &mut World) {
        world.tap.poll(Duration::from_millis(10));
        let new = world.tap.events[self.read..].to_vec();
        self.read += new.len();
        self.answered += new.iter().filter(|e| e.topic == world.topics.replies).count();
        let topic = world.topics.sms.clone();
        for sms in new.iter().filter(|e| e.topic == topic) {
            let number = sms.body()["mobileNumber"].as_str().expect("a number").to_owned();
            let (code, id) = (sms.code(), sms.cause());
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
    for (n, number) in numbers.into_iter().enumerate() {
        let code = world.code_for(number);
        // Cut off in the middle of the code's JSON: a malformed verification that holds a live code.
        let cut = format!(r#"{{"operation":"validate","otp":{{"identity":"{number}","otp":"{code}""#);
        let request = Request::raw(cut.as_bytes()).key(Some(&event::subject(number))).id(&format!("cut-{n}"));
        world.tell(request);
        let odd = serde_json::json!({"operation": "validate", "otp": {"otp": [code], "identity": number, "tenantId": "pb"}});
        world.tell(Request::of("", &odd).id(&format!("odd-{n}")));
        world.ask(validate(number, &code).id(&format!("good-{n}")));
        codes.insert(code);
    }
    world.audit();
    assert_kept(&mut world, &process, &codes, &numbers.map(str::to_owned).into());
}
