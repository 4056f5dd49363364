//! The envelope of every event: CloudEvents 1.0 headers in binary mode, and where the event goes.

use arrayvec::{ArrayString, ArrayVec};

use super::analytics::Tally;
use crate::otp::{ContractName, LogTime, PolicyVersion, Pseudonym};
use crate::wire::headers;
use crate::wire::json::writer::Object;
use crate::wire::murmur2;
use crate::wire::outbox::{Outbox, OutputTopic, SharedHeaders};
use crate::wire::rfc3339;

/// The kind of an event: the last part but one of `ce_type`. The kind of a lifecycle event is its `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind(pub &'static str);

impl EventKind {
    pub const RESPONSE: Self = Self("response");
    pub const VALIDATION_RESULT: Self = Self("validation-result");
    pub const SMS: Self = Self("sms");
    pub const EMAIL: Self = Self("email");
    pub const SIGNAL: Self = Self("signal");

    fn ce_type(self) -> ArrayString<64> {
        let mut text = ArrayString::new();
        for part in ["org.digit.otp.", self.0, ".v1"] {
            text.push_str(part);
        }
        text
    }
}

/// What all events of one request have in common.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// `ce_source`: the application id.
    pub source: &'a str,
    /// `ce_time`: the log time.
    pub time: LogTime,
    pub correlation_id: &'a str,
    pub causation_id: &'a str,
    /// `ce_subject`. `None`: the event is about no subject, or the request does not say whose it is.
    pub subject: Option<Pseudonym>,
    pub traceparent: Option<&'a [u8]>,
    pub tracestate: Option<&'a [u8]>,
    /// What the ids of all events of this request begin with: 32 hex digits over its coordinates.
    pub event_base: &'a str,
}

impl Envelope<'_> {
    /// The `ce_id` of the request's reply.
    pub fn response_id(&self) -> String {
        [self.event_base, EventKind::RESPONSE.0].join("-")
    }
}

/// What an analytic event is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub contract: ContractName,
    /// As the request gave it; `None` if it gave none.
    pub tenant: Option<&'a str>,
    /// `None` if the request does not say whose.
    pub subject: Option<Pseudonym>,
    pub request_id: Option<&'a str>,
    pub caller: Option<&'a str>,
    pub client_ref: Option<&'a str>,
    pub policy_version: Option<PolicyVersion>,
}

/// Writes the events of one request into an outbox.
pub struct Events<'a> {
    outbox: &'a mut Outbox,
    /// Partition counts by output topic.
    partitions: &'a [i32],
    envelope: Envelope<'a>,
    shared: SharedHeaders,
    tallies: Tallies,
}

/// What one request adds to the counts of its task. It reports each of a few kinds at most once.
pub type Tallies = ArrayVec<Tally, 8>;

impl<'a> Events<'a> {
    pub fn new(outbox: &'a mut Outbox, partitions: &'a [i32], envelope: Envelope<'a>) -> Self {
        let mut time = [0; rfc3339::LEN];
        let time = rfc3339::write(envelope.time, &mut time);
        let subject = envelope.subject.map(Pseudonym::to_hex);
        let optional = [
            (headers::CE_SUBJECT, subject.as_ref().map(|it| it.as_bytes())),
            (headers::TRACEPARENT, envelope.traceparent),
            (headers::TRACESTATE, envelope.tracestate),
        ];
        let own = [
            (headers::CE_SPECVERSION, Some(headers::SPECVERSION.as_bytes())),
            (headers::CE_SOURCE, Some(envelope.source.as_bytes())),
            (headers::CE_TIME, Some(time.as_bytes())),
            (headers::CONTENT_TYPE, Some(headers::APPLICATION_JSON.as_bytes())),
            (headers::CE_CORRELATIONID, Some(envelope.correlation_id.as_bytes())),
            (headers::CE_CAUSATIONID, Some(envelope.causation_id.as_bytes())),
        ];
        let shared =
            outbox.headers(own.into_iter().chain(optional.into_iter().filter(|(_, value)| value.is_some())));
        Self { outbox, partitions, envelope, shared, tallies: Tallies::new() }
    }

    pub fn envelope(&self) -> &Envelope<'a> {
        &self.envelope
    }

    pub fn tally(&mut self, tally: Tally) {
        self.tallies.push(tally);
    }

    pub fn into_tallies(self) -> Tallies {
        self.tallies
    }

    /// An event id: the base of the request and a name that no other event of the request has.
    pub fn id(&self, name: &str) -> String {
        [self.envelope.event_base, name].join("-")
    }

    /// Publishes a JSON object under `key`, on the key's partition; `body` adds its members.
    pub fn publish(
        &mut self,
        to: OutputTopic,
        key: Option<&[u8]>,
        id: &str,
        kind: EventKind,
        body: impl FnOnce(&mut Object<'_>),
    ) {
        let count = self.partitions[usize::from(to.0)];
        let partition = key.map_or(0, |key| murmur2::partition(key, count));
        self.publish_at(to, partition, key, id, kind, &[], |bytes| Object::write(bytes, body));
    }

    /// Publishes a value on a given partition. Its own headers come after those of every event.
    #[expect(clippy::too_many_arguments, reason = "a record has that many parts")]
    pub fn publish_at(
        &mut self,
        to: OutputTopic,
        partition: i32,
        key: Option<&[u8]>,
        id: &str,
        kind: EventKind,
        extra: &[(&str, Option<&[u8]>)],
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let event_type = kind.ce_type();
        let named = [(headers::CE_ID, Some(id.as_bytes())), (headers::CE_TYPE, Some(event_type.as_bytes()))];
        let own = self.outbox.headers(named.into_iter().chain(extra.iter().copied()));
        self.outbox.push_with(to, partition, key, self.shared, own, value);
    }
}
