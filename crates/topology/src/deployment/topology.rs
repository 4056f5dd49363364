//! One deployment on one cluster: which topics are read and written, and by which rules.
//!
//! Built once at the start, from the settings and the cluster's facts about the topics. All tasks share it. The list of
//! output topics is fixed: nothing in a request can name another topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::settings::Settings;
use super::topics::{Broadcast, SourceKind, Topic, outputs, sources, topics};
use crate::contract::{Caller, Contract, Contracts, EventTopics};
use crate::otp::{Bounds, ContractName, Keyring, NumberPseudonym, Origin, Policy};
use crate::wire::murmur2;
use crate::wire::outbox::OutputTopic;
use crate::wire::record::{Record, SourcePartition, SourceTopic};

/// The identity of one creation of a topic on one cluster. A recreated topic has another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Incarnation(pub [u8; 16]);

/// What the cluster reports about one topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicFacts {
    pub partitions: i32,
    pub incarnation: Incarnation,
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

/// Where signals go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalOutput {
    pub topic: OutputTopic,
    /// The length of a window.
    pub window_ms: u64,
}

/// Why the cluster does not fit the settings.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TopologyError {
    #[error(
        "topic `{0}` does not exist: create it with `otp-stream topics create`, or start with --create-topics"
    )]
    MissingTopic(String),
    #[error("this build has no contract `{0}`: take its callers out of the configuration")]
    UnknownContract(&'static str),
    #[error(
        "topic `{topic}` has {found} partitions and needs {needed} ({reason}): recreate it with {needed} partitions"
    )]
    PartitionCount { topic: String, found: i32, needed: i32, reason: &'static str },
}

pub struct Topology {
    pub application_id: String,
    /// Topics whose first partition had an offset of the group before this instance joined: what has none there is a
    /// partition that was added.
    pub read_before: BTreeSet<String>,
    /// The number of home partitions and of tasks: the partition count of the changelog. It never changes.
    pub partitions: i32,
    pub sources: Vec<Source>,
    pub outputs: Vec<Output>,
    /// Partition counts by output topic.
    pub output_partitions: Vec<i32>,
    pub callers: Vec<Caller>,
    pub contracts: Contracts,
    pub keys: Keyring,
    pub bounds: Bounds,
    pub dead_letter_copy: bool,
    pub changelog: OutputTopic,
    pub changelog_incarnation: Incarnation,
    pub repartition: OutputTopic,
    pub dead_letter: OutputTopic,
    pub lifecycle: OutputTopic,
    /// `None`: signals are not counted.
    pub signals: Option<SignalOutput>,
    base_policies: BTreeMap<ContractName, Policy>,
}

impl Topology {
    /// # Errors
    /// A topic is missing, or has a partition count that cannot work.
    pub fn build(
        settings: &Settings,
        keys: Keyring,
        cluster: &BTreeMap<String, TopicFacts>,
    ) -> Result<Self, TopologyError> {
        let topics = topics(settings);
        let facts = |name: &str| *cluster.get(name).expect("every topic was found");
        let homes = homes(settings, &topics, cluster)?;
        let names = outputs(settings);
        let output = |name: &str| {
            let at = names.iter().position(|it| it == name).expect("every output is in the list");
            OutputTopic(u16::try_from(at).expect("few topics"))
        };
        let mut callers = Vec::new();
        for caller in &settings.callers {
            let contract = settings.contracts.get(caller.contract);
            let contract = contract.ok_or(TopologyError::UnknownContract(caller.contract.as_str()))?;
            callers.push(Caller {
                name: caller.name.clone(),
                contract: contract.clone(),
                topics: Arc::new(event_topics(settings, &**contract, &output)),
                reply: output(&caller.reply_topic),
                operations: caller.operations_with(&**contract, &keys),
                reveal_code: caller.reveal_code,
                utc_offset: caller.utc_offset,
            });
        }
        let source = |(name, kind): (String, SourceKind)| {
            let TopicFacts { partitions, incarnation } = facts(&name);
            Source { name, kind, partitions, incarnation }
        };
        let outputs: Vec<_> = names
            .iter()
            .map(|name| Output { name: name.clone(), partitions: facts(name).partitions })
            .collect();
        Ok(Self {
            application_id: settings.application_id.clone(),
            read_before: BTreeSet::new(),
            partitions: homes,
            sources: sources(settings).into_iter().map(source).collect(),
            output_partitions: outputs.iter().map(|it| it.partitions).collect(),
            outputs,
            callers,
            contracts: settings.contracts.clone(),
            keys,
            bounds: settings.bounds.clone(),
            dead_letter_copy: settings.dead_letter_copy,
            changelog: output(&settings.changelog()),
            changelog_incarnation: facts(&settings.changelog()).incarnation,
            repartition: output(&settings.repartition()),
            dead_letter: output(&settings.topics.dead_letter),
            lifecycle: output(&settings.topics.lifecycle),
            signals: settings.signals.enabled.then(|| SignalOutput {
                topic: output(&settings.topics.signal),
                window_ms: settings.signals.window_s.max(1) * 1000,
            }),
            base_policies: base_policies(settings),
        })
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

    /// The task that a source partition belongs to. `None`: whichever thread reads it only forwards its records.
    ///
    /// Broadcast topics belong to task 0, which keeps their positions. A partition that was added to a topic after the
    /// start has no home task.
    pub fn task_of(&self, topic: SourceTopic, partition: i32) -> Option<i32> {
        let source = self.source(topic);
        match source.kind {
            SourceKind::Broadcast(_) => Some(0),
            SourceKind::Requests(_) | SourceKind::Repartition | SourceKind::Directory | SourceKind::Admin => {
                (source.partitions == self.partitions && partition < self.partitions).then_some(partition)
            }
        }
    }

    /// Whether a source partition without an offset of the group was added to its topic while the group read that topic.
    pub fn is_added(&self, source: SourcePartition) -> bool {
        let Source { name, kind, .. } = self.source(source.topic);
        kind.may_grow() && self.read_before.contains(name)
    }

    /// The home partition of a canonical subject.
    pub fn home_of(&self, subject: &str) -> i32 {
        murmur2::partition(subject.as_bytes(), self.partitions)
    }

    /// The home partition of a number to which messages go.
    pub fn home_of_number(&self, number: NumberPseudonym) -> i32 {
        murmur2::partition(&number.0, self.partitions)
    }

    /// The policy of a contract before any record on the policy topic.
    pub fn base_policy(&self, contract: ContractName) -> &Policy {
        self.base_policies.get(&contract).expect("every contract has one")
    }
}

/// The number of home partitions, once every topic exists and has a partition count that works.
fn homes(
    settings: &Settings,
    topics: &[Topic],
    cluster: &BTreeMap<String, TopicFacts>,
) -> Result<i32, TopologyError> {
    let count = |name: &String| match cluster.get(name) {
        Some(facts) => Ok(facts.partitions),
        None => Err(TopologyError::MissingTopic(name.clone())),
    };
    let homes = count(&settings.changelog())?;
    for Topic { name, role, .. } in topics {
        let found = count(name)?;
        if let Some((needed, reason)) = role.rules().partitions.objection(found, homes) {
            return Err(TopologyError::PartitionCount { topic: name.clone(), found, needed, reason });
        }
    }
    Ok(homes)
}

/// `<topic>/<partition>/<offset>`: the id of a record that has none of its own.
pub fn coordinates(origin: &Origin<'_>) -> String {
    format!("{}/{}/{}", origin.topic, origin.partition, origin.offset)
}

/// Where the events of a contract go.
fn event_topics(
    settings: &Settings,
    contract: &dyn Contract,
    output: &impl Fn(&str) -> OutputTopic,
) -> EventTopics {
    let list = |base: &str| contract.notification_topics(base).iter().map(|name| output(name)).collect();
    EventTopics {
        sms: list(&settings.topics.sms),
        email: list(&settings.topics.email),
        validation_result: output(&settings.topics.validation_result),
        lifecycle: output(&settings.topics.lifecycle),
    }
}

fn base_policies(settings: &Settings) -> BTreeMap<ContractName, Policy> {
    let base = |contract: &Arc<dyn Contract>| (contract.name(), settings.base_policy(&**contract));
    settings.contracts.iter().map(base).collect()
}
