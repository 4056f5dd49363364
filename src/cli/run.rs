//! `otp-stream run`: serves requests until a signal stops it.
//!
//! Puts the parts together and starts them; decides nothing about requests.
//!
//! ```text
//! configuration, keys ─▶ lock the store ─▶ check topics ─▶ HTTP port ─▶ schemas ─▶ stream threads ─▶ signal ─▶ stop, exit 0
//!                                              ▲                                         │
//!                                              └────────── the topics changed ◀──────────┘
//! ```

mod avro;
mod topology;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use otp_topology::deployment::Settings;
use otp_topology::otp::Keyring;

use super::signals::{Signals, Status, Stop};
use super::{Failure, cluster, topics};
use crate::config::{Loaded, Membership, keys};
use crate::kafka::Admin;
use crate::rocks::{Instance, Resources};
use crate::runtime::{
    FileDemand, LagWatch, MemoryDemand, OpenTransactions, Parts, Progress, Sight, Stores, StreamThreads,
    TopicWatch, causes, wake_without_preempting,
};
use crate::telemetry::{Health, Metrics, Server};

/// Interval for checking signals, threads and topics.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Serve requests until SIGTERM or SIGINT
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArgs {
    /// Create missing topics first
    #[arg(long)]
    pub create_topics: bool,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream run --create-topics                           first start on a development cluster
  otp-stream --config /etc/otp-stream.toml run             in production, after `topics create`
  curl -s localhost:9464/readyz                            is it serving?

On SIGTERM it completes the open transaction and ends with exit code 0.";

pub(super) fn perform(loaded: &Loaded, args: &RunArgs, signals: &Signals) -> Result<(), Failure> {
    let config = &loaded.config;
    // Must come before any thread starts.
    if let Err(error) = wake_without_preempting() {
        tracing::debug!(%error, "cannot set the scheduling policy; at low rates a request costs a little more CPU");
    }
    let keyring = keys::read(loaded).map_err(|error| Failure::Usage(error.to_string()))?;
    warn_of_missing_keys(&config.settings(), &keyring);
    // What is known before the cluster is asked: there is a store and a broker.
    open_files(loaded, 1, 1)?;
    let admin = cluster::connect(loaded)?;
    if args.create_topics {
        topics::create(loaded, &admin)?;
    }
    let instance = Instance::take(&config.store.directory, &config.application.id)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    topology::check_topics(loaded, &admin)?;
    let mut parts = parts(loaded, &admin, instance)?;
    let server = Server::start(&config.http.listen, parts.metrics.clone(), parts.health.clone())
        .map_err(|error| Failure::Usage(error.to_string()))?;
    let open = parts.open.clone();
    let stop = signals
        .take_over(Status::Done, move || open.is_any())
        .map_err(|error| Failure::Runtime(error.into()))?;
    parts.avro = match avro::start(loaded, &parts.health, &stop)? {
        avro::Start::Json => None,
        avro::Start::Avro(avro) => Some(avro),
        avro::Start::Stopped => {
            server.stop();
            return Ok(());
        }
    };
    loop {
        tracing::info!(
            application = config.application.id,
            instance = parts.instance,
            http = %server.address(),
            partitions = parts.topology.partitions,
            "serving"
        );
        match serve(loaded, &parts, &stop)? {
            Ended::Signal => break,
            Ended::TopicsChanged => match topology::await_usable(loaded, &admin, &parts.health, &stop) {
                Some((topology, limits)) => (parts.topology, parts.limits) = (topology, limits),
                None => break,
            },
        }
    }
    server.stop();
    Ok(())
}

/// Why [`serve`] returned without an error.
enum Ended {
    Signal,
    /// A topic was recreated or has more partitions, so all tasks start again with the topics that exist.
    TopicsChanged,
}

fn serve(loaded: &Loaded, parts: &Parts, stop: &Stop) -> Result<Ended, Failure> {
    let watch = TopicWatch::start(cluster::admin(loaded)?, parts);
    let _lag = LagWatch::start(parts);
    let threads = StreamThreads::start(parts, loaded.config.processing.threads);
    let mut ended = Ended::Signal;
    while !stop.is_asked() && !threads.has_ended() {
        match watch.sees() {
            Sight::Nothing => {}
            Sight::PartitionsUnassigned => threads.join_again(),
            Sight::TopicsChanged => {
                ended = Ended::TopicsChanged;
                break;
            }
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    tracing::info!("stopping");
    threads.join().map_err(|error| Failure::Runtime(error.into()))?;
    Ok(ended)
}

fn parts(loaded: &Loaded, admin: &Admin, instance: Instance) -> Result<Parts, Failure> {
    let config = &loaded.config;
    let facts = topology::facts(loaded, admin)?;
    let (topology, limits) = topology::of(loaded, &facts)?;
    let open_files = open_files(loaded, topology.partitions, facts.brokers)?;
    check_memory(loaded, topology.partitions)?;
    let metrics = Arc::new(Metrics::new());
    let own = instance.id().as_str().to_owned();
    let stores = Stores::new(instance, Resources::new().with_open_files(open_files));
    stores.check_partitions(topology.partitions).map_err(|error| Failure::Runtime(error.into()))?;
    Ok(Parts {
        topology,
        properties: cluster::properties(loaded)?,
        limits,
        stores: Arc::new(stores),
        progress: Progress::new(metrics.clone()),
        open: OpenTransactions::new(config.processing.threads),
        metrics,
        health: Arc::new(Health::new(config.processing.threads).with_causes(causes)),
        instance: if config.application.instance.is_empty() {
            own
        } else {
            config.application.instance.clone()
        },
        is_static: config.application.membership == Membership::Static,
        avro: None,
    })
}

/// Names the operations that nobody may use, because the key file lacks a key.
fn warn_of_missing_keys(settings: &Settings, keys: &Keyring) {
    for caller in &settings.callers {
        let Some(contract) = settings.contracts.get(caller.contract) else { continue };
        let usable = caller.operations_with(&**contract, keys);
        for operation in caller.operations_of(&**contract).iter().filter(|it| !usable.contains(it)) {
            tracing::warn!(
                caller = caller.name,
                operation,
                "the key file has no key of the purpose that this operation needs, so it is answered as forbidden; add \
                 the [[token]] and [[client]] keys from a file that `otp-stream keys generate` makes"
            );
        }
    }
}

/// Refuses to start where tasks would fail later for want of open files. Another instance may end at any time, so this one may
/// own every partition. Returns how many files each store may keep open.
fn open_files(loaded: &Loaded, partitions: i32, brokers: usize) -> Result<u32, Failure> {
    let demand = FileDemand {
        stores: stores(partitions),
        threads: loaded.config.processing.threads as u64,
        brokers: brokers as u64,
        bootstrap_servers: loaded.config.kafka.bootstrap_servers.split(',').count() as u64,
    };
    demand.provide().map_err(|error| Failure::Usage(error.to_string()))
}

/// Refuses to start where the kernel would kill the process sooner or later.
fn check_memory(loaded: &Loaded, partitions: i32) -> Result<(), Failure> {
    let demand = MemoryDemand {
        stores: stores(partitions),
        threads: loaded.config.processing.threads as u64,
        queues: cluster::properties(loaded)?.queue_bytes_max(),
    };
    demand.check().map_err(|error| Failure::Usage(error.to_string()))
}

fn stores(partitions: i32) -> u64 {
    u64::try_from(partitions).expect("a topic has partitions")
}
