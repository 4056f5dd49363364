//! Which topics and access rules a configuration needs.
//!
//! Pure: it computes a plan from a configuration and connects to nothing.

use serde::Serialize;

use crate::config::{Config, Create};

/// Everything the service needs on the cluster.
#[derive(Clone, Debug)]
pub struct Plan {
    pub application_id: String,
    pub topics: Vec<TopicPlan>,
    pub access: Vec<AccessRule>,
}

/// One topic.
#[derive(Clone, Debug)]
pub struct TopicPlan {
    pub name: String,
    pub role: Role,
    pub partitions: Partitions,
    /// -1: the brokers' default.
    pub replication_factor: i32,
    pub settings: Vec<Setting>,
    pub written_by: String,
    pub read_by: String,
}

/// What a topic is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Request,
    Reply,
    Notification,
    Analytics,
    #[serde(rename = "dead letter")]
    DeadLetter,
    Directory,
    Policy,
    Template,
    Admin,
    Changelog,
    Repartition,
}

/// How many partitions a topic has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitions {
    /// Part of the state's format, or of the routing.
    Exactly(i32),
    /// A reply lies on the number of its home partition.
    AtLeast(i32),
    /// Any count serves; so many are created.
    Any(i32),
}

/// A topic setting: what it is created with, and what is asked of one that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
    pub demand: Demand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    Exactly,
    /// A number, and not unlimited.
    AtMost,
    /// A number, or unlimited.
    AtLeast,
    /// The operator's choice.
    Free,
}

/// An access rule to grant, in the words of `kafka-acls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccessRule {
    /// Who, by role: the principal's name is the cluster's business.
    pub who: String,
    pub operations: Vec<&'static str>,
    /// `topic`, `group` or `transactionalId`.
    pub resource: &'static str,
    /// `literal` or `prefixed`.
    pub pattern: &'static str,
    pub name: String,
}

/// Builds a plan for so many home partitions.
struct Planner<'a> {
    config: &'a Config,
    count: i32,
}

/// Longest segment of a topic that carries codes.
const CODE_SEGMENT_MS_MAX: u64 = 60 * 60 * 1000;

const SERVICE: &str = "this service";

impl Plan {
    /// The plan of a new application.
    pub fn of(config: &Config) -> Self {
        Self::for_partitions(config, config.kafka.create.partitions)
    }

    /// The plan of an application that has so many home partitions.
    pub fn for_partitions(config: &Config, count: i32) -> Self {
        let planner = Planner { config, count };
        let mut topics = Vec::new();
        for caller in &config.callers {
            let who = format!("caller {}", caller.name);
            topics.push(planner.request_topic(&caller.request_topic, &who));
            topics.push(planner.topic(&caller.reply_topic, Role::Reply).of(SERVICE, &who));
        }
        planner.shared_topics(&mut topics);
        planner.internal_topics(&mut topics);
        let access = planner.access(&topics);
        Self { application_id: config.application.id.clone(), topics, access }
    }

    pub fn changelog(&self) -> &str {
        let changelog = self.topics.iter().find(|planned| planned.role == Role::Changelog);
        &changelog.expect("every plan has one").name
    }
}

impl TopicPlan {
    fn of(mut self, written_by: &str, read_by: &str) -> Self {
        written_by.clone_into(&mut self.written_by);
        read_by.clone_into(&mut self.read_by);
        self
    }

    fn with(mut self, name: &'static str, value: impl ToString, demand: Demand) -> Self {
        let value = value.to_string();
        self.settings.push(Setting { name, value, demand });
        self
    }

    fn deleted(self, retention_ms: impl ToString, demand: Demand) -> Self {
        self.with("cleanup.policy", "delete", Demand::Exactly).with("retention.ms", retention_ms, demand)
    }

    /// Brokers delete whole segments, and never one that is written to: with their usual segment of a week, codes would
    /// stay for as long.
    fn with_codes(self, create: &Create) -> Self {
        self.deleted(create.code_retention_ms, Demand::AtMost).with(
            "segment.ms",
            CODE_SEGMENT_MS_MAX.min(create.code_retention_ms),
            Demand::Free,
        )
    }

    fn compacted(self) -> Self {
        self.with("cleanup.policy", "compact", Demand::Exactly)
    }

    /// Never `delete`: a lock until released outlives any retention. Small segments keep a restore short.
    fn changelog(self, create: &Create) -> Self {
        self.compacted()
            .with("message.timestamp.type", "LogAppendTime", Demand::Exactly)
            .with("segment.ms", create.changelog_segment_ms, Demand::Free)
            .with("segment.bytes", create.changelog_segment_bytes, Demand::Free)
            .with("min.cleanable.dirty.ratio", "0.3", Demand::Free)
            .with("delete.retention.ms", create.changelog_delete_retention_ms, Demand::AtLeast)
    }

    fn in_partitions(mut self, partitions: Partitions) -> Self {
        self.partitions = partitions;
        self
    }
}

impl Partitions {
    /// How many are created.
    pub fn count(self) -> i32 {
        match self {
            Self::Exactly(count) | Self::AtLeast(count) | Self::Any(count) => count,
        }
    }
}

impl Planner<'_> {
    fn request_topic(&self, name: &str, who: &str) -> TopicPlan {
        let demand = if self.config.processing.accept_create_time { Demand::Free } else { Demand::Exactly };
        self.topic(name, Role::Request)
            .with("message.timestamp.type", "LogAppendTime", demand)
            .of(who, SERVICE)
    }

    fn shared_topics(&self, topics: &mut Vec<TopicPlan>) {
        let names = &self.config.kafka.topics;
        for (base, consumer) in [(&names.sms, "SMS consumer"), (&names.email, "e-mail consumer")] {
            for name in self.config.egov.notification_topics(base) {
                topics.push(self.topic(&name, Role::Notification).of(SERVICE, consumer));
            }
        }
        let mut add = |name: &str, role: Role, written_by: &str, read_by: &str| {
            topics.push(self.topic(name, role).of(written_by, read_by));
        };
        add(&names.validation_result, Role::Analytics, SERVICE, "relying services, analytics");
        add(&names.lifecycle, Role::Analytics, SERVICE, "analytics");
        add(&names.dead_letter, Role::DeadLetter, SERVICE, "operators");
        add(&names.user_directory, Role::Directory, "directory feed", SERVICE);
        add(&names.otp_policy, Role::Policy, "operators", SERVICE);
        add(&names.message_template, Role::Template, "operators", SERVICE);
        add(&names.otp_admin, Role::Admin, "operators", SERVICE);
    }

    fn internal_topics(&self, topics: &mut Vec<TopicPlan>) {
        let id = &self.config.application.id;
        for (name, role) in [("changelog", Role::Changelog), ("repartition", Role::Repartition)] {
            topics.push(self.topic(&format!("{id}-{name}"), role).of(SERVICE, SERVICE));
        }
    }

    fn topic(&self, name: &str, role: Role) -> TopicPlan {
        let create = &self.config.kafka.create;
        let plain = TopicPlan {
            name: name.to_owned(),
            role,
            partitions: Partitions::Any(self.count),
            replication_factor: create.replication_factor,
            settings: Vec::new(),
            written_by: String::new(),
            read_by: String::new(),
        };
        let exactly = Partitions::Exactly(self.count);
        match role {
            Role::Request | Role::Notification => plain.with_codes(create),
            Role::Reply => plain.with_codes(create).in_partitions(Partitions::AtLeast(self.count)),
            Role::Analytics => plain.deleted(create.result_retention_ms, Demand::Free),
            Role::DeadLetter => plain.deleted(create.dead_letter_retention_ms, Demand::Free),
            Role::Admin => plain.deleted(create.admin_retention_ms, Demand::Free),
            Role::Directory => plain.compacted().in_partitions(exactly),
            Role::Policy | Role::Template => plain.compacted().in_partitions(Partitions::Exactly(1)),
            Role::Changelog => plain.changelog(create).in_partitions(exactly),
            Role::Repartition => plain
                .deleted(-1, Demand::Exactly)
                .with("retention.bytes", -1, Demand::Exactly)
                .with("message.timestamp.type", "LogAppendTime", Demand::Free)
                .with("segment.bytes", create.changelog_segment_bytes, Demand::Free)
                .in_partitions(exactly),
        }
    }

    /// Nobody else may write where this service writes: that is what makes a result believable.
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
            operations.extend((planned.role == Role::Repartition).then_some("Delete"));
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
