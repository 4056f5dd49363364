//! Refusals of the cluster: a right withdrawn, a topic deleted, a limit lowered, too few replicas, a quota. A refusal is nobody's
//! record. The service waits, says why, and goes on by itself when it is mended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::run::TortureRun;
use super::{is_session, repeat};
use crate::harness::administrator::Administrator;
use crate::harness::cluster::Cluster;
use crate::harness::host::Host;
use crate::harness::process::Process;
use crate::harness::rights::Rights;
use crate::harness::scenario::{Scenario, Topics};
use crate::topics::{create_again, delete};

/// Longest time until `/readyz` reports a refusal, and until it reports its end.
const NOTICE_MAX: Duration = Duration::from_secs(60);
/// Below every record of the service, and above the markers of a transaction, which the broker itself writes.
const RECORD_BYTES_MAX: &str = "100";
/// A request causes more bytes than this.
const QUOTA_BYTES_S: f64 = 1_500.0;
/// Trials of one run of a session.
const TRIALS_PER_RUN: usize = 4;
/// Longest time that a drawn refusal lasts.
const HOLD_MS_MAX: u64 = 45_000;
/// How long replicas are missing. librdkafka itself repeats what is refused for that.
const REPLICAS_HOLD_MS: u64 = 180_000;
const REPLICAS_HOLD_MS_SHORT: u64 = 10_000;
/// Most warnings in a minute: those of the refusal, and what follows from it, once for each task.
const OTHER_WARNINGS_MAX: usize = 24;

/// A topic that the service writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Sms,
    Email,
    Results,
    Lifecycle,
    Replies,
    DeadLetters,
    Changelog,
    Repartition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// A rule denies WRITE, beside those that allow it.
    Denied,
    /// WRITE is no longer allowed.
    Withdrawn,
    /// Nothing is allowed on the topic: it cannot be seen, either.
    Hidden,
    /// Deleted, and created again when it is mended.
    Deleted,
    /// `max.message.bytes` lowered.
    Shortened,
    /// `cleanup.policy` set to `compact`: records without a key are refused.
    Compacted,
    /// `min.insync.replicas` raised above the replicas in sync.
    TooFewReplicas,
    /// A produce quota. It counts for all topics together.
    Throttled,
}

/// One refusal.
#[derive(Clone, Copy, Debug)]
struct Trial {
    target: Target,
    fault: Fault,
    hold_ms: u64,
}

/// What `./dev test` tries: each fault, on a few topics. The last one costs the state.
const SHORT: [Trial; 9] = {
    const fn trial(target: Target, fault: Fault) -> Trial {
        Trial { target, fault, hold_ms: 1_500 }
    }
    [
        trial(Target::Sms, Fault::Denied),
        trial(Target::Replies, Fault::Withdrawn),
        trial(Target::Lifecycle, Fault::Hidden),
        trial(Target::Results, Fault::Shortened),
        trial(Target::DeadLetters, Fault::Compacted),
        trial(Target::Email, Fault::Deleted),
        trial(Target::Repartition, Fault::Deleted),
        trial(Target::Sms, Fault::Throttled),
        trial(Target::Changelog, Fault::Deleted),
    ]
};

#[test]
fn refusals_of_the_cluster() {
    repeat("refusals", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::secured);
        let trials = if is_session() { drawn(&mut run, seed) } else { SHORT.to_vec() };
        let host = run.scenario.host();
        let mut process = host.run();
        let rights = Rights::of(&run.scenario, &run.scenario.application);
        for trial in trials {
            process = trial.perform(&mut run, process, &host, &rights);
        }
        run.load_for(500);
        run.drain();
        // A store that was lost with its changelog knows nothing of the requests before.
        let replay = !run.has_lost_state();
        run.finish(process, &host, replay);
    });
}

/// A broker takes records although fewer replicas exist than `min.insync.replicas`, but not although fewer are in sync. So one
/// of three brokers is down.
#[test]
fn too_few_replicas() {
    repeat("replicas", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, |name, settings| {
            Scenario::on_cluster(Cluster::of_three(name), name, settings)
        });
        let cluster = run.scenario.cluster.clone();
        let host = run.scenario.host();
        let mut process = host.run();
        run.load_for(500);
        run.come_to_rest();
        cluster.kill_9(2);
        run.load_for(500);
        run.drain();
        let rights = Rights::of(&run.scenario, &run.scenario.application);
        let hold_ms = if is_session() { REPLICAS_HOLD_MS } else { REPLICAS_HOLD_MS_SHORT };
        let target = Target::ALL[usize::try_from(seed).expect("small") % Target::ALL.len()];
        process = Trial { target, fault: Fault::TooFewReplicas, hold_ms }
            .perform(&mut run, process, &host, &rights);
        run.drain();
        run.finish(process, &host, true);
    });
}

/// The next trials of a walk that visits each pair of topic and fault once, in an order without pattern. Consecutive seeds
/// continue it.
fn drawn(run: &mut TortureRun, seed: u64) -> Vec<Trial> {
    let pairs = pairs();
    let count = pairs.len();
    let first = usize::try_from(seed).expect("small").wrapping_mul(TRIALS_PER_RUN);
    let step = (count / 3..).find(|step| gcd(*step, count) == 1).expect("a prime number");
    let visited = (0..TRIALS_PER_RUN).map(|at| pairs[first.wrapping_add(at).wrapping_mul(step) % count]);
    let trial = |(target, fault)| Trial { target, fault, hold_ms: run.load.draw(1_000..HOLD_MS_MAX) };
    let mut trials: Vec<Trial> = visited.map(trial).collect();
    // What costs the state comes last: the others are served with the state of those before.
    trials.sort_by_key(Trial::costs_the_state);
    trials
}

fn gcd(one: usize, other: usize) -> usize {
    if other == 0 { one } else { gcd(other, one % other) }
}

fn pairs() -> Vec<(Target, Fault)> {
    let pairs = Target::ALL.into_iter().flat_map(|target| Fault::ALL.map(|fault| (target, fault)));
    pairs.filter(|(target, fault)| target.can_have(*fault)).collect()
}

impl Target {
    const ALL: [Self; 8] = [
        Self::Sms,
        Self::Email,
        Self::Results,
        Self::Lifecycle,
        Self::Replies,
        Self::DeadLetters,
        Self::Changelog,
        Self::Repartition,
    ];

    fn topic(self, topics: &Topics) -> &str {
        match self {
            Self::Sms => &topics.sms,
            Self::Email => &topics.email,
            Self::Results => &topics.results,
            Self::Lifecycle => &topics.lifecycle,
            Self::Replies => &topics.replies,
            Self::DeadLetters => &topics.dead_letters,
            Self::Changelog => &topics.changelog,
            Self::Repartition => &topics.repartition,
        }
    }

    fn can_have(self, fault: Fault) -> bool {
        match fault {
            Fault::Denied | Fault::Withdrawn | Fault::Hidden | Fault::Deleted | Fault::Shortened => true,
            // Needs more than one broker.
            Fault::TooFewReplicas => false,
            // The others never have a record without a key.
            Fault::Compacted => matches!(self, Self::Results | Self::Replies | Self::DeadLetters),
            // Once is enough: it counts for all of them.
            Fault::Throttled => self == Self::Sms,
        }
    }
}

impl Fault {
    const ALL: [Self; 8] = [
        Self::Denied,
        Self::Withdrawn,
        Self::Hidden,
        Self::Deleted,
        Self::Shortened,
        Self::Compacted,
        Self::TooFewReplicas,
        Self::Throttled,
    ];

    /// What `/readyz` says besides the topic.
    fn word(self) -> &'static str {
        match self {
            Self::Denied | Self::Withdrawn | Self::Hidden => "right",
            Self::Deleted => "does not exist",
            Self::Shortened => "max.message.bytes",
            Self::Compacted => "cleanup.policy",
            Self::TooFewReplicas => "min.insync.replicas",
            Self::Throttled => "quota",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Denied => "WRITE denied",
            Self::Withdrawn => "WRITE withdrawn",
            Self::Hidden => "all rights withdrawn",
            Self::Deleted => "topic deleted",
            Self::Shortened => "max.message.bytes lowered",
            Self::Compacted => "topic compacted",
            Self::TooFewReplicas => "too few replicas",
            Self::Throttled => "produce quota",
        }
    }
}

impl Trial {
    /// Returns the process that serves afterwards.
    fn perform(&self, run: &mut TortureRun, process: Process, host: &Host, rights: &Rights) -> Process {
        let started = Instant::now();
        let topic = self.target.topic(&run.scenario.topics).to_owned();
        run.load_for(700);
        if self.fault == Fault::Deleted {
            // What a topic held is lost with it. Everything is read and nothing is under way, so the audit stays exact.
            run.come_to_rest();
            run.scenario.tap.leave(&topic);
        }
        let log_before = host.log_text().len();
        self.inject(run, rights, &topic);
        run.fault(self.fault.name());
        let noticed = self.hold(run, &process, &topic);
        self.mend(run, rights, &topic);
        let process =
            if self.costs_the_state() { self.give_the_state_up(run, process, host) } else { process };
        let mended = Instant::now();
        run.load_until(NOTICE_MAX, &format!("{self:?}: ready again"), || process.is_ready());
        println!(
            "  {self:?}: noticed after {:.1} s, ready {:.1} s after its end",
            noticed.as_secs_f64(),
            mended.elapsed().as_secs_f64()
        );
        let log = host.log_text();
        run.findings.extend(self.noise(&log[log_before..], &topic, started.elapsed()));
        process
    }

    /// A changelog that was created again is not that of the store, so its state is lost.
    fn costs_the_state(&self) -> bool {
        (self.target, self.fault) == (Target::Changelog, Fault::Deleted)
    }

    fn inject(&self, run: &TortureRun, rights: &Rights, topic: &str) {
        let administrator = Administrator::of(&run.scenario.cluster.bootstrap);
        match self.fault {
            Fault::Denied => rights.deny_write(topic),
            Fault::Withdrawn => rights.withdraw_write(topic),
            Fault::Hidden => rights.withdraw_all(topic),
            Fault::Deleted => delete(&run.scenario, topic),
            Fault::Shortened => administrator.set_topic(topic, "max.message.bytes", Some(RECORD_BYTES_MAX)),
            Fault::Compacted => administrator.set_topic(topic, "cleanup.policy", Some("compact")),
            Fault::TooFewReplicas => administrator.set_topic(topic, "min.insync.replicas", Some("3")),
            Fault::Throttled => {
                administrator.set_produce_quota(&run.scenario.application, Some(QUOTA_BYTES_S));
            }
        }
    }

    fn mend(&self, run: &mut TortureRun, rights: &Rights, topic: &str) {
        let administrator = Administrator::of(&run.scenario.cluster.bootstrap);
        match self.fault {
            Fault::Denied | Fault::Withdrawn | Fault::Hidden => rights.restore(topic),
            Fault::Deleted => {
                create_again(&run.scenario, topic);
                if run.scenario.topics.outputs().contains(&topic) {
                    run.scenario.tap.read_also(&[topic]);
                }
            }
            Fault::Shortened => administrator.set_topic(topic, "max.message.bytes", None),
            Fault::Compacted => administrator.set_topic(topic, "cleanup.policy", Some("delete")),
            Fault::TooFewReplicas => administrator.set_topic(topic, "min.insync.replicas", None),
            Fault::Throttled => administrator.set_produce_quota(&run.scenario.application, None),
        }
    }

    /// Keeps up the load until the refusal shows, and then while it lasts. Returns when it showed.
    fn hold(&self, run: &mut TortureRun, process: &Process, topic: &str) -> Duration {
        let named = || self.is_named(process, topic);
        let since = Instant::now();
        if self.fault == Fault::Throttled {
            // What is answered slowly is answered: only an instance that is not ready must say why.
            while since.elapsed() < Duration::from_millis(self.hold_ms + 10_000) {
                if !named() && !process.is_ready() && !named() {
                    run.findings.push(format!("{self:?}: {:?}", process.get("/readyz")));
                }
                run.load_for(300);
            }
            return since.elapsed();
        }
        run.load_until(NOTICE_MAX, &format!("{self:?} of {topic}: not ready, with the cause"), named);
        let noticed = since.elapsed();
        let held = Instant::now();
        while held.elapsed() < Duration::from_millis(self.hold_ms) {
            run.load_for(300);
            assert!(named(), "{self:?}: 503 while it lasts, and not {:?}", process.get("/readyz"));
        }
        noticed
    }

    fn is_named(&self, process: &Process, topic: &str) -> bool {
        let topic = if self.fault == Fault::Throttled { "" } else { topic };
        let answer = process.get("/readyz");
        answer.is_some_and(|(status, body)| {
            status == 503 && body.contains(topic) && body.contains(self.fault.word())
        })
    }

    /// The store belongs to another changelog. The service says so and keeps it; the remedy is to move it away.
    fn give_the_state_up(&self, run: &mut TortureRun, process: Process, host: &Host) -> Process {
        let says = |part: &str| {
            process.get("/readyz").is_some_and(|(status, body)| status == 503 && body.contains(part))
        };
        for part in ["another changelog", "move"] {
            run.load_until(NOTICE_MAX, &format!("{self:?}: `{part}`"), || says(part));
        }
        assert!(process.terminate().success());
        let away = run.scenario.directory.join("moved away");
        std::fs::rename(&host.store, &away).expect("moved");
        run.lose_state();
        host.start()
    }

    /// Each line at most once and then once a minute; and few lines at all.
    fn noise(&self, log: &str, topic: &str, lasted: Duration) -> Vec<String> {
        let minutes = usize::try_from(lasted.as_secs() / 60).expect("small");
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let is_warning = |line: &&str| line.contains(" WARN ") || line.contains(" ERROR ");
        for line in log.lines().filter(is_warning) {
            let text = line.split_once(' ').map_or(line, |(_time, text)| text);
            let same: String = text.chars().filter(|it| !it.is_ascii_digit()).collect();
            *counts.entry(same).or_default() += 1;
        }
        let lines: usize = counts.values().sum();
        let about = counts.iter().filter(|(line, _)| line.contains(topic));
        let mut findings: Vec<String> = about
            .filter(|(_, count)| **count > minutes + 2)
            .map(|(line, count)| format!("{self:?}: {count} lines in {} s: {line}", lasted.as_secs()))
            .collect();
        if lines > OTHER_WARNINGS_MAX * (minutes + 1) {
            findings.push(format!("{self:?}: {lines} warnings in {} s: {counts:#?}", lasted.as_secs()));
        }
        findings
    }
}
