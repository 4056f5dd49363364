//! An unclean leader election: a partition loses its newest records, the service must report it instead of guessing, and
//! at last the old leader comes back with the records. Producers of the topic wait meanwhile.

use std::collections::BTreeMap;

use otp_topology::deployment::SourceKind;
use otp_topology::state::LocalKey;
use otp_topology::thread::TaskStage;
use otp_topology::wire::record::SourcePartition;

use crate::broker::TopicPartition;
use crate::house::REQUESTS;
use crate::oracle::Oracle;
use crate::process::Process;
use crate::records::read_position;
use crate::world::{Truncation, World};

/// Settled rounds in a row after which every task must have noticed the loss.
const SETTLED_ROUNDS: u32 = 100;
const ROUNDS_MAX: u32 = 4_000;

/// Parts of the reasons with which a task refuses to run.
const REFUSALS: [&str; 2] = ["ends at", "the group stands at"];

/// Removes the newest records of a request partition. Some of them may have been processed.
pub(crate) fn truncate_requests(world: &mut World<'_>) {
    let seed = world.plan.seed;
    let task = (seed % world.plan.shape.partitions as u64) as i32;
    let at = TopicPartition { topic: world.house.topic(REQUESTS), partition: task };
    world.settle_transactions();
    let log = world.broker.log(at);
    let end = (log.end() - 1 - (seed / 7 % 6) as i64).max(log.start);
    let source = SourcePartition { topic: world.house.source(REQUESTS), partition: task };
    let must_refuse = world.auditor.processed_up_to(source) > end;
    truncate(world, Truncation { at, end, task, must_refuse, waiting: Vec::new() });
}

/// Removes the newest records of a changelog: more than any store says that it has read, and among them at least one
/// position that the group's offset has passed.
pub(crate) fn truncate_changelog(world: &mut World<'_>) {
    let task = (world.plan.seed % world.plan.shape.partitions as u64) as i32;
    let at = TopicPartition { topic: world.house.topic("app-changelog"), partition: task };
    world.kill_all();
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
        let has_group_offset = matches!(
            topology.source(source.topic).kind,
            SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition
        );
        // What retention deleted is passed by everybody, and tells nothing.
        let passed_anyway = next.max(world.broker.log(world.house.source_place(source)).start);
        let is_passed = world.broker.offsets.get(source).is_some_and(|stable| stable > passed_anyway);
        if has_group_offset && is_passed {
            end = Some(offset + 1);
        }
        positions.insert(source, next);
    }
    if let Some(end) = end {
        truncate(world, Truncation { at, end, task, must_refuse: true, waiting: Vec::new() });
    }
}

/// Runs until the task has reported the loss, checks that no instance ran it, and brings the old leader back.
pub(crate) fn heal(world: &mut World<'_>) {
    let Some(Truncation { task, must_refuse, .. }) = world.truncation else { return };
    let (mut rounds, mut settled) = (0, 0);
    let (mut is_refused, mut is_run) = (false, false);
    while settled < SETTLED_ROUNDS && rounds < ROUNDS_MAX {
        world.round();
        rounds += 1;
        let processes = world.instances.iter().filter_map(|it| it.process.as_ref());
        let stages: Vec<_> = processes.flat_map(Process::stages).filter(|(it, _)| *it == task).collect();
        // A member that was killed while it joined owns the task until its session ends.
        settled = if world.is_settled() && !stages.is_empty() { settled + 1 } else { 0 };
        for (_, stage) in stages {
            is_run |= matches!(stage, TaskStage::Running | TaskStage::Gated);
            is_refused |= matches!(stage, TaskStage::Failed { reason }
                if REFUSALS.iter().any(|refusal| reason.contains(refusal)));
        }
    }
    let Some(Truncation { at, end, waiting, .. }) = world.truncation.take() else { return };
    let is_changelog = world.house.topics[at.topic].ends_with("changelog");
    let now = world.now;
    let is_untouched = world.broker.log_mut(at).bring_tail_back(end, now);
    // A thread that has read beyond the new end of a request topic notices it only at its next fetch.
    if must_refuse && (!is_refused || is_changelog && (is_run || !is_untouched)) {
        let what = format!("task {task} runs although {} lost its newest records", world.house.name(at));
        world.auditor.violated(Oracle::Refusal.violation(what));
    }
    world.trace.note("healed", [0; 3], || "the old leader is back".to_owned());
    for (record, what) in waiting {
        world.append_or_wait(at, record, what);
    }
}

fn truncate(world: &mut World<'_>, truncation: Truncation) {
    let Truncation { at, end, .. } = truncation;
    world.broker.log_mut(at).lose_tail(end);
    let house = &world.house;
    world.trace.note("truncate", [at.topic as i64, at.partition.into(), end], || {
        format!("the new leader of {} ends at {end}", house.name(at))
    });
    world.truncation = Some(truncation);
}
