//! Schemas of what others write and this service reads besides requests. They are always JSON, so they are JSON Schema.

use crate::tree::Tree;

/// A file of `schemas/`: the key of its topic under `[kafka.topics]`, its name, and its text.
struct Feed(&'static str, &'static str, &'static str);

const FEEDS: [Feed; 5] = [
    Feed("user_directory", "user-directory", include_str!("../../../schemas/user-directory.json")),
    Feed("otp_admin", "otp-admin", include_str!("../../../schemas/otp-admin.json")),
    Feed("otp_policy", "otp-policy", include_str!("../../../schemas/otp-policy.json")),
    Feed("message_template", "message-template", include_str!("../../../schemas/message-template.json")),
    Feed("client_registry", "client-registry", include_str!("../../../schemas/client-registry.json")),
];

/// The names of the schemas.
pub fn names() -> impl Iterator<Item = &'static str> {
    FEEDS.iter().map(|Feed(_, name, _)| *name)
}

/// The schema of this name. `None`: there is none.
pub fn schema(name: &str) -> Option<Tree> {
    let Feed(_, _, text) = FEEDS.iter().find(|Feed(_, it, _)| *it == name)?;
    Some(Tree::parse(text).expect("a schema is JSON"))
}

/// The name of the schema of a shared topic, by its key under `[kafka.topics]`. `None`: it is no such topic.
pub fn of_topic(key: &str) -> Option<&'static str> {
    FEEDS.iter().find(|Feed(it, ..)| *it == key).map(|Feed(_, name, _)| *name)
}

/// The key of its topic under `[kafka.topics]`.
pub(crate) fn topic_of(name: &str) -> &'static str {
    FEEDS.iter().find(|Feed(_, it, _)| *it == name).map_or("", |Feed(key, ..)| key)
}
