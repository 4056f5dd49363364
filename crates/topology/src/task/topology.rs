//! The wiring of one deployment on one cluster: which topics are read and written, and by which rules.
//!
//! Built once at the start from settings and from what the cluster says of its topics; shared by all tasks.
//! Output topics are a fixed list: nothing that a request says can name another topic.

use std::collections::BTreeMap;

use super::settings::{CallerSettings, Settings};
use crate::contract::egov::{Egov, EgovTopics};
use crate::contract::{Caller, Contracts};
use crate::otp::{Bounds, ContractName, Keyring, Origin, Policy};
use crate::text::TemplateRules;
use crate::wire::murmur2;
use crate::wire::outbox::OutputTopic;
use crate::wire::record::{Record, SourcePartition, SourceTopic};

/// Which creation of a topic on which cluster: a recreated topic or another cluster has another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// What the cluster says of one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    pub partitions: i32,
    pub incarnation: Incarnation,
}

/// What a source topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Requests of the caller with this place in [`Topology::callers`].
    Requests(usize),
    Repartition,
    Directory,
    Admin,
    Broadcast(Broadcast),
}

/// What reaches every task as records of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Broadcast {
    Policy,
    Template,
}

impl Broadcast {
    pub const ALL: [Self; 2] = [Self::Policy, Self::Template];
}

/// A topic that is read.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    pub partitions: i32,
    pub incarnation: Incarnation,
}

/// A topic that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub name: String,
    pub partitions: i32,
}

/// The cluster does not fit the settings.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopologyError {
    #[error(
        "topic `{0}` does not exist: create it with `otp-stream topics create`, or start with --create-topics"
    )]
    MissingTopic(String),
    #[error(
        "topic `{topic}` has {found} partitions and needs {needed} ({reason}): recreate it with {needed} partitions"
    )]
    PartitionCount { topic: String, found: i32, needed: i32, reason: &'static str },
}

pub struct Topology {
    pub application_id: String,
    /// The number of home partitions, and of tasks: the partition count of the changelog. Never changes.
    pub partitions: i32,
    pub sources: Vec<Source>,
    pub outputs: Vec<Output>,
    /// Partition counts by output topic.
    pub output_partitions: Vec<i32>,
    pub callers: Vec<Caller>,
    pub contracts: Contracts,
    pub keys: Keyring,
    pub bounds: Bounds,
    pub template_rules: TemplateRules,
    pub dead_letter_copy: bool,
    pub changelog: OutputTopic,
    pub changelog_incarnation: Incarnation,
    pub repartition: OutputTopic,
    pub dead_letter: OutputTopic,
    pub lifecycle: OutputTopic,
    base_policies: BTreeMap<ContractName, Policy>,
}

/// Names of what is read, in the order of [`Topology::sources`].
pub fn source_names(settings: &Settings) -> Vec<(String, SourceKind)> {
    let requests = settings.callers.iter().enumerate();
    let requests = requests.map(|(at, caller)| (caller.request_topic.clone(), SourceKind::Requests(at)));
    let topics = &settings.topics;
    requests
        .chain([
            (settings.repartition(), SourceKind::Repartition),
            (topics.user_directory.clone(), SourceKind::Directory),
            (topics.otp_admin.clone(), SourceKind::Admin),
            (topics.otp_policy.clone(), SourceKind::Broadcast(Broadcast::Policy)),
            (topics.message_template.clone(), SourceKind::Broadcast(Broadcast::Template)),
        ])
        .collect()
}

/// Names of what is written, in the order of [`Topology::outputs`].
pub fn output_names(settings: &Settings) -> Vec<String> {
    let mut names = vec![
        settings.changelog(),
        settings.repartition(),
        settings.topics.dead_letter.clone(),
        settings.topics.validation_result.clone(),
        settings.topics.lifecycle.clone(),
    ];
    names.extend(settings.egov.notification_topics(&settings.topics.sms));
    names.extend(settings.egov.notification_topics(&settings.topics.email));
    for caller in &settings.callers {
        if !names.contains(&caller.reply_topic) {
            names.push(caller.reply_topic.clone());
        }
    }
    names
}

impl Topology {
    /// # Errors
    /// A topic is missing, or has a partition count that cannot work.
    pub fn build(
        settings: &Settings,
        keys: Keyring,
        cluster: &BTreeMap<String, TopicFacts>,
    ) -> Result<Self, TopologyError> {
        let facts = |name: &str| {
            cluster.get(name).copied().ok_or_else(|| TopologyError::MissingTopic(name.to_owned()))
        };
        let names = output_names(settings);
        let output = |name: &str| {
            let at = names.iter().position(|it| it == name).expect("every output is in the list");
            OutputTopic(u16::try_from(at).expect("few topics"))
        };
        let changelog = facts(&settings.changelog())?;
        let mut sources = Vec::new();
        for (name, kind) in source_names(settings) {
            let TopicFacts { partitions, incarnation } = facts(&name)?;
            sources.push(Source { name, kind, partitions, incarnation });
        }
        let mut outputs = Vec::new();
        for name in &names {
            outputs.push(Output { name: name.clone(), partitions: facts(name)?.partitions });
        }
        let topology = Self {
            application_id: settings.application_id.clone(),
            partitions: changelog.partitions,
            sources,
            output_partitions: outputs.iter().map(|it| it.partitions).collect(),
            outputs,
            callers: settings.callers.iter().map(|it| caller(it, output(&it.reply_topic))).collect(),
            contracts: Contracts { egov: egov(settings, &output) },
            keys,
            bounds: settings.bounds.clone(),
            template_rules: settings.egov.template_rules(),
            dead_letter_copy: settings.dead_letter_copy,
            changelog: output(&settings.changelog()),
            changelog_incarnation: changelog.incarnation,
            repartition: output(&settings.repartition()),
            dead_letter: output(&settings.topics.dead_letter),
            lifecycle: output(&settings.topics.lifecycle),
            base_policies: base_policies(settings),
        };
        topology.check_counts()?;
        Ok(topology)
    }

    pub fn source(&self, topic: SourceTopic) -> &Source {
        &self.sources[usize::from(topic.0)]
    }

    pub fn source_of(&self, kind: SourceKind) -> Option<SourceTopic> {
        let at = self.sources.iter().position(|it| it.kind == kind)?;
        Some(SourceTopic(u16::try_from(at).expect("few topics")))
    }

    /// The one partition of each broadcast topic.
    pub fn broadcast_sources(&self) -> impl Iterator<Item = SourcePartition> {
        let topics = Broadcast::ALL.into_iter().filter_map(|it| self.source_of(SourceKind::Broadcast(it)));
        topics.map(|topic| SourcePartition { topic, partition: 0 })
    }

    pub fn source_named(&self, name: &str) -> Option<SourceTopic> {
        let at = self.sources.iter().position(|it| it.name == name)?;
        Some(SourceTopic(u16::try_from(at).expect("few topics")))
    }

    /// Where and when a record was first appended: `record` has the coordinates of its first topic.
    pub fn origin_of(&self, record: &Record<'_>) -> Origin<'_> {
        Origin {
            topic: &self.source(record.source.topic).name,
            partition: record.source.partition,
            offset: record.offset,
            time: record.timestamp,
        }
    }

    pub fn output(&self, topic: OutputTopic) -> &Output {
        &self.outputs[usize::from(topic.0)]
    }

    /// The task that a source partition belongs to; `None`: it is only forwarded, whoever holds it.
    ///
    /// Broadcast topics belong to task 0, which keeps their positions. A partition that a topic got since the start
    /// has no home task.
    pub fn task_of(&self, topic: SourceTopic, partition: i32) -> Option<i32> {
        let source = self.source(topic);
        match source.kind {
            SourceKind::Broadcast(_) => Some(0),
            SourceKind::Requests(_) | SourceKind::Repartition | SourceKind::Directory | SourceKind::Admin => {
                (source.partitions == self.partitions && partition < self.partitions).then_some(partition)
            }
        }
    }

    /// The home partition of a canonical subject.
    pub fn home_of(&self, subject: &str) -> i32 {
        murmur2::partition(subject.as_bytes(), self.partitions)
    }

    /// The contract's policy before any record on the policy topic.
    pub fn base_policy(&self, contract: ContractName) -> &Policy {
        self.base_policies.get(&contract).expect("every contract has one")
    }

    fn check_counts(&self) -> Result<(), TopologyError> {
        for source in &self.sources {
            let (needed, reason) = match source.kind {
                SourceKind::Repartition => (self.partitions, "as many as the changelog"),
                SourceKind::Directory => {
                    (self.partitions, "as many as the changelog, its records are read in place")
                }
                SourceKind::Broadcast(_) => (1, "its records are broadcast in one order"),
                SourceKind::Requests(_) | SourceKind::Admin => continue,
            };
            if source.partitions != needed {
                let topic = source.name.clone();
                return Err(TopologyError::PartitionCount {
                    topic,
                    found: source.partitions,
                    needed,
                    reason,
                });
            }
        }
        for caller in &self.callers {
            let reply = self.output(caller.reply);
            if reply.partitions < self.partitions {
                return Err(TopologyError::PartitionCount {
                    topic: reply.name.clone(),
                    found: reply.partitions,
                    needed: self.partitions,
                    reason: "a reply lies on the number of its home partition",
                });
            }
        }
        Ok(())
    }
}

/// `<topic>/<partition>/<offset>`: the id of a record that brings none.
pub(super) fn coordinates(origin: &Origin<'_>) -> String {
    format!("{}/{}/{}", origin.topic, origin.partition, origin.offset)
}

fn caller(settings: &CallerSettings, reply: OutputTopic) -> Caller {
    Caller {
        name: settings.name.clone(),
        contract: settings.contract,
        reply,
        operations: settings.operations.clone(),
        reveal_code: settings.reveal_code,
    }
}

fn egov(settings: &Settings, output: &impl Fn(&str) -> OutputTopic) -> Egov {
    let list = |base: &str| settings.egov.notification_topics(base).iter().map(|name| output(name)).collect();
    Egov::new(
        settings.egov.clone(),
        EgovTopics {
            sms: list(&settings.topics.sms),
            email: list(&settings.topics.email),
            validation_result: output(&settings.topics.validation_result),
            lifecycle: output(&settings.topics.lifecycle),
        },
    )
}

fn base_policies(settings: &Settings) -> BTreeMap<ContractName, Policy> {
    let mut policies = BTreeMap::new();
    for contract in ContractName::ALL {
        let default = Policy::default_of(contract);
        let policy = settings.policies.get(&contract).map_or(default.clone(), |patch| default.with(patch));
        policies.insert(contract, policy);
    }
    policies
}
