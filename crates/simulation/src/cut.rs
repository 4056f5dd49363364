//! An unclean leader election: a partition loses its newest records, the service must refuse to guess, and at last the
//! old leader comes back. Producers of the topic wait meanwhile.

use std::collections::BTreeMap;

use otp_topology::task::{LocalKey, SourceKind};
use otp_topology::wire::record::SourcePartition;

use crate::auditor::read_position;
use crate::broker::{Place, Stored};
use crate::faults::{kill_all, settle};
use crate::house::REQUESTS;
use crate::oracle::Oracle;
use crate::process::Process;
use crate::world::World;

/// Rounds of calm after which every task has found out.
const FOUND_OUT_ROUNDS: u32 = 100;
const ROUNDS_MAX: u32 = 4_000;

/// How a refused task says why.
const REFUSALS: [&str; 2] = ["ends at", "the group stands at"];

pub struct Cut {
    pub at: Place,
    end: i64,
    /// Whose state or place is now beyond the end.
    task: i32,
    must_refuse: bool,
    /// What is to be appended when the old leader is back.
    pub waiting: Vec<(Stored, String)>,
}

/// The request topic loses records, some of which may have been served.
pub fn requests(world: &mut World<'_>) {
    let seed = world.plan.seed;
    let task = (seed % world.plan.shape.partitions as u64) as i32;
    let at = Place { topic: world.house.topic(REQUESTS), partition: task };
    settle(world);
    let log = world.broker.log(at);
    let end = (log.end() - 1 - (seed / 7 % 6) as i64).max(log.start);
    let source = SourcePartition { topic: world.house.source(REQUESTS), partition: task };
    let must_refuse = world.auditor.served_up_to(source) > end;
    cut(world, Cut { at, end, task, must_refuse, waiting: Vec::new() });
}

/// A changelog loses more than any store says to have of it, and at least one position that the group has passed.
pub fn changelog(world: &mut World<'_>) {
    let task = (world.plan.seed % world.plan.shape.partitions as u64) as i32;
    let at = Place { topic: world.house.topic("app-changelog"), partition: task };
    kill_all(world);
    let stores = world.instances.iter().filter_map(|it| it.disk.stores.get(&task));
    let known = stores.filter_map(|store| LocalKey::ChangelogNext.read_number(store).ok().flatten()).min();
    let log = world.broker.log(at);
    let before = known.unwrap_or(log.end()) - 1;
    let topology = world.house.topology(world.creations);
    let mut positions: BTreeMap<SourcePartition, i64> = BTreeMap::new();
    let mut end = None;
    for offset in log.start..before {
        let Some((_, record)) = log.visible(offset) else { continue };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let position = read_position(key.unwrap_or_default(), value.unwrap_or_default(), topology);
        let Some((source, next)) = position else { continue };
        let is_followed = matches!(
            topology.source(source.topic).kind,
            SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition
        );
        let is_passed = world.broker.offsets.get(source).is_some_and(|stable| stable > next);
        if is_followed && is_passed {
            end = Some(offset + 1);
        }
        positions.insert(source, next);
    }
    if let Some(end) = end {
        cut(world, Cut { at, end, task, must_refuse: true, waiting: Vec::new() });
    }
}

fn cut(world: &mut World<'_>, cut: Cut) {
    let Cut { at, end, .. } = cut;
    world.broker.log_mut(at).lose_tail(end);
    let house = &world.house;
    world.trace.note("cut", [at.topic as i64, at.partition.into(), end], || {
        format!("the new leader of {} ends at {end}", house.name(at))
    });
    world.cut = Some(cut);
}

/// The task was refused aloud, and served by nobody. Then the old leader comes back.
pub fn mend(world: &mut World<'_>) {
    let Some(Cut { task, must_refuse, .. }) = world.cut else { return };
    let (mut rounds, mut calm) = (0, 0);
    let (mut is_refused, mut is_served) = (false, false);
    while calm < FOUND_OUT_ROUNDS && rounds < ROUNDS_MAX {
        world.round();
        rounds += 1;
        let processes = world.instances.iter().filter_map(|it| it.process.as_ref());
        let stages: Vec<_> = processes.flat_map(Process::stages).filter(|(it, ..)| *it == task).collect();
        // A member that was killed while it joined has the task until its session ends.
        calm = if world.is_settled() && !stages.is_empty() { calm + 1 } else { 0 };
        for (_, stage, reason) in stages {
            is_served |= stage == "running" || stage == "gated";
            is_refused |= reason.is_some_and(|it| REFUSALS.iter().any(|refusal| it.contains(refusal)));
        }
    }
    let Some(Cut { at, end, waiting, .. }) = world.cut.take() else { return };
    let is_changelog = world.house.topics[at.topic].ends_with("changelog");
    let is_untouched = world.broker.log_mut(at).find_tail(end);
    // A thread that reads beyond a request topic's end finds out at its next fetch.
    if must_refuse && (!is_refused || is_changelog && (is_served || !is_untouched)) {
        let what = format!("task {task} goes on although {} lost its end", world.house.name(at));
        world.auditor.violated(Oracle::Refusal.broken(what));
    }
    world.trace.note("mended", [0; 3], || "the old leader is back".to_owned());
    for (record, what) in waiting {
        world.land(at, record, what);
    }
}
