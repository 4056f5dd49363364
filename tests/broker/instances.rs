//! Two hosts of one application: when tasks move, how long that takes, and when no task moves.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};

use crate::harness::event::send;
use crate::harness::host::Host;
use crate::harness::process::{Process, otp_stream};
use crate::harness::scenario::{PARTITIONS, Scenario};
use crate::topics::{admin, wait};

const SESSION: Duration = Duration::from_secs(4);
/// Allowance for other programs on the same machine.
const NOISE: Duration = Duration::from_millis(1_000);
const LIMIT: Duration = Duration::from_secs(30);
/// Enough phone numbers that each partition reads some and is the home of some.
const NUMBERS: u64 = 12;

struct Pair {
    scenario: Scenario,
    hosts: [Host; 2],
    produced: u64,
}

impl Pair {
    fn new(name: &str, membership: &str) -> Self {
        let settings = format!(
            "application.membership = \"{membership}\"\n[kafka.properties]\n\"session.timeout.ms\" = \"{}\"\n",
            SESSION.as_millis()
        );
        let scenario = Scenario::with(name, &settings);
        let hosts = ["host-0", "host-1"].map(|name| scenario.another_host(name, ""));
        Self { scenario, hosts, produced: 0 }
    }

    /// Starts both hosts. Waits until each has a task and every partition is served.
    fn run(&mut self) -> [Process; 2] {
        let both = self.hosts.each_ref().map(Host::run);
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

    /// Time from `since` until new requests of every partition are answered.
    fn until_all_answered(&mut self, since: Instant) -> Duration {
        let series = self.produced..self.produced + NUMBERS;
        self.produced += NUMBERS;
        let request = |n: u64| {
            let partition = i32::try_from(n).expect("small") % PARTITIONS;
            send(&(9_200_000_001 + n).to_string()).key(None).partition(partition).id(&format!("send-{n}"))
        };
        let ids: Vec<String> = series.map(|n| self.scenario.produce(request(n))).collect();
        for id in &ids {
            self.scenario.reply(id);
        }
        since.elapsed()
    }

    fn assignments(&self, host: usize) -> usize {
        self.hosts[host].log_text().matches("assigned partitions").count()
    }
}

fn running_tasks(process: &Process) -> i32 {
    let metrics = process.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix("otp_stream_tasks{state=\"running\"} "));
    line.map_or(0, |count| count.parse().expect("a number"))
}

#[test]
fn tasks_move_within_a_session_time_out_when_a_host_dies() {
    let mut pair = Pair::new("machine-dies", "static");
    let [dies, _lives] = pair.run();
    dies.kill_9();
    let took = pair.until_all_answered(Instant::now());
    println!("machine dies: answered after {took:?}, session time-out {SESSION:?}");
    assert!(took <= SESSION + NOISE, "{took:?}");
    pair.scenario.audit();
}

#[test]
fn tasks_of_a_dynamic_member_move_within_a_second_when_it_stops() {
    let mut pair = Pair::new("clean-stop", "dynamic");
    let [stops, _lives] = pair.run();
    let since = Instant::now();
    stops.send_sigterm();
    let took = pair.until_all_answered(since);
    println!("clean stop: answered after {took:?}");
    assert!(took <= Duration::from_secs(1) + NOISE, "{took:?}");
    pair.scenario.audit();
}

#[test]
fn a_restart_of_a_static_member_moves_no_task() {
    let mut pair = Pair::new("static-restart", "static");
    let [stops, _stays] = pair.run();
    let before = pair.assignments(1);
    assert!(stops.terminate().success());
    let since = Instant::now();
    let _again = pair.hosts[0].start();
    let took = pair.until_all_answered(since);
    println!("static restart: answered after {took:?}");
    assert!(took <= Duration::from_secs(2) + NOISE, "{took:?}");
    std::thread::sleep(SESSION);
    assert_eq!(pair.assignments(1), before, "the other instance keeps what it has");
    pair.scenario.audit();
}

#[test]
fn the_start_refuses_a_changed_partition_count() {
    let mut scenario = Scenario::new("growth");
    let process = scenario.run();
    scenario.code_for("9123456790");
    assert!(process.terminate().success());
    let grown = [
        scenario.topics.changelog.clone(),
        "growth-repartition".to_owned(),
        scenario.topics.directory.clone(),
        scenario.topics.replies.clone(),
        scenario.topics.desk_replies.clone(),
        scenario.topics.int_replies.clone(),
        scenario.topics.mosip_replies.clone(),
    ];
    let more: Vec<_> = grown.iter().map(|topic| NewPartitions::new(topic, 5)).collect();
    let done = wait(admin(&scenario.cluster.bootstrap).create_partitions(&more, &AdminOptions::new()));
    assert!(done.expect("an answer").iter().all(Result::is_ok));
    std::thread::sleep(Duration::from_secs(1));
    let output = otp_stream(&scenario.configs, &["run"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["made for 3 partitions", "has 5", "application.id"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
