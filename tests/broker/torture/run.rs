//! One run of one kind of fault: an application under load, the injected faults, and the audit at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminOptions;

use super::load::{Load, SETTINGS};
use crate::harness::event::Event;
use crate::harness::history::{self, PolicyLimits};
use crate::harness::host::{Host, copy};
use crate::harness::kafka::Tap;
use crate::harness::process::Process;
use crate::harness::replayed::{self, Selection};
use crate::harness::scenario::{PARTITIONS, Scenario};
use crate::harness::{audit, fold};
use crate::topics::{admin, wait};

const DRAIN_LIMIT: Duration = Duration::from_secs(90);
const LIMITS: PolicyLimits = PolicyLimits { wrong_tries_max: 5, lifetime_ms: 300_000 };
const FINDINGS_SHOWN: usize = 20;

pub(super) struct TortureRun {
    pub scenario: Scenario,
    pub load: Load,
    name: String,
    seed: u64,
    started: Instant,
    faults: BTreeMap<&'static str, u32>,
    /// What was found before the audit.
    pub findings: Vec<String>,
    has_lost_state: bool,
}

impl TortureRun {
    /// `scenario` creates the application from a name and settings.
    pub(super) fn new(kind: &str, seed: u64, scenario: impl FnOnce(&str, &str) -> Scenario) -> Self {
        let name = format!("torture-{kind}-{seed}");
        let scenario = scenario(&name, SETTINGS);
        Self {
            scenario,
            load: Load::new(seed),
            name,
            seed,
            started: Instant::now(),
            faults: BTreeMap::new(),
            findings: Vec::new(),
            has_lost_state: false,
        }
    }

    /// Counts an injected fault.
    pub(super) fn fault(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
    }

    /// Starts and continues stories for `ms` milliseconds.
    pub(super) fn load_for(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            self.load.step(&mut self.scenario);
        }
    }

    /// Continues stories for `ms` milliseconds, without starting new ones.
    pub(super) fn read_for(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            self.load.read(&mut self.scenario);
        }
    }

    /// Keeps up the load until a condition holds.
    pub(super) fn load_until(&mut self, limit: Duration, what: &str, shows: impl Fn() -> bool) {
        let until = Instant::now() + limit;
        while !shows() {
            if Instant::now() > until {
                self.fail(&[format!("{what}: not after {limit:?}; {}", self.load.progress())]);
            }
            self.load_for(100);
        }
    }

    /// The state was given up: what the service forgot is no finding.
    pub(super) fn lose_state(&mut self) {
        self.has_lost_state = true;
    }

    pub(super) fn has_lost_state(&self) -> bool {
        self.has_lost_state
    }

    /// Waits until every request is answered and every dead letter is written, and reads all of it.
    pub(super) fn come_to_rest(&mut self) {
        self.drain();
        let unreadable = self.scenario.produced.values().filter(|it| it.undecodable);
        let expected: usize = unreadable.map(|it| it.times).sum();
        let until = Instant::now() + DRAIN_LIMIT;
        while self.scenario.events_of(&self.scenario.topics.dead_letters).len() < expected {
            assert!(Instant::now() < until, "{}: dead letters are missing", self.name);
            self.load.read(&mut self.scenario);
        }
        self.scenario.tap.settle(Duration::from_millis(300));
        self.drain();
    }

    /// Starts a process on one host, lets it answer everything, and completes the run with it.
    pub(super) fn finish_on(mut self, host: &Host, replay: bool) {
        let process = host.run();
        self.drain();
        self.finish(process, host, replay);
    }

    /// Completes the run. `process` is the only process left and gets every task. It is stopped, and all events are audited.
    pub(super) fn finish(mut self, process: Process, host: &Host, replay: bool) {
        let all = format!("otp_stream_tasks{{state=\"running\"}} {PARTITIONS}\n");
        self.await_condition("every task runs here", || process.metrics().contains(&all));
        self.drain();
        self.stop(process);
        self.audit(&host.store, replay);
    }

    /// Stops a process, which must end in order.
    pub(super) fn stop(&self, process: Process) {
        let status = process.terminate();
        if !status.success() {
            self.fail(&[format!("a process ended with {status}; its log says why")]);
        }
    }

    /// Continues stories until a condition holds, without starting new ones.
    fn await_condition(&mut self, what: &str, shows: impl Fn() -> bool) {
        let until = Instant::now() + DRAIN_LIMIT;
        while !shows() {
            assert!(Instant::now() < until, "{}: {what}: not after {DRAIN_LIMIT:?}", self.name);
            self.load.read(&mut self.scenario);
        }
    }

    /// Continues stories until every request is answered, without starting new ones.
    pub(super) fn drain(&mut self) {
        let until = Instant::now() + DRAIN_LIMIT;
        let mut renew_at = Some(Instant::now() + DRAIN_LIMIT / 2);
        while !self.load.is_answered() {
            if renew_at.take_if(|at| Instant::now() > *at).is_some() {
                println!(
                    "  {}: {} after {:?}; the reader starts again",
                    self.name,
                    self.load.progress(),
                    DRAIN_LIMIT / 2
                );
                self.scenario.tap.renew();
            }
            if Instant::now() > until {
                let Scenario { topics, tap, produced, upstream, .. } = &self.scenario;
                let (progress, lost) = (self.load.progress(), upstream.lost());
                let mut findings =
                    vec![format!("not drained: {progress} after {DRAIN_LIMIT:?}, {lost} not delivered")];
                findings.extend(audit::findings(topics, &tap.events, produced));
                findings.extend(self.where_unanswered_requests_lie());
                self.fail(&findings);
            }
            self.load.read(&mut self.scenario);
        }
    }

    /// Where the broker holds the requests without a reply. A request that it does not hold was lost before it came to us.
    fn where_unanswered_requests_lie(&self) -> Vec<String> {
        let Scenario { cluster, topics, tap, produced, .. } = &self.scenario;
        let answered: BTreeSet<&str> = tap.events.iter().map(Event::cause).collect();
        let names = topics.requests_of_all().map(String::as_str);
        let mut requests = Tap::on(&cluster.bootstrap, &names);
        requests.settle(Duration::from_secs(3));
        let mut locations: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for event in &requests.events {
            let location = format!("{}[{}]@{}", event.topic, event.partition, event.offset);
            locations.entry(event.text("ce_id")).or_default().push(location);
        }
        let unanswered = produced.keys().filter(|id| !answered.contains(id.as_str()));
        let shown = unanswered.map(|id| match locations.get(id.as_str()) {
            Some(at) => format!("{id}: no reply; lies at {}", at.join(", ")),
            None => format!("{id}: no reply; the broker does not hold it"),
        });
        shown.collect()
    }

    /// Audits all committed events.
    fn audit(mut self, store: &Path, replay: bool) {
        self.scenario.tap.settle(Duration::from_millis(600));
        let Scenario { topics, tap, produced, upstream, .. } = &self.scenario;
        assert_eq!(upstream.lost(), 0, "every request is delivered");
        let mut findings = std::mem::take(&mut self.findings);
        findings.extend(audit::findings(topics, &tap.events, produced));
        findings.extend(history::findings(topics, &tap.events, LIMITS));
        if replay {
            findings.extend(replayed::differences(&self.scenario, &Selection::ALL));
        }
        findings.extend(fold::differences(&self.scenario, store));
        if !findings.is_empty() {
            self.fail(&findings);
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(what, count)| format!("{count}× {what}")).collect();
        println!(
            "{}: {:.1} s, faults: {}; {}, {} events, nothing found",
            self.name,
            self.started.elapsed().as_secs_f64(),
            faults.join(", "),
            self.load.progress(),
            self.scenario.tap.events.len()
        );
        assert!(!self.faults.is_empty(), "{}: no fault was injected", self.name);
        self.clean_up();
    }

    fn fail(&self, findings: &[String]) -> ! {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("torture").join(&self.name);
        fs::create_dir_all(&kept).expect("a directory");
        fs::write(kept.join("findings.txt"), findings.join("\n")).expect("written");
        copy(&self.scenario.directory, &kept);
        for broker in self.scenario.cluster.directories() {
            copy(broker, &kept.join(broker.file_name().expect("a directory of its own")));
        }
        panic!(
            "{} (seed {}): {} findings, faults {:?}; logs and all findings in {}:\n{}",
            self.name,
            self.seed,
            findings.len(),
            self.faults,
            kept.display(),
            findings[..findings.len().min(FINDINGS_SHOWN)].join("\n")
        );
    }

    /// Removes topics and files, because a torture session creates many applications.
    fn clean_up(self) {
        let topics = self.scenario.topics.all();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let deleted =
            wait(admin(&self.scenario.cluster.bootstrap).delete_topics(&names, &AdminOptions::new()));
        deleted.expect("the cluster answers");
        let directory = self.scenario.directory.clone();
        drop(self.scenario);
        fs::remove_dir_all(directory).expect("removed");
    }
}
