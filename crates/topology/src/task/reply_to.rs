//! Where the reply to a request goes, what identifies it, and what it carries besides its body.

use std::borrow::Cow;

use arrayvec::ArrayVec;
use sha2::{Digest, Sha256};

use super::TaskError;
use crate::contract::{Envelope, EventKind, Events, Placeholder, Reply, Request, Secret, SecretPlace};
use crate::deployment::{Topology, coordinates};
use crate::otp::{CanonicalSubject, Code, LogTime, Origin, Pseudonym, RequestDigest};
use crate::wire::headers::{self, ReplyPartition};
use crate::wire::outbox::OutputTopic;
use crate::wire::reply::{REPLY_HEADERS_MAX, REPLY_SECRETS_MAX};

pub(super) struct ReplyTo<'a> {
    topic: OutputTopic,
    /// The partition that the request asked for in its caller's reply topic, otherwise the home partition.
    partition: i32,
    /// The request asked for a reply topic or partition that it cannot have, or for a reply that repeats too much.
    pub is_fault: bool,
    /// The request's key, unless it is too long.
    key: Option<&'a [u8]>,
    /// The header `ce_id`, otherwise the coordinates of the record.
    pub request_id: Cow<'a, str>,
    /// Under which the reply is remembered: a request with the same digest is a repeat.
    pub digest: RequestDigest,
    /// 128 bits over the coordinates and the append time of the record: they tell its events from all others.
    pub event_base: [u8; 16],
    /// Of the header, otherwise of the body. `None`: the request's id.
    correlation_id: Option<&'a str>,
    traceparent: Option<&'a str>,
    tracestate: Option<&'a str>,
    kafka_correlation_id: Option<&'a [u8]>,
}

impl<'a> ReplyTo<'a> {
    /// `home`: the partition that serves the request.
    pub(super) fn new(request: &'a Request<'a>, home: i32, topology: &Topology) -> Self {
        let asked = &request.known_headers;
        let output = topology.output(request.caller.reply);
        let is_foreign = asked.reply_topic.is_some_and(|topic| topic != output.name.as_bytes());
        let (partition, is_fault) = match asked.reply_partition {
            ReplyPartition::Absent => (home, is_foreign),
            ReplyPartition::At(partition) if (0..output.partitions).contains(&partition) && !is_foreign => {
                (partition, false)
            }
            ReplyPartition::At(_) | ReplyPartition::Malformed => (home, true),
        };
        let is_short = |bytes: &&[u8]| bytes.len() <= headers::ECHO_BYTES_MAX;
        let echoes = [request.key, asked.kafka_correlation_id];
        let is_fault = is_fault || !echoes.iter().flatten().all(is_short);
        let [key, kafka_correlation_id] = echoes.map(|bytes| bytes.filter(is_short));
        let correlation_id =
            asked.correlation_id.or_else(|| request.caller.contract.correlation_id(&request.body));
        let event_base = event_base(&request.origin);
        Self {
            topic: request.caller.reply,
            partition,
            is_fault,
            key,
            request_id: asked.ce_id.map_or_else(|| coordinates(&request.origin).into(), Cow::Borrowed),
            // Coordinates alone would name another record in a recreated topic.
            digest: asked
                .ce_id
                .map_or(RequestDigest(event_base), |id| request_digest(&request.caller.name, id)),
            event_base,
            correlation_id,
            traceparent: asked.traceparent,
            tracestate: asked.tracestate,
            kafka_correlation_id,
        }
    }

    /// The envelope of the events that the request causes. `event_base`: in hex. `subject`: whose request it is.
    pub(super) fn envelope<'b>(
        &'b self,
        time: LogTime,
        event_base: &'b str,
        subject: Option<Pseudonym>,
        topology: &'b Topology,
    ) -> Envelope<'b> {
        Envelope {
            source: &topology.application_id,
            time,
            correlation_id: self.correlation_id.unwrap_or(&self.request_id),
            causation_id: &self.request_id,
            subject,
            traceparent: self.traceparent.map(str::as_bytes),
            tracestate: self.tracestate.map(str::as_bytes),
            event_base,
        }
    }

    /// Publishes the reply, with its secrets in their places. `who`: whose secrets they are.
    ///
    /// # Errors
    /// A code or a token was made under a key that is not in the ring.
    pub(super) fn publish(
        &self,
        reply: &Reply,
        who: Option<&CanonicalSubject>,
        topology: &Topology,
        events: &mut Events<'_>,
    ) -> Result<(), TaskError> {
        let mut secrets = ArrayVec::<(SecretPlace, Clear), REPLY_SECRETS_MAX>::new();
        for Placeholder { place, secret } in &reply.placeholders {
            let clear = match (*secret, *place, who) {
                (Secret::Code(code), _, Some(who)) => Clear::Code(Code::derive(&topology.keys, who, code)?),
                (Secret::Token(key), SecretPlace::Header(index), _) => {
                    let (_, claims) = &reply.headers[index];
                    Clear::Token(topology.keys.sign(key, claims)?)
                }
                (Secret::Code(_), _, None) | (Secret::Token(_), SecretPlace::Body(_), _) => continue,
            };
            secrets.push((*place, clear));
        }
        let mut own = ArrayVec::<_, { 1 + REPLY_HEADERS_MAX }>::new();
        if self.kafka_correlation_id.is_some() {
            own.push((headers::KAFKA_CORRELATION_ID, self.kafka_correlation_id));
        }
        for (index, (name, value)) in reply.headers.iter().enumerate() {
            let secret = secrets.iter().find(|(place, _)| *place == SecretPlace::Header(index));
            own.push((&**name, Some(secret.map_or(&value[..], |(_, secret)| secret.text().as_bytes()))));
        }
        let (id, kind) = (events.id("response"), EventKind::RESPONSE);
        events.publish_at(self.topic, self.partition, self.key, &id, kind, &own, |bytes| {
            let mut written = 0;
            for (place, secret) in &secrets {
                if let SecretPlace::Body(at) = *place {
                    bytes.extend_from_slice(&reply.body[written..at]);
                    bytes.extend_from_slice(secret.text().as_bytes());
                    written = at;
                }
            }
            bytes.extend_from_slice(&reply.body[written..]);
        });
        Ok(())
    }
}

/// A secret as the caller gets it.
enum Clear {
    Code(Code),
    Token(String),
}

impl Clear {
    fn text(&self) -> &str {
        match self {
            Self::Code(code) => code.digits(),
            Self::Token(token) => token,
        }
    }
}

fn event_base(origin: &Origin<'_>) -> [u8; 16] {
    hash_128(&[
        origin.topic.as_bytes(),
        &[0],
        &origin.partition.to_be_bytes(),
        &origin.offset.to_be_bytes(),
        &origin.time.ms().to_be_bytes(),
    ])
}

fn request_digest(caller: &str, request_id: &str) -> RequestDigest {
    let length = (caller.len() as u64).to_be_bytes();
    RequestDigest(hash_128(&[&length, caller.as_bytes(), request_id.as_bytes()]))
}

/// The first 128 bits of SHA-256 over the concatenated parts.
fn hash_128(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize()[..16].try_into().expect("a hash of 32 bytes")
}
