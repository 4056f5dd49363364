//! One pass of one kind of fault: an application under load, the faults that were made, and the verdict.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminOptions;

use super::load::{Load, SETTINGS};
use crate::harness::history::{self, Promised};
use crate::harness::process::Process;
use crate::harness::replayed::{self, Chosen};
use crate::harness::seat::Seat;
use crate::harness::world::{PARTITIONS, World};
use crate::harness::{audit, fold};
use crate::topics::{admin, wait};

const DRAIN_LIMIT: Duration = Duration::from_secs(90);
const PROMISED: Promised = Promised { wrong_tries_max: 5, lifetime_ms: 300_000 };
const FINDINGS_SHOWN: usize = 20;

pub struct Trial {
    pub world: World,
    pub load: Load,
    name: String,
    seed: u64,
    begun: Instant,
    faults: BTreeMap<&'static str, u32>,
}

impl Trial {
    /// `world` makes the application from its name and settings.
    pub fn new(kind: &str, seed: u64, world: impl FnOnce(&str, &str) -> World) -> Self {
        let name = format!("torture-{kind}-{seed}");
        let world = world(&name, SETTINGS);
        Self { world, load: Load::new(seed), name, seed, begun: Instant::now(), faults: BTreeMap::new() }
    }

    pub fn fault(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
    }

    pub fn load_for(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            self.load.turn(&mut self.world);
        }
    }

    /// Without new stories.
    pub fn read_for(&mut self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            self.load.read(&mut self.world);
        }
    }

    /// Under load until something shows.
    pub fn load_until(&mut self, what: &str, shows: impl Fn() -> bool) {
        let until = Instant::now() + DRAIN_LIMIT;
        while !shows() {
            assert!(Instant::now() < until, "{}: {what}: not after {DRAIN_LIMIT:?}", self.name);
            self.load_for(100);
        }
    }

    /// One machine takes everything up, answers what is left, and ends in good order.
    pub fn settle_on(mut self, seat: &Seat, replay: bool) {
        let process = seat.run();
        self.drain();
        self.end_in_good_order(process, seat, replay);
    }

    /// The last process, which has or gets every task, ends; then the verdict.
    pub fn end_in_good_order(mut self, process: Process, seat: &Seat, replay: bool) {
        let all = format!("otp_stream_tasks{{state=\"running\"}} {PARTITIONS}\n");
        self.await_quietly("every task runs here", || process.metrics().contains(&all));
        self.drain();
        assert!(process.terminate().success());
        self.verdict(&seat.store, replay);
    }

    fn await_quietly(&mut self, what: &str, shows: impl Fn() -> bool) {
        let until = Instant::now() + DRAIN_LIMIT;
        while !shows() {
            assert!(Instant::now() < until, "{}: {what}: not after {DRAIN_LIMIT:?}", self.name);
            self.load.read(&mut self.world);
        }
    }

    /// Without new requests until everything is answered.
    pub fn drain(&mut self) {
        let until = Instant::now() + DRAIN_LIMIT;
        while !self.load.is_answered() {
            if Instant::now() > until {
                let World { topics, tap, asked, upstream, .. } = &self.world;
                let (told, lost) = (self.load.told(), upstream.lost());
                let mut findings =
                    vec![format!("no end: {told} after {DRAIN_LIMIT:?}, {lost} not taken by the broker")];
                findings.extend(audit::findings(topics, &tap.events, asked));
                self.fail(&findings);
            }
            self.load.read(&mut self.world);
        }
    }

    /// Everything that was committed, against every promise.
    fn verdict(mut self, store: &Path, replay: bool) {
        self.world.tap.settle(Duration::from_millis(600));
        let World { topics, tap, asked, upstream, .. } = &self.world;
        assert_eq!(upstream.lost(), 0, "the broker takes every request");
        let mut findings = audit::findings(topics, &tap.events, asked);
        findings.extend(history::findings(topics, &tap.events, PROMISED));
        if replay {
            findings.extend(replayed::differences(&self.world, &Chosen::ALL));
        }
        findings.extend(fold::differences(&self.world, store));
        if !findings.is_empty() {
            self.fail(&findings);
        }
        let faults: Vec<String> =
            self.faults.iter().map(|(what, count)| format!("{count}× {what}")).collect();
        println!(
            "{}: {:.1} s, faults: {}; {}, {} events, nothing found",
            self.name,
            self.begun.elapsed().as_secs_f64(),
            faults.join(", "),
            self.load.told(),
            self.world.tap.events.len()
        );
        assert!(!self.faults.is_empty(), "{}: no fault was made", self.name);
        self.clear_away();
    }

    fn fail(&self, findings: &[String]) -> ! {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("torture").join(&self.name);
        fs::create_dir_all(&kept).expect("a directory");
        fs::write(kept.join("findings.txt"), findings.join("\n")).expect("written");
        crate::harness::seat::copy(&self.world.directory, &kept);
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

    /// A long run makes many applications: their topics and files do not stay.
    fn clear_away(self) {
        let topics = self.world.topics.all();
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let deleted = wait(admin(&self.world.cluster.bootstrap).delete_topics(&names, &AdminOptions::new()));
        deleted.expect("the cluster answers");
        let directory = self.world.directory.clone();
        drop(self.world);
        fs::remove_dir_all(directory).expect("removed");
    }
}
