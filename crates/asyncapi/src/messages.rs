//! The messages: what the records of each topic are, in each format that they may have.

use otp_codec::{AVRO_MEDIA_TYPE, EventSchema};
use otp_topology::deployment::Format;
use otp_topology::deployment::topics::SHARED;
use otp_topology::wire::headers::{APPLICATION_JSON, KAFKA_CORRELATION_ID};

use crate::headers::{self, Extra};
use crate::json_schema::json_schema;
use crate::tree::{Tree, map};
use crate::{examples, feeds};

/// The media type of Avro schemas, as AsyncAPI names it.
const AVRO_SCHEMA: &str = "application/vnd.apache.avro+json;version=1.9.0";
/// Of AsyncAPI's binding for Kafka.
pub(crate) const BINDING_VERSION: &str = "0.5.0";

/// What the records of a topic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// With a schema of the codec.
    Event(EventSchema),
    /// What others write, in JSON.
    Feed(&'static str),
    DeadLetter {
        /// It repeats the record.
        is_copy: bool,
    },
}

impl Content {
    /// The formats that it may have.
    pub(crate) fn formats(self) -> &'static [Format] {
        match self {
            Self::Event(_) => &[Format::Json, Format::Avro],
            Self::Feed(_) | Self::DeadLetter { .. } => &[Format::Json],
        }
    }

    /// The name of the message.
    pub(crate) fn name(self, format: Format) -> String {
        let name = self.schema_name();
        if format == Format::Avro { format!("{name}.avro") } else { name.to_owned() }
    }

    /// The name of the schema of its JSON form.
    pub(crate) fn schema_name(self) -> &'static str {
        match self {
            Self::Event(schema) => name_of(schema),
            Self::Feed(name) => name,
            Self::DeadLetter { .. } => "dead-letter",
        }
    }

    /// The schema of its JSON form.
    pub(crate) fn schema(self) -> Tree {
        match self {
            Self::Event(schema) => json_schema(schema),
            Self::Feed(name) => {
                let schema = feeds::schema(name).expect("a feed has a schema");
                let of_file = |name: &str| name == "$schema";
                Tree::Map(schema.members().iter().filter(|(name, _)| !of_file(name)).cloned().collect())
            }
            Self::DeadLetter { is_copy: true } => {
                map! { "description" => "The value of the record that could not be read: any bytes." }
            }
            Self::DeadLetter { is_copy: false } => {
                map! { "type" => "null", "description" => "A dead letter has no value: its headers say where the record lies." }
            }
        }
    }

    pub(crate) fn message(self, format: Format) -> Tree {
        let is_avro = format == Format::Avro;
        let content_type = if is_avro { AVRO_MEDIA_TYPE } else { APPLICATION_JSON };
        let schema = self.schema();
        let (payload, title) = match self {
            Self::Event(schema) if is_avro => {
                let avro = Tree::parse(schema.text()).expect("a schema is JSON");
                let payload = map! { "schemaFormat" => AVRO_SCHEMA, "schema" => avro };
                (payload, format!("{} in Avro", self.schema_name()))
            }
            Self::Event(_) | Self::Feed(_) | Self::DeadLetter { .. } => {
                let reference = Tree::reference(format!("components/schemas/{}", self.schema_name()));
                (reference, self.schema_name().to_owned())
            }
        };
        let shown = self.recorded_topic().filter(|_| !is_avro);
        let message = map! {
            "name" => self.name(format),
            "title" => title,
            "summary" => schema.text("description"),
            "contentType" => content_type,
        };
        message
            .with("headers", self.headers(content_type))
            .with("payload", Some(payload))
            .with(
                "correlationId",
                self.is_correlated().then(|| Tree::reference("components/correlationIds/kafka")),
            )
            .with("bindings", Some(map! { "kafka" => self.binding(is_avro) }))
            .with("examples", shown.and_then(examples::of))
    }

    /// Spring's correlation id is on requests and replies.
    fn is_correlated(self) -> bool {
        match self {
            Self::Event(schema) => is_request(schema) || is_reply(schema),
            Self::Feed(_) | Self::DeadLetter { .. } => false,
        }
    }

    /// `None`: nobody reads any.
    fn headers(self, content_type: &str) -> Option<Tree> {
        let of = |kinds: &[&str], extra| Some(headers::of_event(kinds, content_type, extra));
        match self {
            Self::Feed(_) => None,
            Self::DeadLetter { .. } => of(&["dead-letter"], Extra::DeadLetter),
            Self::Event(schema) if is_request(schema) => Some(headers::of_request()),
            Self::Event(EventSchema::MosipResponse) => of(&["response"], Extra::TokenReply),
            Self::Event(schema) if is_reply(schema) => of(&["response"], Extra::Reply),
            Self::Event(EventSchema::Email | EventSchema::EmailMgramseva) => of(&["email"], Extra::None),
            Self::Event(EventSchema::Lifecycle) => {
                let schema = json_schema(EventSchema::Lifecycle);
                let types = schema.at("properties/type/enum").map(Tree::items).unwrap_or_default();
                of(&types.iter().filter_map(Tree::as_str).collect::<Vec<_>>(), Extra::None)
            }
            Self::Event(schema) => of(&[name_of(schema)], Extra::None),
        }
    }

    fn binding(self, is_avro: bool) -> Tree {
        let key = map! { "type" => "string", "description" => self.key() };
        let example = self.recorded_topic().and_then(examples::key_of);
        let binding = map! { "key" => key.with("examples", example.map(|it| vec![it])) };
        let in_registry = is_avro.then_some("payload");
        binding
            .with("schemaIdLocation", in_registry)
            .with("schemaIdPayloadEncoding", is_avro.then_some("confluent"))
            .with("bindingVersion", Some(BINDING_VERSION))
    }

    /// What the record key is.
    fn key(self) -> &'static str {
        match self {
            Self::Event(EventSchema::Signal) => "<contract>/<tenant root>/<prefix>.",
            Self::Event(schema) if is_request(schema) => {
                "Any, or none. With the canonical subject <contract>|<tenant root>|<identity> the request is served in place."
            }
            Self::Event(schema) if is_reply(schema) => "The request's own key, unchanged.",
            Self::Event(_) => {
                "The pseudonym of the subject: 32 hexadecimal digits. None, if a request does not say whose it is."
            }
            Self::DeadLetter { is_copy: true } => "That of the record that could not be read.",
            Self::DeadLetter { is_copy: false } => "None.",
            Self::Feed("user-directory" | "otp-admin") => {
                "The canonical subject <contract>|<tenant root>|<identity>."
            }
            Self::Feed("otp-policy") => "<contract>/<tenant>; the tenant * is the contract's default.",
            Self::Feed("message-template") => {
                "<contract>/<tenant>/<locale>/<code>; the tenant * is the default."
            }
            Self::Feed(_) => "The client's id.",
        }
    }

    /// The topic under which it is recorded. `None`: it is not.
    fn recorded_topic(self) -> Option<&'static str> {
        let shared = |key: &str| SHARED.iter().find(|topic| topic.key == key).map(|topic| topic.default_name);
        match self {
            Self::DeadLetter { is_copy } => shared("dead_letter").filter(|_| !is_copy),
            Self::Feed(name) => shared(feeds::topic_of(name)),
            Self::Event(schema) => match schema {
                EventSchema::Sms => shared("sms"),
                EventSchema::Email => shared("email"),
                EventSchema::EmailMgramseva => None,
                EventSchema::ValidationResult => shared("validation_result"),
                EventSchema::Lifecycle => shared("lifecycle"),
                EventSchema::Signal => shared("signal"),
                EventSchema::EgovRequest => Some("otp-request-egov"),
                EventSchema::EgovResponse => Some("otp-response-egov"),
                EventSchema::IntRequest => Some("otp-request-int"),
                EventSchema::IntResponse => Some("otp-response-int"),
                EventSchema::MosipRequest => Some("otp-request-mosip"),
                EventSchema::MosipResponse => Some("otp-response-mosip"),
            },
        }
    }
}

/// `components.correlationIds`.
pub(crate) fn correlation_ids() -> Tree {
    map! { "kafka" => map! {
        "description" => "The caller chooses it; the reply repeats it. After a time-out a caller sends again with the same ce_id.",
        "location" => format!("$message.header#/{KAFKA_CORRELATION_ID}"),
    } }
}

/// The name of a schema: that of its file, without its end.
pub fn name_of(schema: EventSchema) -> &'static str {
    schema.file().strip_suffix(".avsc").expect("a schema is a file of this kind")
}

const fn is_request(schema: EventSchema) -> bool {
    matches!(schema, EventSchema::EgovRequest | EventSchema::IntRequest | EventSchema::MosipRequest)
}

const fn is_reply(schema: EventSchema) -> bool {
    matches!(schema, EventSchema::EgovResponse | EventSchema::IntResponse | EventSchema::MosipResponse)
}
