//! The deployment that is simulated: its settings, keys, topics, and the topology that each creation of them gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::deployment::topics::{outputs, sources};
use otp_topology::deployment::{
    CallerSettings, Incarnation, Settings, SignalSettings, Topology, fitting_cluster,
};
use otp_topology::otp::{Bounds, ContractName, KeyId, KeyPurpose, Keyring, LogTime, PolicyPatch};
use otp_topology::testing;
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{Limits, Start};
use otp_topology::wire::outbox::OutputTopic;
use otp_topology::wire::record::{SourcePartition, SourceTopic};

use crate::bent;
use crate::broker::TopicPartition;
use crate::planted::Planted;

/// When a run begins, by the true clock.
pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// When the second code key becomes active.
pub(crate) const SECOND_KEY_MS: u64 = START_MS + 40_000;

pub(crate) const REQUESTS: &str = "requests";
pub(crate) const DESK: &str = "desk-requests";
pub(crate) const INT: &str = "int-requests";
pub(crate) const MOSIP: &str = "mosip-requests";
/// The topics of all callers.
pub(crate) const REQUEST_TOPICS: [&str; 4] = [REQUESTS, DESK, INT, MOSIP];
pub(crate) const DIRECTORY: &str = "directory";
pub(crate) const POLICIES: &str = "policies";
pub(crate) const TEMPLATES: &str = "templates";
pub(crate) const CLIENTS: &str = "clients";
pub(crate) const ADMIN: &str = "admin";

/// The rules of every configuration, in each contract.
const HOUSE_RULES: &str = r#"{"lifetimeMs":60000,"wrongTriesMax":2,"lockAfter":3,"lockMs":45000,
    "hardLockAfter":7,"sendsPerChallengeMax":4,"sendsPer10MinMax":12,"sendsPerDayMax":40,"sendPauseMs":0}"#;

/// How many deliveries a number may have in an hour, in a deployment that limits them.
pub(crate) const NUMBER_HOUR_MAX: u64 = 2;

/// The rules of the configuration of a deployment, as a policy record spells them.
pub(crate) fn house_rules(shape: Shape) -> String {
    let more = format!(",\"sendsPerNumberHourMax\":{NUMBER_HOUR_MAX}}}");
    let end = if shape.is_limited { &more } else { "}" };
    HOUSE_RULES.trim_end_matches('}').to_owned() + end
}

/// Shorter than the configuration allows, so that a run sees several windows.
const SIGNAL_WINDOW_S: u64 = 3;

/// What tells deployments apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Home partitions.
    pub partitions: i32,
    /// The desk's request topic has two partitions more, so that they have no home.
    pub is_wide: bool,
    pub user_check: bool,
    /// A number gets [`NUMBER_HOUR_MAX`] deliveries an hour.
    pub is_limited: bool,
}

/// The creations of the request topics, as the builder of a topology sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Creations {
    pub requests: u8,
    pub early_key: bool,
}

/// One deployment; shared by all seeds of its shape.
pub(crate) struct House {
    /// Names of the cluster's topics, and their partition counts.
    pub topics: Vec<String>,
    pub counts: Vec<i32>,
    sources: Vec<usize>,
    outputs: Vec<usize>,
    topologies: BTreeMap<Creations, Arc<Topology>>,
}

impl House {
    pub(crate) fn new(shape: Shape, planted: Option<Planted>) -> Self {
        let settings = settings(shape, planted);
        let mut topics: Vec<String> = outputs(&settings);
        for (name, _) in sources(&settings) {
            if !topics.contains(&name) {
                topics.push(name);
            }
        }
        let mut cluster = fitting_cluster(&settings, shape.partitions, Incarnation([0; 16]));
        if shape.is_wide {
            cluster.get_mut(DESK).expect("a request topic").partitions += 2;
        }
        let place = |name: &String| topics.iter().position(|it| it == name).expect("it is in the list");
        let mut topologies = BTreeMap::new();
        for creations in [(0, false), (1, false), (0, true), (1, true)] {
            let creations = Creations { requests: creations.0, early_key: creations.1 };
            let requests = cluster.get_mut(REQUESTS).expect("a request topic");
            requests.incarnation = Incarnation([creations.requests; 16]);
            let topology = Topology::build(&settings, keyring(creations.early_key), &cluster);
            topologies.insert(creations, Arc::new(topology.expect("a fitting cluster")));
        }
        Self {
            counts: topics.iter().map(|name| cluster[name].partitions).collect(),
            sources: sources(&settings).iter().map(|(name, _)| place(name)).collect(),
            outputs: outputs(&settings).iter().map(place).collect(),
            topics,
            topologies,
        }
    }

    pub(crate) fn topology(&self, creations: Creations) -> &Arc<Topology> {
        &self.topologies[&creations]
    }

    pub(crate) fn source_place(&self, source: SourcePartition) -> TopicPartition {
        TopicPartition { topic: self.sources[usize::from(source.topic.0)], partition: source.partition }
    }

    pub(crate) fn output_place(&self, topic: OutputTopic, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.outputs[usize::from(topic.0)], partition }
    }

    /// The output topic that lies there.
    pub(crate) fn output_at(&self, topic: usize) -> Option<OutputTopic> {
        let index = self.outputs.iter().position(|it| *it == topic)?;
        Some(OutputTopic(u16::try_from(index).expect("few topics")))
    }

    /// Where the output topics lie.
    pub(crate) fn outputs(&self) -> &[usize] {
        &self.outputs
    }

    pub(crate) fn topic(&self, name: &str) -> usize {
        self.topics.iter().position(|it| it == name).expect("a topic of the house")
    }

    pub(crate) fn source(&self, name: &str) -> SourceTopic {
        self.topology(Creations::default()).source_named(name).expect("a source")
    }

    pub(crate) fn all_sources(&self) -> Vec<SourcePartition> {
        all_partitions(self.topology(Creations::default()))
    }

    /// A place as people say it.
    pub(crate) fn name(&self, at: TopicPartition) -> String {
        format!("{}/{}", self.topics[at.topic], at.partition)
    }

    pub(crate) fn source_name(&self, source: SourcePartition) -> String {
        self.name(self.source_place(source))
    }
}

/// Of each stream thread.
pub(crate) fn limits(records_per_commit_max: usize, latest: bool) -> Limits {
    Limits {
        records_per_commit_max,
        commit_interval_max_ms: 40,
        commit_interval_min_ms: 0,
        sweep_interval_ms: 400,
        purge_interval_ms: 2_000,
        task_retry_ms: 300,
        pause_min_ms: 100,
        pause_max_ms: 2_000,
        refusal_quiet_ms: 500,
        fence_wait_ms: 5_000,
        start: if latest { Start::Latest } else { Start::Earliest },
        ..Limits::default()
    }
}

fn settings(shape: Shape, planted: Option<Planted>) -> Settings {
    let patch = PolicyPatch::from_json(&[], house_rules(shape).as_bytes(), &Bounds::default());
    let patch = patch.expect("within the bounds");
    let of = |contract, caller| CallerSettings { contract, reveal_code: true, ..caller };
    Settings {
        callers: vec![
            testing::caller("citizen", REQUESTS, "replies"),
            CallerSettings { reveal_code: true, ..testing::caller("desk", DESK, "desk-replies") },
            of(ContractName::Int, testing::caller("int", INT, "int-replies")),
            of(ContractName::Mosip, testing::caller("mosip", MOSIP, "mosip-replies")),
        ],
        policies: ContractName::ALL.map(|contract| (contract, patch.clone())).into(),
        contracts: bent::contracts(planted, serde_json::json!({"egov": {"user_check": shape.user_check}})),
        signals: SignalSettings { enabled: true, window_s: SIGNAL_WINDOW_S },
        ..testing::settings()
    }
}

fn keyring(early_key: bool) -> Keyring {
    let from = if early_key { START_MS - 1 } else { SECOND_KEY_MS };
    testing::keyring_with(&[(KeyPurpose::Code, KeyId(2), LogTime::from_ms(from), [9; 32])])
}
