//! The operations: what this service reads and writes, and which reply a request gets.

use otp_topology::deployment::CallerSettings;
use otp_topology::deployment::topics::TopicRole;

use crate::Deployment;
use crate::channels::Channel;
use crate::messages::BINDING_VERSION;
use crate::tree::{Tree, map};

/// By name: each caller's operations, then one for each shared topic.
pub(crate) fn operations(deployment: &Deployment<'_>, channels: &[Channel]) -> Vec<(String, Tree)> {
    let mut operations = Vec::new();
    for caller in &deployment.settings.callers {
        operations.extend(of_caller(deployment, caller, channels));
    }
    let group = &deployment.settings.application_id;
    let mut done: Vec<&str> = Vec::new();
    for channel in channels.iter().filter(|it| !it.topic.role.is_callers()) {
        let topic = channel.topic.name.as_str();
        if let Some(message) = channel.message().filter(|_| !done.contains(&topic)) {
            done.push(topic);
            operations.push(of_shared(channel, topic, &message, group));
        }
    }
    operations
}

fn of_caller(
    deployment: &Deployment<'_>,
    caller: &CallerSettings,
    channels: &[Channel],
) -> Vec<(String, Tree)> {
    let contract = deployment.settings.contracts.iter().find(|it| it.name() == caller.contract);
    let contract = &**contract.expect("the configuration names known contracts");
    let end = |role: TopicRole, topic: &str| {
        let channel = channels.iter().find(|it| it.topic.role == role && it.topic.name == topic);
        let message = channel.and_then(Channel::message)?;
        Some((channel_reference(topic), message_reference(topic, &message)))
    };
    let request = end(TopicRole::Request, &caller.request_topic);
    let reply = end(TopicRole::Reply, &caller.reply_topic);
    let (Some((channel, message)), Some((reply_channel, reply_message))) = (request, reply) else {
        return Vec::new();
    };
    let operation = |name: String| {
        let prefix = format!("{}.", caller.name);
        let id = if name.starts_with(&prefix) { name.clone() } else { format!("{prefix}{name}") };
        let codes = if caller.reveal_code { "may contain codes" } else { "contain no code" };
        let tree = map! {
            "action" => "receive",
            "title" => name.clone(),
            "summary" => format!("The operation {name} of the contract {}, asked by the caller {}.", caller.contract.as_str(), caller.name),
            "description" => format!("Each request has exactly one reply, or one dead letter if it is not a JSON object. Replies to this caller {codes}."),
            "channel" => channel.clone(),
            "messages" => vec![message.clone()],
            "reply" => map! { "channel" => reply_channel.clone(), "messages" => vec![reply_message.clone()] },
            "tags" => vec![map! { "name" => caller.contract.as_str() }],
            "bindings" => group(&deployment.settings.application_id),
        };
        (id, tree)
    };
    caller.operations_of(contract).into_iter().map(operation).collect()
}

fn of_shared(channel: &Channel, topic: &str, message: &str, application_id: &str) -> (String, Tree) {
    let is_read = channel.topic.source.is_some();
    let role = channel.topic.role.as_str();
    let (action, summary) = if is_read {
        (
            "receive",
            format!(
                "This service reads the topic ({role}), which is written by: {}.",
                channel.topic.written_by
            ),
        )
    } else {
        ("send", format!("This service writes the topic ({role}) for: {}.", channel.topic.read_by))
    };
    let tree = map! {
        "action" => action,
        "title" => topic,
        "summary" => summary,
        "channel" => channel_reference(topic),
        "messages" => vec![message_reference(topic, message)],
    };
    (format!("{action}-{topic}"), tree.with("bindings", is_read.then(|| group(application_id))))
}

fn group(application_id: &str) -> Tree {
    let id = map! { "type" => "string", "const" => application_id };
    map! { "kafka" => map! { "groupId" => id, "bindingVersion" => BINDING_VERSION } }
}

fn channel_reference(topic: &str) -> Tree {
    Tree::reference(format!("channels/{topic}"))
}

fn message_reference(topic: &str, message: &str) -> Tree {
    Tree::reference(format!("channels/{topic}/messages/{message}"))
}
