//! The deployment that the demo starts: a cluster (the mock one, or a real one with topics of the demo's own), fresh
//! keys, a store in a temporary directory, and the real stream thread.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use otp_topology::contract::UtcOffset;
use otp_topology::deployment::{
    CallerSettings, Format, Incarnation, Settings, TopicFacts, Topology, fitting_cluster,
};
use otp_topology::otp::ContractName;
use otp_topology::thread::Limits;

use crate::cli::signals::Stop;
use crate::cli::{Failure, cluster};
use crate::config::{Loaded, keys};
use crate::kafka::{Admin, Mock, NewTopic, Properties, TopicOutcome};
use crate::rocks::{Instance, Resources};
use crate::runtime::{OpenTransactions, Parts, Progress, Stores, StreamThreads, describe, wall};
use crate::telemetry::{Health, Metrics};

/// How long the stream thread may take to start.
const START_MAX_MS: u64 = 20_000;
const ASK_MAX: Duration = Duration::from_secs(20);
const PARTITIONS: i32 = 2;
/// The callers that the demo brings, and whether they see codes. One of the contract `egov` is the first that is configured.
const OWN_CALLERS: [(ContractName, bool); 3] =
    [(ContractName::Egov, false), (ContractName::Int, true), (ContractName::Mosip, true)];
/// Why the demo ends early. Nobody reads it: the status says which signal it was.
pub(super) const STOPPED: &str = "a signal has stopped the demo";

pub(super) struct DemoDeployment {
    pub topology: Arc<Topology>,
    pub properties: Properties,
    threads: StreamThreads,
    health: Arc<Health>,
    directory: PathBuf,
    _mock: Option<Mock>,
}

impl DemoDeployment {
    /// On a mock cluster inside this process. The mock cluster reports neither topic ids nor settings, so that they are
    /// given here.
    pub(super) fn on_mock(loaded: &Loaded, open: OpenTransactions) -> Result<Self, Failure> {
        let settings = settings(loaded, "demo");
        let topics = wanted(&settings);
        let mock = Mock::start(&topics).map_err(|error| Failure::Runtime(error.into()))?;
        let properties =
            Properties::new(&mock.bootstrap_servers(), [("log_level".to_owned(), "2".to_owned())])
                .map_err(|refused| Failure::Runtime(anyhow!("{}", refused.reason)))?;
        let facts =
            |(name, partitions)| (name, TopicFacts { partitions, incarnation: Incarnation::default() });
        let facts = topics.into_iter().map(facts).collect();
        Self::open(loaded, &settings, properties, &facts, Some(mock), open).map_err(Failure::Runtime)
    }

    /// On a real cluster, with topic names that no other run uses.
    pub(super) fn on_cluster(
        loaded: &Loaded,
        servers: &str,
        open: OpenTransactions,
    ) -> Result<Self, Failure> {
        let settings = settings(loaded, &format!("demo-{}", wall().ms()));
        let chosen = loaded.config.kafka.properties.0.clone();
        let properties = Properties::new(servers, chosen).map_err(|refused| {
            Failure::Usage(format!("kafka.properties.{}: {}", refused.key, refused.reason))
        })?;
        cluster::check_accepted(loaded, &properties)?;
        let admin = Admin::new(&properties).map_err(|error| cluster::unreachable_cluster(loaded, &error))?;
        let created = create(&admin, &settings).and_then(|()| Ok(describe(&admin, &settings)?.topics));
        let facts =
            created.map_err(|error| {
                Failure::Runtime(error.context(format!(
                    "cannot set the demo up on the cluster at --bootstrap-servers {servers}"
                )))
            })?;
        Self::open(loaded, &settings, properties, &facts, None, open).map_err(Failure::Runtime)
    }

    fn open(
        loaded: &Loaded,
        settings: &Settings,
        properties: Properties,
        facts: &BTreeMap<String, TopicFacts>,
        mock: Option<Mock>,
        open: OpenTransactions,
    ) -> anyhow::Result<Self> {
        let keyring =
            keys::keyring(&keys::generate(wall())?, "fresh keys").map_err(|error| anyhow!("{error}"))?;
        let topology = Arc::new(Topology::build(settings, keyring, facts)?);
        let directory =
            std::env::temp_dir().join(format!("otp-stream-demo-{}-{}", std::process::id(), wall().ms()));
        let instance = Instance::take(&directory, &settings.application_id)?;
        let health = Arc::new(Health::new(1));
        let metrics = Arc::new(Metrics::new());
        let parts = Parts {
            topology: topology.clone(),
            properties: properties.clone(),
            limits: Limits::default(),
            instance: instance.id().as_str().to_owned(),
            stores: Arc::new(Stores::new(instance, Resources::new())),
            progress: Progress::new(metrics.clone()),
            open,
            metrics,
            health: health.clone(),
            avro: None,
            is_static: loaded.config.application.membership == crate::config::Membership::Static
                && mock.is_none(),
        };
        let threads = StreamThreads::start(&parts, 1);
        Ok(Self { topology, properties, threads, health, directory, _mock: mock })
    }

    /// Waits until every task runs.
    ///
    /// # Errors
    /// One does not, or a signal came.
    pub(super) fn await_running(&self, stop: &Stop) -> anyhow::Result<()> {
        let begun = wall();
        while self.health.report().tasks_by_state()["running"] < i64::from(PARTITIONS) {
            if self.threads.has_ended() || wall().since(begun) > START_MAX_MS {
                let report = serde_json::to_string(&self.health.report())?;
                bail!("the service did not start within {START_MAX_MS} ms: {report}");
            }
            if stop.is_asked() {
                bail!(STOPPED);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Stops the service and removes its store.
    pub(super) fn close(self) -> anyhow::Result<()> {
        let Self { threads, directory, .. } = self;
        threads.join()?;
        std::fs::remove_dir_all(&directory).with_context(|| format!("cannot remove {}", directory.display()))
    }
}

/// The configured settings with the demo's own names, callers of the other contracts that see codes, and a lock after three
/// wrong tries.
fn settings(loaded: &Loaded, name: &str) -> Settings {
    let mut settings = loaded.config.settings();
    settings.application_id = name.to_owned();
    let own = |topic: &str| format!("{name}.{topic}");
    settings.topics.rename(own);
    settings.callers.retain(|it| it.contract == ContractName::Egov);
    settings.callers.extend(OWN_CALLERS.map(|(contract, reveal_code)| CallerSettings {
        name: format!("demo-{}", contract.as_str()),
        contract,
        request_topic: format!("otp-request-demo-{}", contract.as_str()),
        reply_topic: format!("otp-response-demo-{}", contract.as_str()),
        operations: None,
        reveal_code,
        request_format: Format::Json,
        reply_format: Format::Json,
        utc_offset: Some(UtcOffset::default()).filter(|_| contract == ContractName::Int),
    }));
    for caller in &mut settings.callers {
        caller.request_topic = own(&caller.request_topic);
        caller.reply_topic = own(&caller.reply_topic);
    }
    settings.contracts = loaded.config.contracts_with(ContractName::Egov, "user_check", false.into());
    let short = r#"{"lockAfter":3}"#.as_bytes();
    let patch = otp_topology::otp::PolicyPatch::from_json(&[], short, &settings.bounds);
    let below = settings.policies.remove(&ContractName::Egov).unwrap_or_default();
    settings.policies.insert(ContractName::Egov, patch.unwrap_or_default().or(below));
    settings
}

fn wanted(settings: &Settings) -> Vec<(String, i32)> {
    let cluster = fitting_cluster(settings, PARTITIONS, Incarnation::default());
    cluster.into_iter().map(|(name, facts)| (name, facts.partitions)).collect()
}

fn create(admin: &Admin, settings: &Settings) -> anyhow::Result<()> {
    let stamped = || vec![("message.timestamp.type".to_owned(), "LogAppendTime".to_owned())];
    let new = |(name, partitions)| NewTopic { name, partitions, replication: None, settings: stamped() };
    let topics: Vec<_> = wanted(settings).into_iter().map(new).collect();
    for outcome in admin.create(&topics, ASK_MAX)? {
        if let TopicOutcome::Failed(error) = outcome {
            return Err(error.into());
        }
    }
    Ok(())
}
