//! Two machines of one application: when work moves, how long it takes, and when nothing moves.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};

use crate::harness::event::send;
use crate::harness::process::{Process, otp_stream};
use crate::harness::seat::Seat;
use crate::harness::world::{PARTITIONS, World};
use crate::topics::{admin, wait};

const SESSION: Duration = Duration::from_secs(4);
/// For other programs on the same machine.
const NOISE: Duration = Duration::from_millis(1_000);
const LIMIT: Duration = Duration::from_secs(30);
/// So many numbers lie on every partition, and have their homes on every one.
const NUMBERS: u64 = 12;

struct Pair {
    world: World,
    seats: [Seat; 2],
    asked: u64,
}

impl Pair {
    fn new(name: &str, membership: &str) -> Self {
        let settings = format!(
            "application.membership = \"{membership}\"\n[kafka.properties]\n\"session.timeout.ms\" = \"{}\"\n",
            SESSION.as_millis()
        );
        let world = World::with(name, &settings);
        let seats = ["seat-0", "seat-1"].map(|name| world.further_seat(name, ""));
        Self { world, seats, asked: 0 }
    }

    /// Both run, each has a task, and every partition is served.
    fn run(&mut self) -> [Process; 2] {
        let both = self.seats.each_ref().map(Seat::run);
        let until = Instant::now() + LIMIT;
        loop {
            let [one, two] = both.each_ref().map(running_tasks);
            if one > 0 && two > 0 && one + two == PARTITIONS {
                break;
            }
            assert!(Instant::now() < until, "{one} and {two} tasks run");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.until_all_answered(Instant::now());
        both
    }

    /// From a moment until requests of every partition are answered.
    fn until_all_answered(&mut self, since: Instant) -> Duration {
        let series = self.asked..self.asked + NUMBERS;
        self.asked += NUMBERS;
        let request = |n: u64| {
            let partition = i32::try_from(n).expect("small") % PARTITIONS;
            send(&(9_200_000_001 + n).to_string()).key(None).partition(partition).id(&format!("send-{n}"))
        };
        let ids: Vec<String> = series.map(|n| self.world.tell(request(n))).collect();
        for id in &ids {
            self.world.reply(id);
        }
        since.elapsed()
    }

    fn assignments(&self, seat: usize) -> usize {
        self.seats[seat].said().matches("assigned partitions").count()
    }
}

fn running_tasks(process: &Process) -> i32 {
    let metrics = process.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix("otp_stream_tasks{state=\"running\"} "));
    line.map_or(0, |count| count.parse().expect("a number"))
}

#[test]
fn work_moves_within_a_session_time_out_when_a_machine_dies() {
    let mut pair = Pair::new("machine-dies", "static");
    let [dies, _lives] = pair.run();
    dies.kill_9();
    let took = pair.until_all_answered(Instant::now());
    println!("machine dies: answered after {took:?}, session time-out {SESSION:?}");
    assert!(took <= SESSION + NOISE, "{took:?}");
    pair.world.audit();
}

#[test]
fn work_of_a_dynamic_member_moves_within_a_second_when_it_stops() {
    let mut pair = Pair::new("clean-stop", "dynamic");
    let [stops, _lives] = pair.run();
    let since = Instant::now();
    stops.tell_to_end();
    let took = pair.until_all_answered(since);
    println!("clean stop: answered after {took:?}");
    assert!(took <= Duration::from_secs(1) + NOISE, "{took:?}");
    pair.world.audit();
}

#[test]
fn a_restart_of_a_static_member_moves_nothing() {
    let mut pair = Pair::new("static-restart", "static");
    let [stops, _stays] = pair.run();
    let before = pair.assignments(1);
    assert!(stops.terminate().success());
    let since = Instant::now();
    let _again = pair.seats[0].run_only();
    let took = pair.until_all_answered(since);
    println!("static restart: answered after {took:?}");
    assert!(took <= Duration::from_secs(2) + NOISE, "{took:?}");
    std::thread::sleep(SESSION);
    assert_eq!(pair.assignments(1), before, "the other instance keeps what it has");
    pair.world.audit();
}

#[test]
fn another_partition_count_is_refused_at_the_start() {
    let mut world = World::new("growth");
    let process = world.run();
    world.code_for("9123456790");
    assert!(process.terminate().success());
    let grown = [
        world.topics.changelog.clone(),
        "growth-repartition".to_owned(),
        world.topics.directory.clone(),
        world.topics.replies.clone(),
        world.topics.desk_replies.clone(),
    ];
    let more: Vec<_> = grown.iter().map(|topic| NewPartitions::new(topic, 5)).collect();
    let done = wait(admin(&world.cluster.bootstrap).create_partitions(&more, &AdminOptions::new()));
    assert!(done.expect("an answer").iter().all(Result::is_ok));
    std::thread::sleep(Duration::from_secs(1));
    let output = otp_stream(&world.configs, &["run"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["made for 3 partitions", "has 5", "application.id"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
