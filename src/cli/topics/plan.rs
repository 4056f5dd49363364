//! Which topics and access rules a configuration needs, and how a cluster differs from that.
//!
//! Pure: it computes a plan from a configuration and differences from two descriptions, and connects to nothing.

use std::collections::BTreeMap;

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

/// A topic as the cluster has it.
#[derive(Clone, Debug, Default)]
pub struct ActualTopic {
    pub partitions: i32,
    pub settings: BTreeMap<String, String>,
}

/// One difference between plan and cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub topic: String,
    pub what: String,
    pub remedy: String,
}

const SERVICE: &str = "this service";

impl Plan {
    pub fn of(config: &Config) -> Self {
        let mut topics = Vec::new();
        let mut access = Vec::new();
        for caller in &config.callers {
            let who = format!("caller {}", caller.name);
            topics.push(request_topic(config, &caller.request_topic, &who));
            topics.push(topic(config, &caller.reply_topic, Role::Reply).of(SERVICE, &who));
            access.push(grant(&who, &["Write", "Describe"], &caller.request_topic));
            access.push(grant(&who, &["Read", "Describe"], &caller.reply_topic));
        }
        shared_topics(config, &mut topics);
        internal_topics(config, &mut topics);
        for planned in topics
            .iter()
            .filter(|it| !matches!(it.role, Role::Request | Role::Reply))
        {
            if planned.written_by != SERVICE {
                access.push(grant(&planned.written_by, &["Write", "Describe"], &planned.name));
            }
            if planned.read_by != SERVICE {
                access.push(grant(&planned.read_by, &["Read", "Describe"], &planned.name));
            }
        }
        access.extend(service_rules(config, &topics));
        Self {
            application_id: config.application.id.clone(),
            topics,
            access,
        }
    }

    /// How the cluster differs; a topic that is not there is one difference.
    pub fn differences(&self, actual: &BTreeMap<String, ActualTopic>) -> Vec<Difference> {
        self.topics
            .iter()
            .flat_map(|planned| planned.differences(actual.get(&planned.name)))
            .collect()
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

    fn in_partitions(mut self, partitions: Partitions) -> Self {
        self.partitions = partitions;
        self
    }

    fn differences(&self, actual: Option<&ActualTopic>) -> Vec<Difference> {
        let differs = |what: String, remedy: String| Difference {
            topic: self.name.clone(),
            what,
            remedy,
        };
        let Some(actual) = actual else {
            let remedy = "create it with `otp-stream topics create`".to_owned();
            return vec![differs("is not there".to_owned(), remedy)];
        };
        let mut found = Vec::new();
        if let Some((what, remedy)) = self.partitions.objection(actual.partitions) {
            found.push(differs(what, remedy));
        }
        for setting in &self.settings {
            let value = actual.settings.get(setting.name).map(String::as_str);
            if let Some(asked) = setting.objection(value) {
                found.push(differs(
                    format!("{} is {}, {asked}", setting.name, value.unwrap_or("not told")),
                    format!(
                        "kafka-configs --alter --topic {} --add-config {}={}",
                        self.name, setting.name, setting.value
                    ),
                ));
            }
        }
        found
    }
}

impl Partitions {
    /// How many are created.
    pub fn count(self) -> i32 {
        match self {
            Self::Exactly(count) | Self::AtLeast(count) | Self::Any(count) => count,
        }
    }

    fn objection(self, actual: i32) -> Option<(String, String)> {
        match self {
            Self::Exactly(1) if actual != 1 => Some((
                format!("has {actual} partitions, exactly 1 is needed"),
                "delete it and create it with `otp-stream topics create`".to_owned(),
            )),
            Self::Exactly(count) if actual != count => Some((
                format!("has {actual} partitions, exactly {count} are needed"),
                format!(
                    "set kafka.create.partitions = {actual} if this is the application's count, else choose a new application.id"
                ),
            )),
            Self::AtLeast(count) if actual < count => Some((
                format!("has {actual} partitions, at least {count} are needed"),
                "add partitions to it".to_owned(),
            )),
            Self::Exactly(_) | Self::AtLeast(_) | Self::Any(_) => None,
        }
    }
}

impl Setting {
    /// What is asked of the actual value, if it does not meet that.
    fn objection(&self, actual: Option<&str>) -> Option<String> {
        let number = |text: &str| text.parse::<i64>().ok();
        let (wanted, got) = (number(&self.value), actual.and_then(number));
        let good = match self.demand {
            Demand::Free => true,
            Demand::Exactly => actual == Some(self.value.as_str()),
            Demand::AtMost => got.is_some_and(|got| got >= 0) && got <= wanted,
            Demand::AtLeast => got.is_some_and(|got| got < 0) || got >= wanted,
        };
        (!good).then(|| match self.demand {
            Demand::Exactly | Demand::Free => format!("{} is needed", self.value),
            Demand::AtMost => format!("at most {} is allowed", self.value),
            Demand::AtLeast => format!("at least {} is needed", self.value),
        })
    }
}

fn topic(config: &Config, name: &str, role: Role) -> TopicPlan {
    let create = &config.kafka.create;
    let count = create.partitions;
    let plain = TopicPlan {
        name: name.to_owned(),
        role,
        partitions: Partitions::Any(count),
        replication_factor: create.replication_factor,
        settings: Vec::new(),
        written_by: String::new(),
        read_by: String::new(),
    };
    match role {
        Role::Request | Role::Notification => deleted(plain, create.code_retention_ms, Demand::AtMost),
        Role::Reply => {
            deleted(plain, create.code_retention_ms, Demand::AtMost).in_partitions(Partitions::AtLeast(count))
        }
        Role::Analytics => deleted(plain, create.result_retention_ms, Demand::Free),
        Role::DeadLetter => deleted(plain, create.dead_letter_retention_ms, Demand::Free),
        Role::Admin => deleted(plain, create.admin_retention_ms, Demand::Free),
        Role::Directory => plain
            .with("cleanup.policy", "compact", Demand::Exactly)
            .in_partitions(Partitions::Exactly(count)),
        Role::Policy | Role::Template => plain
            .with("cleanup.policy", "compact", Demand::Exactly)
            .in_partitions(Partitions::Exactly(1)),
        Role::Changelog => changelog(plain, create).in_partitions(Partitions::Exactly(count)),
        Role::Repartition => deleted(plain, -1, Demand::Exactly)
            .with("retention.bytes", -1, Demand::Exactly)
            .with("message.timestamp.type", "LogAppendTime", Demand::Free)
            .with("segment.bytes", 128 << 20, Demand::Free)
            .in_partitions(Partitions::Exactly(count)),
    }
}

fn deleted(plain: TopicPlan, retention_ms: impl ToString, demand: Demand) -> TopicPlan {
    plain
        .with("cleanup.policy", "delete", Demand::Exactly)
        .with("retention.ms", retention_ms, demand)
}

/// Never `delete`: a lock until released outlives any retention. Small segments keep a restore short.
fn changelog(plain: TopicPlan, create: &Create) -> TopicPlan {
    plain
        .with("cleanup.policy", "compact", Demand::Exactly)
        .with("message.timestamp.type", "LogAppendTime", Demand::Exactly)
        .with("segment.ms", create.changelog_segment_ms, Demand::Free)
        .with("segment.bytes", create.changelog_segment_bytes, Demand::Free)
        .with("min.cleanable.dirty.ratio", "0.3", Demand::Free)
        .with(
            "delete.retention.ms",
            create.changelog_delete_retention_ms,
            Demand::AtLeast,
        )
}

fn request_topic(config: &Config, name: &str, who: &str) -> TopicPlan {
    let demand = if config.processing.accept_create_time {
        Demand::Free
    } else {
        Demand::Exactly
    };
    topic(config, name, Role::Request)
        .with("message.timestamp.type", "LogAppendTime", demand)
        .of(who, SERVICE)
}

fn shared_topics(config: &Config, topics: &mut Vec<TopicPlan>) {
    let names = &config.kafka.topics;
    let consumers = [(&names.sms, "SMS consumer"), (&names.email, "e-mail consumer")];
    for (base, consumer) in consumers {
        for name in config.egov.notification_topics(base) {
            topics.push(topic(config, &name, Role::Notification).of(SERVICE, consumer));
        }
    }
    let readers = "relying services, analytics";
    topics.push(topic(config, &names.validation_result, Role::Analytics).of(SERVICE, readers));
    topics.push(topic(config, &names.lifecycle, Role::Analytics).of(SERVICE, "analytics"));
    topics.push(topic(config, &names.dead_letter, Role::DeadLetter).of(SERVICE, "operators"));
    topics.push(topic(config, &names.user_directory, Role::Directory).of("directory feed", SERVICE));
    topics.push(topic(config, &names.otp_policy, Role::Policy).of("operators", SERVICE));
    topics.push(topic(config, &names.message_template, Role::Template).of("operators", SERVICE));
    topics.push(topic(config, &names.otp_admin, Role::Admin).of("operators", SERVICE));
}

fn internal_topics(config: &Config, topics: &mut Vec<TopicPlan>) {
    let id = &config.application.id;
    topics.push(topic(config, &format!("{id}-changelog"), Role::Changelog).of(SERVICE, SERVICE));
    topics.push(topic(config, &format!("{id}-repartition"), Role::Repartition).of(SERVICE, SERVICE));
}

/// Nobody else may write where this service writes: that is what makes a result believable.
fn service_rules(config: &Config, topics: &[TopicPlan]) -> Vec<AccessRule> {
    let mut rules = Vec::new();
    for planned in topics {
        let mut operations = Vec::new();
        if planned.read_by == SERVICE {
            operations.push("Read");
        }
        if planned.written_by == SERVICE {
            operations.push("Write");
        }
        if planned.role == Role::Repartition {
            operations.push("Delete");
        }
        operations.extend(["Describe", "DescribeConfigs"]);
        rules.push(grant(SERVICE, &operations, &planned.name));
    }
    let id = &config.application.id;
    let rule = |operations: &[&'static str], resource, pattern| AccessRule {
        who: SERVICE.to_owned(),
        operations: operations.to_vec(),
        resource,
        pattern,
        name: id.clone(),
    };
    rules.push(rule(&["Read", "Describe"], "group", "literal"));
    rules.push(rule(&["Write", "Describe"], "transactionalId", "prefixed"));
    rules
}

fn grant(who: &str, operations: &[&'static str], topic: &str) -> AccessRule {
    AccessRule {
        who: who.to_owned(),
        operations: operations.to_vec(),
        resource: "topic",
        pattern: "literal",
        name: topic.to_owned(),
    }
}
