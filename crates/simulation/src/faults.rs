//! Injects the faults of a plan into the world.

use otp_topology::wire::record::SourcePartition;

use crate::broker::{StoredRecord, TopicPartition};
use crate::house::{DESK, REQUESTS};
use crate::names::instance_name;
use crate::plan::Fault;
use crate::truncation;
use crate::world::World;

/// Injects a fault: it happens immediately, or is armed for the instance's next call of its kind.
pub(crate) fn inject(world: &mut World<'_>, instance: usize, fault: Fault) {
    let now = world.now;
    world
        .trace
        .note("fault", [instance as i64, 0, 0], || format!("FAULT {}: {fault:?}", instance_name(instance)));
    if world.truncation.is_some() && conflicts_with_truncation(fault) {
        return;
    }
    match fault {
        Fault::Kill => world.kill(instance),
        Fault::Stop => {
            if let Some(process) = &mut world.instances[instance].process {
                process.stop();
            }
        }
        Fault::Pause { ms } => {
            world.instances[instance].paused_until = now + ms;
            // The other instances continue meanwhile, in fewer steps than the pause would take.
            world.now += ms / 4;
        }
        Fault::Remove => drop(world.broker.group.remove_instance(instance, now)),
        Fault::Rebalance => world.broker.group.rebalance(now),
        Fault::ProduceFails
        | Fault::OffsetsFail
        | Fault::OffsetsTimeOut
        | Fault::CommitFails
        | Fault::CommitTimesOut { .. }
        | Fault::ZombieCommits { .. }
        | Fault::AbortTimesOut
        | Fault::InitFails
        | Fault::WriteFails
        | Fault::StableFails
        | Fault::EndsFail => world.instances[instance].armed.push(fault),
        Fault::LoseTail { batches } => {
            world.kill(instance);
            for store in world.instances[instance].disk.stores.values() {
                store.lose_tail(batches);
            }
        }
        Fault::LoseDisk => {
            world.kill(instance);
            world.instances[instance].disk.stores.clear();
        }
        Fault::BackUpDisk => world.instances[instance].disk.back_up(),
        Fault::RestoreBackup => {
            world.kill(instance);
            world.instances[instance].disk.restore_backup();
        }
        Fault::WallJumps { ms } => world.instances[instance].skew_ms += ms,
        Fault::LeaderJumps { ms } => world.broker.logs.iter_mut().flatten().for_each(|log| log.skew = ms),
        Fault::TimePasses { ms } => world.now += ms,
        Fault::Compact => compact(world),
        Fault::ResetOffsets => {
            kill_all_and_forget_offsets(world);
            world.broker.offsets.reset();
        }
        Fault::ExpireOffsets => {
            kill_all_and_forget_offsets(world);
            world.broker.offsets.forget(|_| true);
        }
        Fault::Recreate => recreate(world),
        Fault::UpstreamHangs => upstream_hangs(world),
        Fault::TruncateRequests => truncation::truncate_requests(world),
        Fault::TruncateChangelog => truncation::truncate_changelog(world),
        Fault::Retention { percent } => retention(world, percent),
        Fault::Refuse { output, code, ms } => {
            let outputs = world.house.outputs();
            let topic = outputs[output % outputs.len()];
            world.broker.refusals.begin(topic, code, ms.map_or(u64::MAX, |ms| now + ms));
        }
    }
}

/// Faults that are left out while a partition is truncated: without the group's offsets no task could notice the loss,
/// producers wait for the partition, a refused task notices nothing, and there is at most one truncation at a time.
fn conflicts_with_truncation(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ResetOffsets
            | Fault::ExpireOffsets
            | Fault::UpstreamHangs
            | Fault::TruncateRequests
            | Fault::TruncateChangelog
            | Fault::Refuse { .. }
    )
}

/// A group's offsets can only be changed while the group has no members.
fn kill_all_and_forget_offsets(world: &mut World<'_>) {
    world.kill_all();
    world.auditor.offsets_moved();
}

fn compact(world: &mut World<'_>) {
    let topic = world.house.topic("app-changelog");
    for log in &mut world.broker.logs[topic] {
        log.compact(world.now.saturating_sub(24 * 60 * 60 * 1000));
    }
}

/// Deletes the request topic and creates it again, while all instances are down.
fn recreate(world: &mut World<'_>) {
    if world.creations.requests > 0 {
        return;
    }
    world.kill_all();
    let topic = world.house.topic(REQUESTS);
    world.audit_decided();
    for log in &mut world.broker.logs[topic] {
        *log = Default::default();
    }
    world.creations.requests = 1;
    let creations = crate::house::Creations { requests: 1, early_key: false };
    let topology = world.house.topology(creations).clone();
    world.auditor.recreated(topic, topology);
    let source = world.house.source(REQUESTS);
    world.auditor.offsets_moved();
    world.broker.offsets.forget(|it| it.topic == source && world.plan.seed.is_multiple_of(2));
}

fn retention(world: &mut World<'_>, percent: i64) {
    let seed = world.plan.seed;
    let topic = world.house.topic(if seed.is_multiple_of(2) { REQUESTS } else { DESK });
    let partition = (seed / 2 % world.broker.logs[topic].len() as u64) as i32;
    let at = TopicPartition { topic, partition };
    let log = world.broker.log_mut(at);
    log.delete_before(log.start + (log.lso() - log.start) * percent / 100);
    let start = log.start;
    let source = SourcePartition { topic: world.house.source(&world.house.topics[topic]), partition };
    world.auditor.retained(at, source, start);
}

/// The producer of a request topic dies inside a transaction.
fn upstream_hangs(world: &mut World<'_>) {
    let producer = world.instances.len();
    let Some(epoch) = world.broker.init(producer) else { return };
    let topic = world.house.topic(if world.plan.seed.is_multiple_of(2) { REQUESTS } else { DESK });
    let record = StoredRecord { value: Some(b"half".to_vec()), ..StoredRecord::default() };
    world.broker.produce(producer, epoch, TopicPartition { topic, partition: 0 }, record, world.now);
}
