//! Partitions are added to a request topic, in every order of additions and restarts. They are noticed, assigned and served
//! within a minute, and no process ends.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};

use crate::harness::event::send;
use crate::harness::host::Host;
use crate::harness::kafka::Upstream;
use crate::harness::process::Process;
use crate::harness::scenario::{PARTITIONS, Scenario};
use crate::topics::{admin, wait};

/// From the addition to the last answer.
const LIMIT: Duration = Duration::from_secs(60);
const SESSION: Duration = Duration::from_secs(4);
const GROWN: i32 = PARTITIONS + 3;

/// What runs, and when the partitions are added.
#[derive(Clone, Copy, Debug)]
struct Trial {
    hosts: usize,
    threads: usize,
    membership: &'static str,
    order: Order,
}

/// What happens around the addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing.
    Running,
    /// Every process is stopped immediately after it, and starts again.
    StoppedAfter,
    /// Every process is killed immediately after it, and starts again.
    KilledAfter,
    /// It comes while every process starts.
    Starting,
    /// It comes while no process runs, for longer than the session time-out.
    Stopped,
}

impl Order {
    pub(crate) const ALL: [Self; 5] =
        [Self::Running, Self::StoppedAfter, Self::KilledAfter, Self::Starting, Self::Stopped];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "partitions added",
            Self::StoppedAfter => "partitions added, then stopped",
            Self::KilledAfter => "partitions added, then killed",
            Self::Starting => "partitions added while it starts",
            Self::Stopped => "partitions added while stopped",
        }
    }

    /// Adds partitions, and does with the processes what the order says.
    pub(crate) fn carry_out(
        self,
        hosts: &[Host],
        processes: Vec<Process>,
        add: impl FnOnce(),
    ) -> Vec<Process> {
        let end = |process: Process| assert!(process.terminate().success());
        let start = || hosts.iter().map(Host::start).collect();
        match self {
            Self::Running => {
                add();
                processes
            }
            Self::StoppedAfter => {
                add();
                processes.into_iter().for_each(end);
                start()
            }
            Self::KilledAfter => {
                add();
                processes.into_iter().for_each(Process::kill_9);
                start()
            }
            Self::Starting => {
                processes.into_iter().for_each(end);
                let started = start();
                add();
                started
            }
            Self::Stopped => {
                processes.into_iter().for_each(end);
                add();
                std::thread::sleep(SESSION + Duration::from_secs(1));
                start()
            }
        }
    }
}

/// Adds partitions to the request topic. Gives the scenario a client that knows them.
pub(crate) fn add(scenario: &mut Scenario, count: i32) {
    let topic = scenario.topics.requests.clone();
    let more = [NewPartitions::new(&topic, usize::try_from(count).expect("a count"))];
    let done = wait(admin(&scenario.cluster.bootstrap).create_partitions(&more, &AdminOptions::new()));
    assert!(done.expect("an answer").iter().all(Result::is_ok));
    assert_eq!(scenario.upstream.lost(), 0);
    scenario.upstream = Upstream::new(&scenario.cluster.bootstrap);
    scenario.upstream.await_topic(&topic, count);
}

fn run(at: usize, trial: Trial) {
    let Trial { hosts, threads, membership, order } = trial;
    let settings = format!(
        "application.membership = \"{membership}\"\nprocessing.threads = {threads}\n[kafka.properties]\n\
         \"session.timeout.ms\" = \"{}\"\n",
        SESSION.as_millis()
    );
    let mut scenario = Scenario::with(&format!("added-{at}"), &settings);
    let hosts: Vec<Host> = (0..hosts).map(|n| scenario.another_host(&format!("host-{n}"), "")).collect();
    let processes: Vec<Process> = hosts.iter().map(Host::run).collect();
    ask(&mut scenario, "before", PARTITIONS);
    let since = Instant::now();
    let mut processes = order.carry_out(&hosts, processes, || {
        add(&mut scenario, GROWN);
        for n in 0..2 * GROWN {
            produce(&mut scenario, "during", n, GROWN);
        }
    });
    for n in 0..2 * GROWN {
        let reply = scenario.reply(&format!("during-{n}"));
        assert_eq!(reply.body()["isSuccessful"], true, "{trial:?}: {}", reply.error_code());
    }
    let took = since.elapsed();
    println!("{trial:?}: answered after {took:?}");
    assert!(took < LIMIT, "{trial:?}: {took:?}");
    ask(&mut scenario, "after", GROWN);
    await_settled(&scenario, &processes, since);
    for process in &mut processes {
        assert_eq!(process.exit_status(), None, "{trial:?}: no process has ended");
    }
    for process in processes {
        assert!(process.terminate().success(), "{trial:?}");
    }
    scenario.audit();
}

/// A request to each partition is answered.
fn ask(scenario: &mut Scenario, series: &str, partitions: i32) {
    for n in 0..partitions {
        produce(scenario, series, n, partitions);
    }
    for n in 0..partitions {
        let reply = scenario.reply(&format!("{series}-{n}"));
        assert_eq!(reply.body()["isSuccessful"], true, "{}", reply.error_code());
    }
}

fn produce(scenario: &mut Scenario, series: &str, n: i32, partitions: i32) {
    let first = 9_300_000_000 + 100 * series.bytes().map(u64::from).sum::<u64>();
    let number = (first + u64::try_from(n).expect("not negative")).to_string();
    let request = send(&number).key(None).partition(n % partitions).id(&format!("{series}-{n}"));
    scenario.produce(request);
}

/// Every process is ready, and the lag of each partition is shown, and 0.
fn await_settled(scenario: &Scenario, processes: &[Process], since: Instant) {
    let topic = &scenario.topics.requests;
    let lag =
        |partition: i32| format!("otp_stream_input_lag{{partition=\"{partition}\",topic=\"{topic}\"}} 0");
    loop {
        let texts: Vec<String> = processes.iter().map(Process::metrics).collect();
        let is_shown = |partition| texts.iter().any(|text| text.contains(&lag(partition)));
        let are_ready = processes.iter().all(Process::is_ready);
        let missing: Vec<i32> = (0..GROWN).filter(|partition| !is_shown(*partition)).collect();
        if are_ready && missing.is_empty() {
            return;
        }
        assert!(since.elapsed() < LIMIT, "ready: {are_ready}; no lag of {missing:?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// The whole table takes minutes; `./dev torture --only partitions` draws from it.
#[test]
fn added_partitions_are_served_within_a_minute() {
    let trial = |hosts, threads, membership, order| Trial { hosts, threads, membership, order };
    let trials = [
        trial(2, 1, "static", Order::Running),
        trial(1, 1, "static", Order::StoppedAfter),
        trial(1, 2, "static", Order::Starting),
        trial(2, 1, "dynamic", Order::KilledAfter),
        trial(1, 2, "static", Order::Stopped),
    ];
    std::thread::scope(|scope| {
        for (at, trial) in trials.into_iter().enumerate() {
            scope.spawn(move || run(at, trial));
        }
    });
}
