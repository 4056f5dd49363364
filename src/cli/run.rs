//! `otp-stream run`: serve until told to stop.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use otp_topology::otp::Keyring;
use otp_topology::task::Topology;
use otp_topology::thread::{Limits, Start};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{Failure, cluster, topics};
use crate::config::{self, Config, Loaded, Membership, keys};
use crate::kafka::Admin;
use crate::rocks::{Instance, Memory};
use crate::runtime::{ClusterFacts, Parts, Stores, StreamThreads, describe};
use crate::telemetry::{Health, Metrics, Server};

/// Between two looks at whether a signal came or a thread ended.
const LOOK: Duration = Duration::from_millis(50);

/// Serve until SIGTERM or SIGINT
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// First create the topics that are missing
    #[arg(long)]
    pub create_topics: bool,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream run --create-topics                           the first time, on a cluster for development
  otp-stream --config /etc/otp-stream.toml run             in production, after `topics create`
  curl -s localhost:9464/readyz                            is it serving?

It stops in good order at SIGTERM: the open transaction is finished, exit 0.";

pub(super) fn perform(loaded: &Loaded, args: &RunArgs) -> Result<(), Failure> {
    let config = &loaded.config;
    let keyring = keys::read(loaded).map_err(|error| Failure::Usage(error.to_string()))?;
    let admin = cluster::admin(loaded)?;
    if args.create_topics {
        topics::create(loaded, &admin)?;
    }
    let instance = Instance::take(&config.store.directory, &config.application.id)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| Failure::Runtime(error.into()))?;
    let parts = parts(loaded, keyring, &admin, instance)?;
    let server = Server::start(&config.http.listen, parts.metrics.clone(), parts.health.clone())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    tracing::info!(
        application = config.application.id,
        instance = parts.instance,
        http = %server.address(),
        partitions = parts.topology.partitions,
        "serving"
    );
    let threads = StreamThreads::start(&parts, config.processing.threads);
    while signals.pending().next().is_none() && !threads.has_ended() {
        std::thread::sleep(LOOK);
    }
    tracing::info!("stopping");
    let outcome = threads.join();
    server.stop();
    outcome.map_err(|error| Failure::Runtime(error.into()))
}

fn parts(loaded: &Loaded, keyring: Keyring, admin: &Admin, instance: Instance) -> Result<Parts, Failure> {
    let config = &loaded.config;
    let settings = config.settings();
    let facts = describe(admin, &settings).map_err(|error| cluster::unreachable_cluster(loaded, &error))?;
    check_stamps(config, &facts)?;
    let topology =
        Topology::build(&settings, keyring, &facts.topics).map_err(|error| Failure::Runtime(error.into()))?;
    let own = instance.id().as_str().to_owned();
    Ok(Parts {
        topology: Arc::new(topology),
        properties: cluster::properties(loaded)?,
        limits: limits(config, &facts),
        stores: Arc::new(Stores::new(instance, Memory::new())),
        metrics: Arc::new(Metrics::new()),
        health: Arc::new(Health::new(config.processing.threads)),
        instance: if config.application.instance.is_empty() {
            own
        } else {
            config.application.instance.clone()
        },
        is_static: config.application.membership == Membership::Static,
    })
}

/// What a code is worth is judged by append time: a producer's clock must not decide it.
fn check_stamps(config: &Config, facts: &ClusterFacts) -> Result<(), Failure> {
    let Some(topic) = facts.without_append_time.first() else {
        return Ok(());
    };
    if config.processing.accept_create_time {
        tracing::warn!(
            topic,
            "requests are judged by their producers' clocks (processing.accept_create_time)"
        );
        return Ok(());
    }
    Err(Failure::Runtime(anyhow::anyhow!(
        "topic `{topic}` has message.timestamp.type other than LogAppendTime, so producers' clocks would decide what a \
         code is worth: set it on the topic (`otp-stream topics verify` lists all that differs), or accept it with \
         processing.accept_create_time = true"
    )))
}

fn limits(config: &Config, facts: &ClusterFacts) -> Limits {
    let defaults = Limits::default();
    Limits {
        records_per_commit_max: config.processing.records_per_commit_max,
        commit_interval_max_ms: config.processing.commit_interval_max_ms,
        commit_interval_min_ms: config.processing.commit_interval_min_ms,
        tombstone_retention_ms: facts.tombstone_retention_ms.unwrap_or(defaults.tombstone_retention_ms),
        start: match config.processing.start {
            config::Start::Earliest => Start::Earliest,
            config::Start::Latest => Start::Latest,
        },
        ..defaults
    }
}
