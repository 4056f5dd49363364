//! Schemas of record headers.

use otp_topology::wire::headers as names;

use crate::tree::{Tree, map};

/// A header: its name, what it says, and what its text must be.
struct Header(&'static str, &'static str, Option<(&'static str, &'static str)>);

const TIME: Option<(&str, &str)> = Some(("format", "date-time"));

const TRACE: [Header; 2] = [
    Header(names::TRACEPARENT, "W3C trace context; passed on to every event.", None),
    Header(names::TRACESTATE, "W3C trace context; passed on to every event.", None),
];

const REQUEST: [Header; 9] = [
    Header(
        names::CE_ID,
        "The request's id, at most 128 bytes. A repeat under the same id gets the first reply again.",
        None,
    ),
    Header(names::CE_CORRELATIONID, "Comes back on every event, at most 256 bytes.", None),
    Header(
        names::CE_EXPIRYTIME,
        "Deadline. A request past it ends as stale_request, and nothing is sent.",
        TIME,
    ),
    Header(
        names::OTP_CLIENT_REF,
        "The caller's own reference, at most 128 bytes; comes back as clientRef in results and lifecycle events.",
        None,
    ),
    Header(names::OPERATION, "The operation, if the body names none.", None),
    Header(
        names::CONTENT_TYPE,
        "application/cloudevents+json: the value is a CloudEvent in structured mode, and its data the request.",
        None,
    ),
    Header(names::KAFKA_CORRELATION_ID, "Any bytes; repeated on the reply.", None),
    Header(names::KAFKA_REPLY_TOPIC, "Must be the caller's reply topic, else the request is rejected.", None),
    Header(
        names::KAFKA_REPLY_PARTITION,
        "Four bytes, big-endian, as Spring writes it: the partition of the reply.",
        None,
    ),
];

const EVENT: [Header; 8] = [
    Header(names::CE_SPECVERSION, "The version of CloudEvents.", Some(("const", names::SPECVERSION))),
    Header(names::CE_ID, "The same event always has the same id.", None),
    Header(names::CE_SOURCE, "The application id of the service.", None),
    Header(names::CE_TYPE, "The kind of the event.", None),
    Header(names::CE_TIME, "The time that the event is about.", TIME),
    Header(
        names::CE_CORRELATIONID,
        "The request's ce_correlationid, else RequestInfo.correlationId, else the request's id.",
        None,
    ),
    Header(names::CE_CAUSATIONID, "The request's id.", None),
    Header(names::CONTENT_TYPE, "How the value is encoded.", None),
];

const DEAD_LETTER: [Header; 8] = [
    Header(names::DLQ_TOPIC, "Where the record lies: its topic.", None),
    Header(names::DLQ_PARTITION, "Its partition.", None),
    Header(names::DLQ_OFFSET, "Its offset.", None),
    Header(names::DLQ_GROUP, "The application id of the service.", None),
    Header(names::DLQ_DELIVERY_COUNT, "Always 1.", Some(("const", "1"))),
    Header(names::DLQ_MESSAGE, "What is wrong, without any of the payload.", None),
    Header(names::OTP_ERROR_STAGE, "Where it was refused, as decode, admin, directory or broadcast.", None),
    Header(names::OTP_ERROR_CODE, "A stable name, as syntax, too_long or bad_policy.", None),
];

const CORRELATION: Header = Header(names::KAFKA_CORRELATION_ID, "The bytes of the request.", None);
const TOKEN: Header = Header(
    "authorization",
    "Of useridOTP and clientidsecretkey: the token, a JWT that `otp-stream keys public` verifies.",
    None,
);
const DATASCHEMA: Header = Header(names::CE_DATASCHEMA, "Where the schema is, in the registry.", None);

/// What a message adds to the headers of every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extra {
    None,
    Reply,
    /// A reply that may carry a token.
    TokenReply,
    DeadLetter,
}

const SUBJECT: Header = Header(
    names::CE_SUBJECT,
    "The pseudonym of the subject. Absent where no subject is known, and on signals and dead letters.",
    None,
);

/// The parts of `components.schemas` to which [`of_request`] and [`of_event`] refer.
pub(crate) fn components() -> [(String, Tree); 2] {
    let request = object(REQUEST.iter().chain(&TRACE), &[]);
    let event = object(EVENT.iter().chain([&SUBJECT]).chain(&TRACE), &EVENT);
    [("request-headers".to_owned(), request), ("event-headers".to_owned(), event)]
}

pub(crate) fn of_request() -> Tree {
    Tree::reference("components/schemas/request-headers")
}

/// The headers of an event: `kinds` are the values of `ce_type`.
pub(crate) fn of_event(kinds: &[&str], content_type: &str, extra: Extra) -> Tree {
    let is_avro = content_type != names::APPLICATION_JSON;
    let types: Vec<_> = kinds.iter().map(|kind| format!("org.digit.otp.{kind}.v1")).collect();
    let mut properties = map! {
        names::CE_TYPE => map! { "enum" => types },
        names::CONTENT_TYPE => map! { "const" => content_type },
    };
    let own: &[Header] = match extra {
        Extra::None => &[],
        Extra::Reply => &[CORRELATION],
        Extra::TokenReply => &[CORRELATION, TOKEN],
        Extra::DeadLetter => &DEAD_LETTER,
    };
    let also: &[Header] = if extra == Extra::DeadLetter { &[CORRELATION] } else { &[] };
    for header in own.iter().chain(also).chain(is_avro.then_some(&DATASCHEMA)) {
        properties.put(header.0, schema(header));
    }
    let all = Tree::reference("components/schemas/event-headers");
    map! { "allOf" => vec![all, map! { "type" => "object", "properties" => properties }] }
}

fn object<'h>(headers: impl Iterator<Item = &'h Header>, required: &[Header]) -> Tree {
    let mut properties = map! {};
    for header in headers {
        properties.put(header.0, schema(header));
    }
    let required: Vec<_> = required.iter().map(|header| header.0).collect();
    let object = map! { "type" => "object", "properties" => properties };
    object.with("required", (!required.is_empty()).then_some(required))
}

fn schema(Header(_, says, rule): &Header) -> Tree {
    let schema = map! { "type" => "string", "description" => *says };
    match rule {
        Some((name, value)) => schema.with(name, Some(*value)),
        None => schema,
    }
}
