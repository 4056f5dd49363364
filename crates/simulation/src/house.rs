//! The deployment that is simulated: its settings, keys, topics, and the topology that each creation of them gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::contract::egov::EgovSettings;
use otp_topology::otp::{Bounds, ContractName, KeyId, KeyPurpose, Keyring, LogTime, PolicyPatch};
use otp_topology::task::settings::{CallerSettings, TopicNames};
use otp_topology::task::topology::{output_names, source_names};
use otp_topology::task::{Incarnation, Settings, SourceKind, TopicFacts, Topology};
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::wire::outbox::OutputTopic;
use otp_topology::wire::record::{SourcePartition, SourceTopic};

use crate::broker::TopicPartition;

/// When a run begins, by the true clock.
pub const START_MS: u64 = 1_700_000_000_000;
/// When the second code key becomes active.
pub const SECOND_KEY_MS: u64 = START_MS + 40_000;

pub const REQUESTS: &str = "requests";
pub const DESK: &str = "desk-requests";
pub const DIRECTORY: &str = "directory";
pub const POLICIES: &str = "policies";
pub const TEMPLATES: &str = "templates";
pub const ADMIN: &str = "admin";

/// What tells deployments apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    /// Home partitions.
    pub partitions: i32,
    /// The desk's request topic has two partitions more, so that they have no home.
    pub is_wide: bool,
    pub user_check: bool,
}

/// The creations of the request topics, as the builder of a topology sees them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Creations {
    pub requests: u8,
    pub early_key: bool,
}

/// One deployment; shared by all seeds of its shape.
pub struct House {
    /// Names of the cluster's topics, and their partition counts.
    pub topics: Vec<String>,
    pub counts: Vec<i32>,
    sources: Vec<usize>,
    outputs: Vec<usize>,
    topologies: BTreeMap<Creations, Arc<Topology>>,
}

impl House {
    pub fn new(shape: Shape) -> Self {
        let settings = settings(shape);
        let mut topics: Vec<String> = output_names(&settings);
        for (name, _) in source_names(&settings) {
            if !topics.contains(&name) {
                topics.push(name);
            }
        }
        let broadcasts: Vec<String> = source_names(&settings)
            .into_iter()
            .filter(|(_, kind)| matches!(kind, SourceKind::Broadcast(_)))
            .map(|(name, _)| name)
            .collect();
        let count = |name: &String| match name.as_str() {
            DESK if shape.is_wide => shape.partitions + 2,
            _ if broadcasts.contains(name) => 1,
            _ => shape.partitions,
        };
        let place = |name: &String| topics.iter().position(|it| it == name).expect("it is in the list");
        let mut topologies = BTreeMap::new();
        for creations in [(0, false), (1, false), (0, true), (1, true)] {
            let creations = Creations { requests: creations.0, early_key: creations.1 };
            let facts = |name: &String| TopicFacts {
                partitions: count(name),
                incarnation: Incarnation([if name == REQUESTS { creations.requests } else { 0 }; 16]),
            };
            let cluster = topics.iter().map(|name| (name.clone(), facts(name))).collect();
            let topology = Topology::build(&settings, keyring(creations.early_key), &cluster);
            topologies.insert(creations, Arc::new(topology.expect("a fitting cluster")));
        }
        Self {
            counts: topics.iter().map(count).collect(),
            sources: source_names(&settings).iter().map(|(name, _)| place(name)).collect(),
            outputs: output_names(&settings).iter().map(place).collect(),
            topics,
            topologies,
        }
    }

    pub fn topology(&self, creations: Creations) -> &Arc<Topology> {
        &self.topologies[&creations]
    }

    pub fn source_place(&self, source: SourcePartition) -> TopicPartition {
        TopicPartition { topic: self.sources[usize::from(source.topic.0)], partition: source.partition }
    }

    pub fn output_place(&self, topic: OutputTopic, partition: i32) -> TopicPartition {
        TopicPartition { topic: self.outputs[usize::from(topic.0)], partition }
    }

    pub fn topic(&self, name: &str) -> usize {
        self.topics.iter().position(|it| it == name).expect("a topic of the house")
    }

    pub fn source(&self, name: &str) -> SourceTopic {
        self.topology(Creations::default()).source_named(name).expect("a source")
    }

    pub fn all_sources(&self) -> Vec<SourcePartition> {
        all_partitions(self.topology(Creations::default()))
    }

    /// A place as people say it.
    pub fn name(&self, at: TopicPartition) -> String {
        format!("{}/{}", self.topics[at.topic], at.partition)
    }

    pub fn source_name(&self, source: SourcePartition) -> String {
        self.name(self.source_place(source))
    }
}

fn settings(shape: Shape) -> Settings {
    let topics = TopicNames {
        sms: "sms".to_owned(),
        email: "email".to_owned(),
        validation_result: "results".to_owned(),
        lifecycle: "lifecycle".to_owned(),
        dead_letter: "dead-letters".to_owned(),
        user_directory: DIRECTORY.to_owned(),
        otp_policy: POLICIES.to_owned(),
        message_template: TEMPLATES.to_owned(),
        otp_admin: ADMIN.to_owned(),
    };
    let caller = |name: &str, requests: &str, replies: &str, reveal_code| CallerSettings {
        name: name.to_owned(),
        contract: ContractName::Egov,
        request_topic: requests.to_owned(),
        reply_topic: replies.to_owned(),
        operations: EgovSettings::operations(),
        reveal_code,
    };
    let rules = br#"{"lifetimeMs":60000,"wrongTriesMax":2,"lockAfter":3,"lockMs":45000,"hardLockAfter":7,
        "sendsPerChallengeMax":4,"sendsPer10MinMax":12,"sendsPerDayMax":40,"sendPauseMs":0}"#;
    let patch = PolicyPatch::from_json(ContractName::Egov, rules, &Bounds::default());
    Settings {
        application_id: "app".to_owned(),
        callers: vec![
            caller("citizen", REQUESTS, "replies", false),
            caller("desk", DESK, "desk-replies", true),
        ],
        topics,
        policies: BTreeMap::from([(ContractName::Egov, patch.expect("within the bounds"))]),
        bounds: Bounds::default(),
        egov: EgovSettings { user_check: shape.user_check, ..EgovSettings::default() },
        dead_letter_copy: false,
    }
}

fn keyring(early_key: bool) -> Keyring {
    let purposes = [KeyPurpose::Code, KeyPurpose::Id, KeyPurpose::Pseudonym, KeyPurpose::Directory];
    let key = |(at, purpose)| (purpose, KeyId(1), LogTime::from_ms(0), [at as u8 + 1; 32]);
    let mut parts: Vec<_> = purposes.into_iter().enumerate().map(key).collect();
    let from = if early_key { START_MS - 1 } else { SECOND_KEY_MS };
    parts.push((KeyPurpose::Code, KeyId(2), LogTime::from_ms(from), [9; 32]));
    Keyring::new(parts).expect("complete keys")
}
