//! One run of a plan. First the faults of the plan happen (chaos phase), then everything must become idle without
//! faults (liveness phase). The seed decides who acts when.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;
use std::rc::Rc;

use otp_topology::deployment::SourceKind;
use otp_topology::thread::TaskStage;
use otp_topology::wire::record::SourcePartition;

use crate::broker::Broker;
use crate::faults;
use crate::house::{House, Shape};
use crate::names::instance_name;
use crate::oracle::{Oracle, Violation};
use crate::plan::{Action, CHAOS_STEPS, Plan};
use crate::planted::Planted;
use crate::process::Process;
use crate::trace::Fnv;
use crate::truncation;
use crate::world::{Instance, World};

/// Rounds of the liveness phase after which everything must be idle.
const LIVENESS_ROUNDS_MAX: u32 = 6_000;

/// Deployments by shape and planted bug. They are costly to build, and many seeds use the same one.
#[derive(Default)]
pub struct Deployments(BTreeMap<(Shape, Option<Planted>), Rc<House>>);

/// How a request ended: contract, operation, outcome, as a metric calls them.
pub type End = (&'static str, &'static str, &'static str);

pub struct RunResult {
    /// A hash of every step.
    pub hash: u64,
    /// A hash of every committed record, including the internal topics.
    pub committed: u64,
    pub violation: Option<Violation>,
    /// How its committed requests ended.
    pub ends: BTreeSet<End>,
    /// The steps as text; empty for a run without a trace.
    pub lines: Vec<String>,
}

/// Runs a plan until a promise is broken, or to its end.
pub fn run(
    deployments: &mut Deployments,
    plan: &Plan,
    planted: Option<Planted>,
    has_trace: bool,
) -> RunResult {
    let mut world = World::new(deployments.of(plan.shape, planted), plan, planted, has_trace);
    world.append_initial_records();
    let mut next_entry = 0;
    for step in 0..CHAOS_STEPS {
        if world.auditor.first_violation.is_some() {
            break;
        }
        world.chaos_step(step, &mut next_entry);
    }
    if world.auditor.first_violation.is_none() {
        world.liveness_phase(next_entry);
    }
    let violation = world.auditor.first_violation.take();
    let committed = committed(&world.house, &world.broker);
    let ends = std::mem::take(&mut world.auditor.ends);
    RunResult { hash: world.trace.hash(), committed, violation, ends, lines: world.trace.lines() }
}

impl Deployments {
    /// The number of topics that the service writes to in such a deployment.
    pub fn outputs(&mut self, shape: Shape) -> usize {
        self.of(shape, None).outputs().len()
    }

    fn of(&mut self, shape: Shape, planted: Option<Planted>) -> Rc<House> {
        let house = self.0.entry((shape, planted));
        house.or_insert_with(|| Rc::new(House::new(shape, planted))).clone()
    }
}

/// A hash of every committed record (topic, partition, key, value, headers), in the order of each partition.
fn committed(house: &House, broker: &Broker) -> u64 {
    let mut hash = Fnv::default();
    let mut part = |bytes: Option<&[u8]>| {
        hash.write_i64(bytes.map_or(-1, |it| it.len() as i64));
        hash.write(bytes.unwrap_or_default());
    };
    let mut logs: Vec<_> = house.topics.iter().zip(&broker.logs).collect();
    logs.sort_by_key(|(name, _)| *name);
    for (name, partitions) in logs {
        for log in partitions {
            part(Some(name.as_bytes()));
            for (_, record) in (0..log.end()).filter_map(|offset| log.visible(offset)) {
                part(record.key.as_deref());
                part(record.value.as_deref());
                for (name, value) in &record.headers {
                    part(Some(name.as_bytes()));
                    part(value.as_deref());
                }
            }
        }
    }
    hash.finish()
}

impl World<'_> {
    fn act(&mut self, action: Action) {
        match action {
            Action::Append(item) => self.append_item(item),
            Action::Inject { instance, fault } => faults::inject(self, instance, fault),
        }
    }

    /// Does the entries of the plan that are due, and one random action.
    fn chaos_step(&mut self, step: u32, next_entry: &mut usize) {
        self.now += self.dice.u64(..9);
        while let Some(entry) = self.plan.entries.get(*next_entry).filter(|it| it.step <= step) {
            *next_entry += 1;
            self.act(entry.action);
        }
        self.housekeeping(false);
        let number = self.dice.usize(..self.instances.len());
        match self.dice.u8(..10) {
            0 => self.write_marker(),
            1 | 2 => self.with_process(number, |process, site| {
                process.work(site);
                None
            }),
            3 => self.with_process(number, |process, site| {
                process.beat(site);
                None
            }),
            _ => {
                for _ in 0..self.dice.usize(1..4) {
                    self.with_process(number, Process::step);
                }
            }
        }
        self.audit_decided();
    }

    /// Runs without further faults until everything is idle, then with the entries from `late` on until it is idle again.
    fn liveness_phase(&mut self, mut late: usize) {
        for instance in &mut self.instances {
            instance.armed.clear();
            instance.paused_until = 0;
            instance.start_at = 0;
        }
        self.broker.refusals.clear();
        self.trace.note("liveness", [0; 3], || "no more faults from here on".to_owned());
        truncation::heal(self);
        for round in 0..LIVENESS_ROUNDS_MAX {
            self.round();
            if self.auditor.first_violation.is_some() {
                return;
            }
            // The store may not have been written yet for the commit that was logged last.
            if self.decided_at + 8 * 15 < self.now && round % 8 == 7 && self.is_idle() {
                let Some(entries) = self.plan.entries.get(late..).filter(|it| !it.is_empty()) else {
                    return self.check_final_state();
                };
                late += entries.len();
                entries.iter().for_each(|entry| self.act(entry.action));
            }
        }
        let why = self.why_not_idle();
        self.auditor.violated(Oracle::Liveness.violation(why));
    }

    fn is_idle(&self) -> bool {
        self.is_settled()
            && self.auditor.unanswered().is_none()
            && self.processes_are(|process| {
                process.is_idle() && process.stages().all(|(_, stage)| stage == TaskStage::Running)
            })
    }

    fn why_not_idle(&self) -> String {
        if let Some(request) = self.auditor.unanswered() {
            return format!("no reply to {request}; {}", self.stages());
        }
        if !self.broker.transactions.are_all_settled() {
            return "a transaction stays open".to_owned();
        }
        format!("the tasks do not become idle: {}", self.stages())
    }

    fn stages(&self) -> String {
        let of = |(number, instance): (usize, &Instance)| {
            let stages = instance.process.as_ref().map(|process| {
                let stages = process.stages().map(|(task, stage)| format!("task {task} {stage:?}"));
                format!("{}: {}", instance_name(number), stages.collect::<Vec<_>>().join(", "))
            });
            stages.unwrap_or_else(|| format!("{} is down", instance_name(number)))
        };
        self.instances.iter().enumerate().map(of).collect::<Vec<_>>().join("; ")
    }

    /// Checks the logs and the store of each task's owner, after all instances have become idle.
    fn check_final_state(&mut self) {
        let logs = self.auditor.check_losses().and_then(|()| self.auditor.check_logs(&self.broker));
        if let Err(violation) = logs {
            self.auditor.violated(violation);
        }
        let topology = self.house.topology(self.creations);
        let repartition = topology.source_of(SourceKind::Repartition).expect("it is always a source");
        for task in 0..self.plan.shape.partitions {
            let source = SourcePartition { topic: repartition, partition: task };
            for number in 0..self.instances.len() {
                let mut owns = false;
                self.with_process(number, |process, site| {
                    owns = process.owns(site, source);
                    None
                });
                if !owns {
                    continue;
                }
                let store = self.instances[number].disk.store(task);
                if let Err(violation) = self.auditor.check_store(task, &store, &self.broker) {
                    self.auditor.violated(violation);
                }
            }
        }
    }
}
