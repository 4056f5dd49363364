//! What a planned fault does when its step comes.

use otp_topology::wire::record::SourcePartition;

use crate::broker::{Place, Stored};
use crate::cut;
use crate::house::{DESK, REQUESTS};
use crate::plan::Fault;
use crate::process::name;
use crate::world::World;

const DOWN_MS: u64 = 200;

pub fn strike(world: &mut World<'_>, instance: usize, fault: Fault) {
    let now = world.now;
    world.trace.note("fault", [instance as i64, 0, 0], || format!("FAULT {}: {fault:?}", name(instance)));
    if world.cut.is_some() && must_wait_for_its_end(fault) {
        return;
    }
    match fault {
        Fault::Kill => kill(world, instance),
        Fault::Stop => {
            if let Some(process) = &mut world.instances[instance].process {
                process.stop();
            }
        }
        Fault::Pause { ms } => {
            world.instances[instance].paused_until = now + ms;
            // Others go on meanwhile, in less time than a pause takes.
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
            kill(world, instance);
            for store in world.instances[instance].disk.stores.values() {
                store.lose_tail(batches);
            }
        }
        Fault::LoseDisk => {
            kill(world, instance);
            world.instances[instance].disk.stores.clear();
        }
        Fault::KeepCopy => world.instances[instance].disk.keep_copy(),
        Fault::PutCopyBack => {
            kill(world, instance);
            world.instances[instance].disk.put_copy_back();
        }
        Fault::WallJumps { ms } => world.instances[instance].skew_ms += ms,
        Fault::LeaderJumps { ms } => {
            for log in world.broker.logs.iter_mut().flatten() {
                log.skew = ms;
            }
        }
        Fault::TimePasses { ms } => world.now += ms,
        Fault::Compact => compact(world),
        Fault::ResetOffsets => {
            stop_for_offsets(world);
            world.broker.offsets.reset();
        }
        Fault::ExpireOffsets => {
            stop_for_offsets(world);
            world.broker.offsets.forget(|_| true);
        }
        Fault::Recreate => recreate(world),
        Fault::UpstreamHangs => upstream_hangs(world),
        Fault::CutRequests => cut::requests(world),
        Fault::CutChangelog => cut::changelog(world),
        Fault::Retention { percent } => retention(world, percent),
    }
}

/// Without the group's offsets nobody could tell what is lost; producers wait; and one cut is enough.
fn must_wait_for_its_end(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::ResetOffsets
            | Fault::ExpireOffsets
            | Fault::UpstreamHangs
            | Fault::CutRequests
            | Fault::CutChangelog
    )
}

fn kill(world: &mut World<'_>, instance: usize) {
    let it = &mut world.instances[instance];
    it.process = None;
    it.start_at = world.now + DOWN_MS;
}

pub fn kill_all(world: &mut World<'_>) {
    for instance in 0..world.instances.len() {
        kill(world, instance);
        world.broker.group.remove_instance(instance, world.now);
    }
    settle(world);
}

/// A group's offsets are moved while nobody is in it.
fn stop_for_offsets(world: &mut World<'_>) {
    kill_all(world);
    world.auditor.offsets_moved();
}

/// Nothing is open any more.
pub fn settle(world: &mut World<'_>) {
    world.late.clear();
    world.broker.expire_transactions(u64::MAX, 0);
    while world.broker.write_marker(0, world.now).is_some() {}
}

fn compact(world: &mut World<'_>) {
    let topic = world.house.topic("app-changelog");
    for log in &mut world.broker.logs[topic] {
        log.compact(world.now.saturating_sub(24 * 60 * 60 * 1000));
    }
}

/// The request topic is deleted and made anew while everybody is down.
fn recreate(world: &mut World<'_>) {
    if world.creations.requests > 0 {
        return;
    }
    kill_all(world);
    let topic = world.house.topic(REQUESTS);
    for mut decided in std::mem::take(&mut world.broker.decided) {
        decided.at = world.now;
        world.auditor.decided(&decided, &world.broker);
    }
    for log in &mut world.broker.logs[topic] {
        *log = Default::default();
    }
    world.creations.requests = 1;
    let right = crate::house::Creations { requests: 1, early_key: false };
    let topology = world.house.topology(right).clone();
    world.auditor.recreated(topic, topology);
    let source = world.house.source(REQUESTS);
    world.auditor.offsets_moved();
    world.broker.offsets.forget(|it| it.topic == source && world.plan.seed.is_multiple_of(2));
}

fn retention(world: &mut World<'_>, percent: i64) {
    let seed = world.plan.seed;
    let topic = world.house.topic(if seed.is_multiple_of(2) { REQUESTS } else { DESK });
    let partition = (seed / 2 % world.broker.logs[topic].len() as u64) as i32;
    let at = Place { topic, partition };
    let log = world.broker.log_mut(at);
    log.delete_before(log.start + (log.lso() - log.start) * percent / 100);
    let start = log.start;
    let source = SourcePartition { topic: world.house.source(&world.house.topics[topic]), partition };
    world.auditor.retained(at, source, start);
}

/// A producer upstream dies inside a transaction.
fn upstream_hangs(world: &mut World<'_>) {
    let producer = world.instances.len();
    let Some(epoch) = world.broker.init(producer) else { return };
    let topic = world.house.topic(if world.plan.seed.is_multiple_of(2) { REQUESTS } else { DESK });
    let record = Stored { value: Some(b"half".to_vec()), ..Stored::default() };
    world.broker.produce(producer, epoch, Place { topic, partition: 0 }, record, world.now);
}
