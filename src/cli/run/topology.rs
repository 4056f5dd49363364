//! The topics of the cluster as `run` needs them: compared with the plan, and made into a topology.
//!
//! At the start a topic that does harm ends the process. Later, after a change of the topics, the process waits until they are
//! usable: it has a state to serve, and what is wrong is told on the health page meanwhile.

use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::thread::Limits;

use super::super::signals::Stop;
use super::super::{Failure, cluster, topics};
use super::POLL_INTERVAL;
use crate::config::{Config, Loaded, keys};
use crate::kafka::Admin;
use crate::runtime::{ClusterFacts, describe, find_read_before};
use crate::telemetry::{Health, ThreadState};

/// Shortest and longest pause before the topics are asked for again. Each pause is twice the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Waits until the topics can serve. `None`: a signal asked to stop.
pub(super) fn await_usable(
    loaded: &Loaded,
    admin: &Admin,
    health: &Health,
    stop: &Stop,
) -> Option<(Arc<Topology>, Limits)> {
    let mut pause = PAUSE_MIN;
    while !stop.is_asked() {
        let reason = match usable(loaded, admin) {
            Ok(usable) => return Some(usable),
            Err(failure) => failure.to_string(),
        };
        tracing::error!(reason, "the topics have changed and cannot be served yet; they are asked for again");
        for thread in 0..loaded.config.processing.threads {
            health.set_thread(thread, ThreadState::Recovering { reason: reason.clone() });
        }
        sleep_unless_stopped(pause, stop);
        pause = (pause * 2).min(PAUSE_MAX);
    }
    None
}

fn usable(loaded: &Loaded, admin: &Admin) -> Result<(Arc<Topology>, Limits), Failure> {
    check_topics(loaded, admin)?;
    of(loaded, &facts(loaded, admin)?)
}

fn sleep_unless_stopped(pause: Duration, stop: &Stop) {
    let mut left = pause;
    while !left.is_zero() && !stop.is_asked() {
        std::thread::sleep(left.min(POLL_INTERVAL));
        left = left.saturating_sub(POLL_INTERVAL);
    }
}

pub(super) fn facts(loaded: &Loaded, admin: &Admin) -> Result<ClusterFacts, Failure> {
    describe(admin, &loaded.config.settings()).map_err(|error| cluster::unreachable_cluster(loaded, &error))
}

pub(super) fn of(loaded: &Loaded, facts: &ClusterFacts) -> Result<(Arc<Topology>, Limits), Failure> {
    let keyring = keys::read(loaded).map_err(|error| Failure::Usage(error.to_string()))?;
    let mut topology = Topology::build(&loaded.config.settings(), keyring, &facts.topics)
        .map_err(|error| Failure::Runtime(error.into()))?;
    find_read_before(&mut topology, &cluster::properties(loaded)?);
    Ok((Arc::new(topology), limits(&loaded.config, facts)))
}

/// Refuses to start if a topic differs from the plan in a way that does harm. Examples: a compacted request topic loses
/// requests, a changelog with retention loses locks, and producers' timestamps let callers choose when a code expires.
pub(super) fn check_topics(loaded: &Loaded, admin: &Admin) -> Result<(), Failure> {
    let (_, differences) = topics::differences(loaded, admin)?;
    let (stopping, others): (Vec<_>, Vec<_>) = differences.into_iter().partition(|it| it.stops);
    for difference in others {
        tracing::warn!(%difference, "the cluster differs from the topic plan");
    }
    if loaded.config.processing.accept_create_time {
        tracing::warn!(
            "producers' clocks may decide when codes expire (processing.accept_create_time = true)"
        );
    }
    if stopping.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = stopping.iter().map(|difference| format!("\n  {difference}")).collect();
    Err(Failure::Runtime(anyhow::anyhow!(
        "the cluster's topics would lose requests or state, or produce wrong decisions:{}\n\
         run `otp-stream topics verify` to compare again; --create-topics creates missing topics",
        lines.concat()
    )))
}

fn limits(config: &Config, facts: &ClusterFacts) -> Limits {
    let defaults = Limits::default();
    Limits {
        records_per_commit_max: config.processing.records_per_commit_max,
        commit_interval_max_ms: config.processing.commit_interval_max_ms,
        commit_interval_min_ms: config.processing.commit_interval_min_ms,
        tombstone_retention_ms: facts.tombstone_retention_ms.unwrap_or(defaults.tombstone_retention_ms),
        start: config.processing.start,
        ..defaults
    }
}
