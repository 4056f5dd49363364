//! Which schema the values of each topic have.

use otp_codec::EventSchema;
use otp_topology::deployment::Format;
use otp_topology::deployment::topics::{TopicRole, topics};

use crate::config::Config;
use crate::registry::Subject;

/// A topic and the schema of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Use {
    pub schema: EventSchema,
    /// The service reads the topic.
    pub is_request: bool,
    /// `event`, `request` or `reply`.
    pub role: &'static str,
    pub topic: String,
    /// The configuration key of its format, as in `formats.sms`.
    pub key: String,
    pub format: Format,
}

impl Use {
    pub(super) fn subject(&self) -> Subject {
        Subject::of_topic(&self.topic, self.schema.text())
    }
}

/// The topics whose values have a schema: events, then each caller's requests and replies.
pub(in crate::cli) fn uses(config: &Config) -> Vec<Use> {
    let flavour = config.flavour();
    let settings = config.settings();
    let mut uses = Vec::new();
    for topic in topics(&settings).into_iter().filter(|topic| !topic.role.is_callers()) {
        let Some(key) = topic.key.strip_prefix("kafka.topics.") else { continue };
        if let Some(schema) = EventSchema::of_topic(key, flavour) {
            let format = config.formats.of(key);
            uses.push(Use {
                schema,
                is_request: false,
                role: "event",
                topic: topic.name,
                key: format!("formats.{key}"),
                format,
            });
        }
    }
    for (at, caller) in settings.callers.into_iter().enumerate() {
        let key = |field: &str| format!("callers[{at}].{field}");
        let request = (TopicRole::Request, EventSchema::request_of(caller.contract), caller.request_topic);
        let reply = (TopicRole::Reply, EventSchema::response_of(caller.contract), caller.reply_topic);
        let formats = [caller.request_format, caller.reply_format];
        let keys = [key("request_format"), key("reply_format")];
        for (((role, schema, topic), format), key) in [request, reply].into_iter().zip(formats).zip(keys) {
            let is_request = role == TopicRole::Request;
            uses.extend(schema.map(|schema| Use {
                schema,
                is_request,
                role: role.as_str(),
                topic,
                key,
                format,
            }));
        }
    }
    uses
}

/// The subjects of the topics in Avro.
pub(in crate::cli) fn subjects(config: &Config) -> Vec<Subject> {
    uses(config).iter().filter(|it| it.format == Format::Avro).map(Use::subject).collect()
}
