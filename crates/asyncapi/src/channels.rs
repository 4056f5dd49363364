//! The channels: one for each topic, in the order in which people read them.

use otp_codec::EventSchema;
use otp_topology::deployment::Format;
use otp_topology::deployment::topics::{PartitionRule, RetentionRule, Topic, TopicRole, topics};

use crate::Deployment;
use crate::messages::{BINDING_VERSION, Content};
use crate::tree::{Tree, map};

/// A topic and what its records are.
pub(crate) struct Channel {
    pub topic: Topic,
    /// `None`: internal.
    pub content: Option<Content>,
    /// As configured.
    pub format: Format,
}

/// One for each topic and caller.
pub(crate) fn channels(deployment: &Deployment<'_>) -> Vec<Channel> {
    let mut topics = topics(deployment.settings);
    let is_internal = |topic: &Topic| matches!(topic.role, TopicRole::Changelog | TopicRole::Repartition);
    topics.sort_by_key(|topic| (is_internal(topic), !topic.role.is_callers()));
    topics.into_iter().map(|topic| channel(deployment, topic)).collect()
}

fn channel(deployment: &Deployment<'_>, topic: Topic) -> Channel {
    let settings = deployment.settings;
    if topic.role.is_callers() {
        let is_request = topic.role == TopicRole::Request;
        let name = if is_request { &topic.written_by } else { &topic.read_by };
        let caller =
            settings.callers.iter().find(|caller| name.strip_prefix("caller ") == Some(&caller.name));
        let caller = caller.expect("a caller's topic names it");
        let (schema, format) = if is_request {
            (EventSchema::request_of(caller.contract), caller.request_format)
        } else {
            (EventSchema::response_of(caller.contract), caller.reply_format)
        };
        return Channel { topic, content: schema.map(Content::Event), format };
    }
    let key = topic.key.strip_prefix("kafka.topics.").unwrap_or_default();
    let event = EventSchema::of_topic(key, deployment.flavour).map(Content::Event);
    let feed = || crate::feeds::of_topic(key).map(Content::Feed);
    let is_copy = settings.dead_letter_copy;
    let dead_letter = (topic.role == TopicRole::DeadLetter).then_some(Content::DeadLetter { is_copy });
    let format = (deployment.format_of)(key);
    Channel { content: event.or_else(feed).or(dead_letter), topic, format }
}

impl Channel {
    /// What the table of topics says of it.
    pub(crate) fn tree(&self) -> Tree {
        let Topic { name, key, role, written_by, read_by, .. } = &self.topic;
        let rules = role.rules();
        let description = format!(
            "Written by {written_by}, read by {read_by}. {} The configuration key {key} names it.{}",
            partitions(rules.partitions),
            self.formats(),
        );
        let policy = if is_compacted(rules.retention) { "compact" } else { "delete" };
        let binding = map! {
            "topic" => &**name,
            "topicConfiguration" => map! { "cleanup.policy" => vec![policy] },
            "bindingVersion" => BINDING_VERSION,
        };
        let messages = self.messages().into_iter().map(|name| {
            let message = Tree::reference(format!("components/messages/{name}"));
            (name, message)
        });
        map! {
            "address" => &**name,
            "title" => role.as_str(),
            "description" => description,
            "messages" => Tree::Map(messages.collect()),
            "tags" => vec![map! { "name" => role.as_str() }],
            "bindings" => map! { "kafka" => binding },
        }
    }

    /// The names of the messages that it may carry.
    fn messages(&self) -> Vec<String> {
        let content = self.content.into_iter();
        content.flat_map(|it| it.formats().iter().map(move |format| it.name(*format))).collect()
    }

    /// The message that it carries, as configured.
    pub(crate) fn message(&self) -> Option<String> {
        self.content.map(|content| content.name(self.format))
    }

    fn formats(&self) -> &'static str {
        match (self.content.map(|it| it.formats().len()), self.format) {
            (Some(2), Format::Json) => " Its values are JSON; the configuration can choose Avro.",
            (Some(2), Format::Avro) => " Its values are Avro, as configured.",
            (Some(_), _) => "",
            (None, _) => " Internal: nobody else reads or writes it.",
        }
    }
}

fn partitions(rule: PartitionRule) -> String {
    match rule {
        PartitionRule::AsHomes(why) => format!("As many partitions as home partitions: {why}."),
        PartitionRule::AtLeastHomes(why) => format!("At least as many partitions as home partitions: {why}."),
        PartitionRule::One(why) => format!("One partition: {why}."),
        PartitionRule::Any => "Any number of partitions.".to_owned(),
    }
}

const fn is_compacted(rule: RetentionRule) -> bool {
    match rule {
        RetentionRule::Compacted | RetentionRule::Changelog => true,
        RetentionRule::Codes
        | RetentionRule::Results
        | RetentionRule::DeadLetters
        | RetentionRule::AdminCommands
        | RetentionRule::Repartition => false,
    }
}
