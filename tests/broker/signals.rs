//! SIGTERM and SIGINT: every command ends soon, whatever it waits for, also as process 1 of a container.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::harness::cluster::Cluster;
use crate::harness::event::send;
use crate::harness::scenario::Scenario;

/// Longest time from the signal to the end.
const END_MAX: Duration = Duration::from_secs(2);
/// The same with a transaction to end.
const TRANSACTION_END_MAX: Duration = Duration::from_secs(10);
const START_MAX: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Requests that take the service longer than a signal on its way.
const BACKLOG: usize = 4_000;

/// A command whose standard input stays open.
struct Running {
    child: Child,
    pid: u32,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-stream"));
        let child = piped(command.args(args));
        let pid = child.id();
        Self { child, pid }
    }

    /// As process 1 of a process namespace of its own; `None`: this machine allows none.
    fn start_as_first(args: &[&str]) -> Option<Self> {
        let unshare = ["--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];
        let mut allowed = Command::new("unshare");
        if !allowed.args(unshare).arg("true").stderr(Stdio::null()).status().is_ok_and(|it| it.success()) {
            println!("no process is number 1: namespaces need --cap-add SYS_ADMIN in a container");
            return None;
        }
        let mut command = Command::new("unshare");
        let child = piped(command.args(unshare).arg(env!("CARGO_BIN_EXE_otp-stream")).args(args));
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        let pid = within(START_MAX, "the process starts", || {
            fs::read_to_string(&children).ok()?.split_whitespace().next()?.parse::<u32>().ok()
        });
        Some(Self { child, pid })
    }

    /// Waits until the process has a handler for a signal.
    fn await_handler(&self, signal: u32) {
        within(START_MAX, "a handler is installed", || {
            let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
            let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
            (mask >> (signal - 1) & 1 == 1).then_some(())
        });
    }

    /// Waits until the process has this many threads.
    fn await_threads(&self, count: usize) {
        let tasks = format!("/proc/{}/task", self.pid);
        within(START_MAX, "threads start", || (fs::read_dir(&tasks).ok()?.count() >= count).then_some(()));
    }

    fn signal(&self, signal: u32) {
        let status = Command::new("kill").args([format!("-{signal}"), self.pid.to_string()]).status();
        assert!(status.expect("kill starts").success(), "signal {signal} reaches the process");
    }

    /// The status within a time, and what was written.
    fn await_end(mut self, limit: Duration) -> (ExitStatus, String) {
        let status = within(limit, "the process ends", || self.child.try_wait().expect("its status"));
        let mut text = String::new();
        drop(self.child.stderr.take().expect("a pipe").read_to_string(&mut text));
        (status, text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn piped(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts")
}

fn within<T>(limit: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(Instant::now() < until, "{what}: not within {limit:?}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// A broker that takes connections and never answers.
fn silent_broker() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let set = format!("kafka.bootstrap_servers={}", listener.local_addr().expect("bound"));
    (listener, set)
}

const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;

#[test]
fn a_command_that_waits_for_input_or_for_a_silent_broker_ends() {
    let (_silent, set) = silent_broker();
    let directory = crate::harness::cluster::scenario_directory("signals-commands");
    fs::create_dir_all(&directory).expect("a directory");
    let keys = directory.join("keys.toml");
    let check = |args: &[&str], signal: u32, threads: usize, expected: i32| {
        let file = format!("keys.file={}", keys.display());
        let store = format!("store.directory={}", directory.join("store").display());
        let mut line =
            vec!["--set", &set, "--set", &file, "--set", &store, "--set", "http.listen=127.0.0.1:0"];
        line.extend(args);
        let running = Running::start(&line);
        running.await_handler(signal);
        running.await_threads(threads);
        running.signal(signal);
        let (status, text) = running.await_end(END_MAX);
        assert_eq!(status.code(), Some(expected), "{args:?}: {text}");
    };
    let made = Command::new(env!("CARGO_BIN_EXE_otp-stream"))
        .args(["keys", "generate", "--out", &keys.display().to_string()])
        .status();
    assert!(made.expect("it starts").success());
    // With one thread a command reads its input; with more it waits for the broker.
    check(&["replay"], SIGTERM, 1, 143);
    check(&["replay"], SIGINT, 1, 130);
    check(&["topics", "create"], SIGTERM, 3, 143);
    check(&["topics", "verify"], SIGINT, 3, 130);
    check(&["bench", "latency"], SIGTERM, 3, 143);
    check(&["demo", "--bootstrap-servers", set.split_once('=').expect("a value").1], SIGINT, 3, 130);
    let subject = ["subject", "unlock", "--contract", "egov", "--tenant", "pb", "--identity", "9123456789"];
    check(&subject, SIGTERM, 3, 143);
    check(&["run"], SIGTERM, 3, 0);
    check(&["run", "--create-topics"], SIGINT, 3, 0);
}

#[test]
fn the_first_process_of_a_container_gets_a_signal_as_soon_as_it_runs() {
    for (args, signal, expected) in
        [(["replay"], SIGTERM, 143), (["replay"], SIGINT, 130), (["demo"], SIGTERM, 143)]
    {
        let Some(running) = Running::start_as_first(&args) else { return };
        running.await_handler(signal);
        running.signal(signal);
        // `unshare` passes the status on.
        let (status, text) = running.await_end(END_MAX);
        assert_eq!(status.code(), Some(expected), "{args:?}: {text}");
    }
}

#[test]
fn a_service_ends_while_its_broker_is_silent() {
    let cluster = Cluster::of_one("signals", "");
    let mut scenario = Scenario::on_cluster(cluster.clone(), "signals", "");
    let start = |configs: &[PathBuf]| {
        let configs: Vec<String> = configs.iter().map(|it| it.display().to_string()).collect();
        let mut args: Vec<&str> = configs.iter().flat_map(|it| ["--config", it]).collect();
        args.push("run");
        Running::start(&args)
    };
    let running = start(&scenario.configs);
    scenario.code_for("9123456710");
    cluster.suspend(0);
    running.signal(SIGTERM);
    let (status, text) = running.await_end(END_MAX);
    cluster.resume(0);
    assert_eq!(status.code(), Some(0), "no transaction is open: {text}");

    // Stopped in a backlog, the process nearly always has a transaction open.
    let running = start(&scenario.configs);
    let mut ids = backlog(&mut scenario, "first");
    scenario.reply(&ids[0]);
    cluster.suspend(0);
    running.signal(SIGTERM);
    let (status, text) = running.await_end(TRANSACTION_END_MAX);
    cluster.resume(0);
    let is_left = text.contains("the next start settles it");
    assert_eq!(status.code(), Some(i32::from(is_left)), "{text}");

    let running = start(&scenario.configs);
    ids.extend(backlog(&mut scenario, "second"));
    scenario.reply(&ids[BACKLOG]);
    cluster.suspend(0);
    running.signal(SIGTERM);
    std::thread::sleep(Duration::from_millis(100));
    running.signal(SIGINT);
    let (status, text) = running.await_end(END_MAX / 2);
    cluster.resume(0);
    assert!(matches!(status.code(), Some(130 | 0)), "the second signal ends it: {status}: {text}");

    let process = scenario.run();
    for id in &ids {
        scenario.reply(id);
    }
    assert!(process.terminate().success());
    scenario.audit();
}

/// Sends requests without waiting, and returns their ids.
fn backlog(scenario: &mut Scenario, name: &str) -> Vec<String> {
    let ids: Vec<String> = (0..BACKLOG).map(|number| format!("{name}-{number}")).collect();
    for (number, id) in ids.iter().enumerate() {
        scenario.produce_async(send(&(9_400_000_000 + number as u64).to_string()), id);
    }
    ids
}
