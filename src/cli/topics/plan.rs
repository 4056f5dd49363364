//! Which topics and access rules a configuration needs.
//!
//! Pure: it computes a plan from a configuration and does not connect. The topics come from the table in
//! `otp_topology::deployment::topics`.

use otp_topology::deployment::topics::{PartitionRule, RetentionRule, SERVICE, Topic, TopicRole, topics};
use serde::Serialize;

use crate::config::{Config, Create, DeadLetterPayload};

/// Everything the service needs on the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub application_id: String,
    pub topics: Vec<TopicPlan>,
    pub access: Vec<AccessRule>,
}

/// One topic.
#[derive(Clone, Debug)]
pub(crate) struct TopicPlan {
    pub name: String,
    pub role: TopicRole,
    pub partitions: Partitions,
    /// -1: the brokers' default.
    pub replication_factor: i32,
    pub settings: Vec<Setting>,
    pub written_by: String,
    pub read_by: String,
}

/// How many partitions a topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partitions {
    /// The format of the state or the routing depends on it.
    Exactly(i32),
    /// A reply is written to the partition with the number of its home partition.
    AtLeast(i32),
    /// Any count works. A new topic gets this many.
    Any(i32),
}

/// A topic setting: its value when the topic is created, and what `topics verify` asks of an existing topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub name: &'static str,
    pub value: String,
    pub demand: Demand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    Exactly,
    /// A number, and not unlimited.
    AtMost,
    /// A number, or unlimited.
    AtLeast,
    /// The operator may choose any value.
    Free,
}

/// An access rule to grant, in the words of `kafka-acls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct AccessRule {
    /// Who, by role. The name of the principal is up to the cluster.
    pub who: String,
    pub operations: Vec<&'static str>,
    /// `topic`, `group` or `transactionalId`.
    pub resource: &'static str,
    /// `literal` or `prefixed`.
    pub pattern: &'static str,
    pub name: String,
}

/// Builds a plan for `count` home partitions.
struct Planner<'a> {
    config: &'a Config,
    count: i32,
}

/// Longest segment of a topic that carries codes.
const CODE_SEGMENT_MS_MAX: u64 = 60 * 60 * 1000;
/// Longest retention of dead letters that carry copies, because a copy may carry a live code.
const COPY_RETENTION_MS_MAX: u64 = 60 * 60 * 1000;

impl Plan {
    /// The plan of a new application.
    pub(crate) fn of(config: &Config) -> Self {
        Self::for_partitions(config, config.kafka.create.partitions)
    }

    /// The plan of an application that has `count` home partitions.
    pub(crate) fn for_partitions(config: &Config, count: i32) -> Self {
        let planner = Planner { config, count };
        let settings = config.settings();
        let mut topics = topics(&settings);
        // People read the callers' topics first.
        topics.sort_by_key(|topic| {
            (!topic.role.is_callers(), (!topic.role.is_callers()).then_some(topic.role))
        });
        let topics: Vec<_> = topics.iter().map(|it| planner.topic(it)).collect();
        let access = planner.access(&topics);
        Self { application_id: settings.application_id, topics, access }
    }

    pub(crate) fn changelog(&self) -> &str {
        let changelog = self.topics.iter().find(|planned| planned.role == TopicRole::Changelog);
        &changelog.expect("every plan has one").name
    }
}

impl TopicPlan {
    fn with(mut self, name: &'static str, value: impl ToString, demand: Demand) -> Self {
        let value = value.to_string();
        self.settings.push(Setting { name, value, demand });
        self
    }

    fn deleted(self, retention_ms: impl ToString, demand: Demand) -> Self {
        self.with("cleanup.policy", "delete", Demand::Exactly).with("retention.ms", retention_ms, demand)
    }

    /// Brokers delete whole segments, and never the one that is being written. With the default segment of a week, codes
    /// would stay that long.
    fn with_codes(self, retention_ms: u64) -> Self {
        let segment_ms = CODE_SEGMENT_MS_MAX.min(retention_ms);
        self.deleted(retention_ms, Demand::AtMost).with("segment.ms", segment_ms, Demand::Free)
    }

    fn compacted(self) -> Self {
        self.with("cleanup.policy", "compact", Demand::Exactly)
    }

    /// Never `delete`: a lock until an operator unlocks it outlives any retention. Small segments keep a restore short.
    fn changelog(self, create: &Create) -> Self {
        self.compacted()
            .with("message.timestamp.type", "LogAppendTime", Demand::Exactly)
            .with("segment.ms", create.changelog_segment_ms, Demand::Free)
            .with("segment.bytes", create.changelog_segment_bytes, Demand::Free)
            .with("min.cleanable.dirty.ratio", "0.3", Demand::Free)
            .with("delete.retention.ms", create.changelog_delete_retention_ms, Demand::AtLeast)
    }
}

impl Partitions {
    /// How many partitions a new topic gets.
    pub(crate) fn count(self) -> i32 {
        match self {
            Self::Exactly(count) | Self::AtLeast(count) | Self::Any(count) => count,
        }
    }
}

impl Planner<'_> {
    fn topic(&self, topic: &Topic) -> TopicPlan {
        let create = &self.config.kafka.create;
        let rules = topic.role.rules();
        let plain = TopicPlan {
            name: topic.name.clone(),
            role: topic.role,
            partitions: match rules.partitions {
                PartitionRule::AsHomes(_) => Partitions::Exactly(self.count),
                PartitionRule::AtLeastHomes(_) => Partitions::AtLeast(self.count),
                PartitionRule::One(_) => Partitions::Exactly(1),
                PartitionRule::Any => Partitions::Any(self.count),
            },
            replication_factor: create.replication_factor,
            settings: Vec::new(),
            written_by: topic.written_by.clone(),
            read_by: topic.read_by.clone(),
        };
        let planned = match rules.retention {
            RetentionRule::Codes => plain.with_codes(create.code_retention_ms),
            RetentionRule::Results => plain.deleted(create.result_retention_ms, Demand::Free),
            RetentionRule::DeadLetters => match self.config.dead_letter.payload {
                DeadLetterPayload::None => plain.deleted(create.dead_letter_retention_ms, Demand::Free),
                DeadLetterPayload::Copy => {
                    plain.with_codes(COPY_RETENTION_MS_MAX.min(create.dead_letter_retention_ms))
                }
            },
            RetentionRule::AdminCommands => plain.deleted(create.admin_retention_ms, Demand::Free),
            RetentionRule::Compacted => plain.compacted(),
            RetentionRule::Changelog => plain.changelog(create),
            RetentionRule::Repartition => plain
                .deleted(-1, Demand::Exactly)
                .with("retention.bytes", -1, Demand::Exactly)
                .with("message.timestamp.type", "LogAppendTime", Demand::Free)
                .with("segment.bytes", create.changelog_segment_bytes, Demand::Free),
        };
        if topic.role == TopicRole::Request {
            let free = self.config.processing.accept_create_time;
            let demand = if free { Demand::Free } else { Demand::Exactly };
            return planned.with("message.timestamp.type", "LogAppendTime", demand);
        }
        planned
    }

    /// Only this service may write to its output topics: otherwise nobody could trust a result.
    fn access(&self, topics: &[TopicPlan]) -> Vec<AccessRule> {
        let mut rules = Vec::new();
        for planned in topics {
            let outsiders = [(&planned.written_by, "Write"), (&planned.read_by, "Read")];
            for (who, operation) in outsiders.into_iter().filter(|(who, _)| *who != SERVICE) {
                rules.push(grant(who, vec![operation, "Describe"], &planned.name));
            }
        }
        for planned in topics {
            let mut operations = Vec::new();
            operations.extend((planned.read_by == SERVICE).then_some("Read"));
            operations.extend((planned.written_by == SERVICE).then_some("Write"));
            operations.extend((planned.role == TopicRole::Repartition).then_some("Delete"));
            operations.extend(["Describe", "DescribeConfigs"]);
            rules.push(grant(SERVICE, operations, &planned.name));
        }
        let rule = |operations: [&'static str; 2], resource, pattern| AccessRule {
            who: SERVICE.to_owned(),
            operations: operations.to_vec(),
            resource,
            pattern,
            name: self.config.application.id.clone(),
        };
        rules.push(rule(["Read", "Describe"], "group", "literal"));
        rules.push(rule(["Write", "Describe"], "transactionalId", "prefixed"));
        rules
    }
}

fn grant(who: &str, operations: Vec<&'static str>, topic: &str) -> AccessRule {
    AccessRule {
        who: who.to_owned(),
        operations,
        resource: "topic",
        pattern: "literal",
        name: topic.to_owned(),
    }
}
