//! The table of topics. Names, configuration keys and their defaults, sources, outputs, partition counts, retention,
//! access rules and test fixtures are derived from it. A new topic is one line here, and the code that uses it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::settings::Settings;
use super::topology::{Incarnation, TopicFacts};

/// The name of the service where a table says who writes or reads.
pub const SERVICE: &str = "this service";

/// A topic that all callers share. Its name is configured under `[kafka.topics]`.
#[derive(Clone, Copy, Debug)]
pub struct SharedTopic {
    /// Under `[kafka.topics]`.
    pub key: &'static str,
    pub default_name: &'static str,
    pub role: TopicRole,
    /// [`SERVICE`], or who else.
    pub written_by: &'static str,
    /// [`SERVICE`], or who else.
    pub read_by: &'static str,
    name: fn(&TopicNames) -> &String,
    name_mut: fn(&mut TopicNames) -> &mut String,
}

macro_rules! shared_topics {
    ($($key:ident = $default:literal: $role:ident, $written_by:expr => $read_by:expr;)*) => {
        /// The names of the shared topics, by key.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct TopicNames {
            $(pub $key: String,)*
        }

        impl Default for TopicNames {
            fn default() -> Self {
                Self { $($key: $default.to_owned(),)* }
            }
        }

        /// Every shared topic.
        pub const SHARED: &[SharedTopic] = &[
            $(SharedTopic {
                key: stringify!($key),
                default_name: $default,
                role: TopicRole::$role,
                written_by: $written_by,
                read_by: $read_by,
                name: |names| &names.$key,
                name_mut: |names| &mut names.$key,
            },)*
        ];
    };
}

shared_topics! {
    dead_letter       = "otp-dead-letter":                   DeadLetter,     SERVICE => "operators";
    validation_result = "otp-validation-result":             Analytics,      SERVICE => "relying services, analytics";
    lifecycle         = "otp-lifecycle":                     Analytics,      SERVICE => "analytics";
    signal            = "otp-signal":                        Signal,         SERVICE => "fraud desks";
    sms               = "egov.core.notification.sms.otp":    Notification,   SERVICE => "SMS consumer";
    email             = "org.egov.core.notification.email":  Notification,   SERVICE => "e-mail consumer";
    user_directory    = "user-directory":                    Directory,      "directory feed" => SERVICE;
    otp_admin         = "otp-admin":                         Admin,          "operators" => SERVICE;
    otp_policy        = "otp-policy":                        Policy,         "operators" => SERVICE;
    message_template  = "message-template":                  Template,       "operators" => SERVICE;
    client_registry   = "client-registry":                   ClientRegistry, "operators" => SERVICE;
}

/// What a topic is for, in the order of a list for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TopicRole {
    Request,
    Reply,
    Notification,
    Analytics,
    /// Written only if signals are counted.
    Signal,
    DeadLetter,
    Directory,
    Policy,
    Template,
    /// Clients of the token operations.
    ClientRegistry,
    Admin,
    Changelog,
    Repartition,
}

/// What a role means for the tasks and for the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleRules {
    /// What its records are, if they are read. Each request topic has a kind of its own, by caller.
    pub source: Option<SourceKind>,
    pub is_output: bool,
    pub partitions: PartitionRule,
    pub retention: RetentionRule,
}

/// What a source topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Requests of the caller with this index in [`super::Topology::callers`].
    Requests(usize),
    Repartition,
    Directory,
    Admin,
    Broadcast(Broadcast),
}

/// What every task receives, through one log and in one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Broadcast {
    Policy,
    Template,
    Client,
}

/// How many partitions a topic may have, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionRule {
    /// As many as there are home partitions.
    AsHomes(&'static str),
    /// At least as many as there are home partitions.
    AtLeastHomes(&'static str),
    One(&'static str),
    /// Any count works.
    Any,
}

/// How long a topic keeps its records. The configuration has the times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetentionRule {
    /// Records carry codes: deleted soon.
    Codes,
    Results,
    DeadLetters,
    AdminCommands,
    Compacted,
    Changelog,
    /// Deleted by this service when they are read and committed.
    Repartition,
}

/// One topic of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// The configuration key that names it.
    pub key: String,
    pub role: TopicRole,
    /// `None`: it is not read.
    pub source: Option<SourceKind>,
    pub written_by: String,
    pub read_by: String,
}

impl Broadcast {
    pub const ALL: [Self; 3] = [Self::Policy, Self::Template, Self::Client];
}

impl TopicNames {
    /// Every key with its name, in the order of [`SHARED`].
    pub fn entries(&self) -> impl Iterator<Item = (&'static SharedTopic, &str)> {
        SHARED.iter().map(|topic| (topic, (topic.name)(self).as_str()))
    }

    /// Changes every name.
    pub fn rename(&mut self, new_name: impl Fn(&str) -> String) {
        for topic in SHARED {
            let name = (topic.name_mut)(self);
            *name = new_name(name);
        }
    }
}

impl TopicRole {
    /// The table of roles.
    pub const fn rules(self) -> RoleRules {
        use PartitionRule::{Any, AsHomes, AtLeastHomes, One};
        use RetentionRule as Keep;
        const POLICY: Option<SourceKind> = Some(SourceKind::Broadcast(Broadcast::Policy));
        const TEMPLATE: Option<SourceKind> = Some(SourceKind::Broadcast(Broadcast::Template));
        const CLIENT: Option<SourceKind> = Some(SourceKind::Broadcast(Broadcast::Client));
        const HOME: &str = "its partitions are the home partitions";
        const SAME: &str = "as many as the changelog";
        const IN_PLACE: &str = "as many as the changelog, its records are read in place";
        const ONE_ORDER: &str = "its records are broadcast in one order";
        const REPLY: &str = "a reply lies on the number of its home partition";
        let (source, is_output, partitions, retention) = match self {
            Self::Request => (None, false, Any, Keep::Codes),
            Self::Reply => (None, true, AtLeastHomes(REPLY), Keep::Codes),
            Self::Notification => (None, true, Any, Keep::Codes),
            Self::Analytics | Self::Signal => (None, true, Any, Keep::Results),
            Self::DeadLetter => (None, true, Any, Keep::DeadLetters),
            Self::Directory => (Some(SourceKind::Directory), false, AsHomes(IN_PLACE), Keep::Compacted),
            Self::Policy => (POLICY, false, One(ONE_ORDER), Keep::Compacted),
            Self::Template => (TEMPLATE, false, One(ONE_ORDER), Keep::Compacted),
            Self::ClientRegistry => (CLIENT, false, One(ONE_ORDER), Keep::Compacted),
            Self::Admin => (Some(SourceKind::Admin), false, Any, Keep::AdminCommands),
            Self::Changelog => (None, true, AsHomes(HOME), Keep::Changelog),
            Self::Repartition => (Some(SourceKind::Repartition), true, AsHomes(SAME), Keep::Repartition),
        };
        RoleRules { source, is_output, partitions, retention }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Reply => "reply",
            Self::Notification => "notification",
            Self::Analytics => "analytics",
            Self::Signal => "signal",
            Self::DeadLetter => "dead letter",
            Self::Directory => "directory",
            Self::Policy => "policy",
            Self::Template => "template",
            Self::ClientRegistry => "client registry",
            Self::Admin => "admin",
            Self::Changelog => "changelog",
            Self::Repartition => "repartition",
        }
    }

    /// Whether each caller has a topic of its own in this role.
    pub const fn is_callers(self) -> bool {
        matches!(self, Self::Request | Self::Reply)
    }
}

impl PartitionRule {
    /// The count that the rule asks for and why, if `actual` breaks it. `homes`: the number of home partitions.
    pub fn objection(self, actual: i32, homes: i32) -> Option<(i32, &'static str)> {
        match self {
            Self::AsHomes(reason) => (actual != homes).then_some((homes, reason)),
            Self::AtLeastHomes(reason) => (actual < homes).then_some((homes, reason)),
            Self::One(reason) => (actual != 1).then_some((1, reason)),
            Self::Any => None,
        }
    }

    /// How many partitions a new topic gets.
    pub const fn count(self, homes: i32) -> i32 {
        match self {
            Self::AsHomes(_) | Self::AtLeastHomes(_) | Self::Any => homes,
            Self::One(_) => 1,
        }
    }
}

/// Every topic that a deployment names: the internal ones, the shared ones in the order of the table, then those of the
/// callers. A reply topic that several callers share is listed for each of them.
pub fn topics(settings: &Settings) -> Vec<Topic> {
    let mut topics = Vec::new();
    for (name, role) in
        [(settings.changelog(), TopicRole::Changelog), (settings.repartition(), TopicRole::Repartition)]
    {
        topics.push(Topic::new(name, "application.id".to_owned(), role, SERVICE, SERVICE));
    }
    let is_used = |row: &SharedTopic| row.role != TopicRole::Signal || settings.signals.enabled;
    for (row, name) in settings.topics.entries().filter(|(row, _)| is_used(row)) {
        let names = if row.role == TopicRole::Notification {
            settings.notification_topics(name)
        } else {
            vec![name.to_owned()]
        };
        let key = format!("kafka.topics.{}", row.key);
        let topic = |name| Topic::new(name, key.clone(), row.role, row.written_by, row.read_by);
        topics.extend(names.into_iter().map(topic));
    }
    for (at, caller) in settings.callers.iter().enumerate() {
        let who = format!("caller {}", caller.name);
        let key = |field: &str| format!("callers[{at}].{field}");
        let (request, reply) = (caller.request_topic.clone(), caller.reply_topic.clone());
        let request = Topic::new(request, key("request_topic"), TopicRole::Request, &who, SERVICE);
        topics.push(Topic { source: Some(SourceKind::Requests(at)), ..request });
        topics.push(Topic::new(reply, key("reply_topic"), TopicRole::Reply, SERVICE, &who));
    }
    topics
}

/// The topics that are read, in the order of [`super::Topology::sources`]: request topics by caller, then the others.
pub fn sources(settings: &Settings) -> Vec<(String, SourceKind)> {
    let topics = topics(settings).into_iter();
    let mut sources: Vec<_> = topics.filter_map(|topic| Some((topic.name, topic.source?))).collect();
    sources.sort_by_key(|(_, kind)| !matches!(kind, SourceKind::Requests(_)));
    sources
}

/// The topics that are written, in the order of [`super::Topology::outputs`], each once.
pub fn outputs(settings: &Settings) -> Vec<String> {
    let mut names = Vec::new();
    for topic in topics(settings).into_iter().filter(|it| it.role.rules().is_output) {
        if !names.contains(&topic.name) {
            names.push(topic.name);
        }
    }
    names
}

/// A cluster on which every topic exists and fits. For runs without brokers.
pub fn fitting_cluster(
    settings: &Settings,
    homes: i32,
    incarnation: Incarnation,
) -> BTreeMap<String, TopicFacts> {
    let facts = |topic: Topic| {
        let partitions = topic.role.rules().partitions.count(homes);
        (topic.name, TopicFacts { partitions, incarnation })
    };
    topics(settings).into_iter().map(facts).collect()
}

impl Topic {
    fn new(name: String, key: String, role: TopicRole, written_by: &str, read_by: &str) -> Self {
        let (written_by, read_by) = (written_by.to_owned(), read_by.to_owned());
        Self { name, key, role, source: role.rules().source, written_by, read_by }
    }
}
