//! One request at its home: remembered ones are answered again, new ones are served by their contract.

use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::incoming::Incoming;
use super::reads::View;
use super::subjects::{Loaded, subject_key};
use super::topology::Topology;
use super::{Task, TaskError};
use crate::contract::{Caller, Contracts, Envelope, EventKind, Events, Inbound, Known, Reply};
use crate::otp::{CanonicalSubject, Code, LogTime, Pseudonym, Remembered, RequestDigest};
use crate::state::StateStore;
use crate::wire::headers::{self, ReplyPartition, RequestHeaders};
use crate::wire::json::{self, Json};
use crate::wire::outbox::Outbox;

/// A request and what was read of it once.
struct Asked<'a> {
    caller: &'a Caller,
    incoming: &'a Incoming<'a>,
    body: &'a Json<'a>,
    said: &'a RequestHeaders<'a>,
    /// `ce_id`, else the record's coordinates.
    id: &'a str,
    correlation_id: &'a str,
    /// 128 bits over the coordinates and append time of its record: tells its events from all others.
    base: [u8; 16],
    /// Partition of the reply, and whether the request asked for one that it cannot have.
    reply_partition: i32,
    reply_fault: bool,
}

/// The subject of a request as it was found.
struct Found {
    who: CanonicalSubject,
    pseudonym: Pseudonym,
    loaded: Loaded,
}

impl<S: StateStore> Task<S> {
    pub(super) fn request(
        &mut self,
        caller: usize,
        incoming: &Incoming<'_>,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let topology = self.topology.clone();
        let caller = &topology.callers[caller];
        let body = match json::parse_object(incoming.value, Contracts::names_of(caller.contract)) {
            Ok(body) => body,
            Err(error) => {
                self.dead_letter(incoming, "decode", error.code(), &error.to_string(), out);
                return Ok(());
            }
        };
        let said = RequestHeaders::read(incoming.headers);
        let address = topology.contracts.address(caller, &body, incoming.headers);
        let coordinates;
        let id = match said.ce_id {
            Some(id) => id,
            None => {
                coordinates = incoming.coordinates(&topology);
                &coordinates
            }
        };
        let (reply_partition, reply_fault) = self.reply_to(caller, &said);
        let asked = Asked {
            caller,
            incoming,
            body: &body,
            said: &said,
            id,
            correlation_id: said.correlation_id.or(address.correlation_id).unwrap_or(id),
            base: event_base(incoming, &topology),
            reply_partition,
            reply_fault,
        };
        let found = match address.subject {
            Some(who) => {
                let pseudonym = topology.keys.pseudonym(&who);
                Some(Found { who, pseudonym, loaded: self.load(pseudonym)? })
            }
            None => None,
        };
        // Coordinates alone would mean another record in a recreated topic.
        let digest = said.ce_id.map_or(RequestDigest(asked.base), |id| digest_of(&caller.name, id));
        if let Some(found) = &found {
            let now = found.loaded.subject.judged_at(incoming.time);
            if let Some(remembered) = found.loaded.subject.recall(digest, now) {
                self.counters.repeated += 1;
                return asked.answer_again(found, remembered, &topology, out);
            }
        }
        self.serve(&asked, found, digest, wall, out)
    }

    fn serve(
        &mut self,
        asked: &Asked<'_>,
        found: Option<Found>,
        digest: RequestDigest,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let topology = self.topology.clone();
        let Asked { caller, incoming, .. } = *asked;
        let now = found.as_ref().map_or(incoming.time, |it| it.loaded.subject.judged_at(incoming.time));
        let inbound = Inbound {
            caller,
            body: asked.body,
            headers: incoming.headers,
            origin: incoming.origin(&topology),
            request_id: asked.id,
            client_ref: asked.said.client_ref,
            now,
            reply_fault: asked.reply_fault,
            past_deadline: asked.said.expires_at.is_some_and(|deadline| wall > deadline),
            age_ms: wall.since(incoming.time),
        };
        let (place, subject) = match found {
            Some(Found { who, pseudonym, loaded }) => {
                (Some((who, pseudonym, loaded.due)), Some(loaded.subject))
            }
            None => (None, None),
        };
        let known = place.as_ref().zip(subject);
        let known = known.map(|((who, pseudonym, _), subject)| Known { who, pseudonym: *pseudonym, subject });
        let base_text = Pseudonym(asked.base).to_hex();
        let mut events =
            Events::new(out, &topology.output_partitions, asked.envelope(now, &base_text, &topology));
        let view =
            View { topology: &topology, overlay: &self.overlay, store: &self.store, caches: &self.caches };
        let served = topology.contracts.serve(&inbound, known, &view, &mut events)?;
        asked.publish(&served.reply, place.as_ref().map(|(who, ..)| who), &topology, &mut events)?;
        if let (Some(mut subject), Some((_, pseudonym, due))) = (served.subject, place) {
            let answer = Answer { time: now, base: asked.base, reply: served.reply };
            subject.remember(Remembered {
                request: digest,
                at: now,
                code: answer.reply.code.map(|(_, code)| code),
                reply: answer.seal(&topology.keys, &subject_key(pseudonym)).into(),
            });
            self.save(pseudonym, &subject, due);
        }
        self.counters.count(served.tally);
        self.counters.answered.push(incoming.time);
        Ok(())
    }

    /// The reply lies on the home partition's number, or on the one that the request asked for in its caller's topic.
    fn reply_to(&self, caller: &Caller, said: &RequestHeaders<'_>) -> (i32, bool) {
        let reply = self.topology.output(caller.reply);
        let foreign = said.reply_topic.is_some_and(|topic| topic != reply.name.as_bytes());
        match said.reply_partition {
            ReplyPartition::Absent => (self.partition, foreign),
            ReplyPartition::At(partition) if (0..reply.partitions).contains(&partition) && !foreign => {
                (partition, false)
            }
            ReplyPartition::At(_) | ReplyPartition::Malformed => (self.partition, true),
        }
    }
}

impl Asked<'_> {
    fn envelope<'b>(&'b self, time: LogTime, base_text: &'b str, topology: &'b Topology) -> Envelope<'b> {
        Envelope {
            source: &topology.application_id,
            time,
            correlation_id: self.correlation_id,
            causation_id: self.id,
            traceparent: self.said.traceparent.map(str::as_bytes),
            tracestate: self.said.tracestate.map(str::as_bytes),
            event_base: base_text,
        }
    }

    /// The first answer's body, id and time, with the transport headers of the repeat; and nothing else happens.
    fn answer_again(
        &self,
        found: &Found,
        remembered: &Remembered,
        topology: &Topology,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let first = Answer::open(&topology.keys, &subject_key(found.pseudonym), remembered)?;
        let base_text = Pseudonym(first.base).to_hex();
        let mut events =
            Events::new(out, &topology.output_partitions, self.envelope(first.time, &base_text, topology));
        self.publish(&first.reply, Some(&found.who), topology, &mut events)
    }

    fn publish(
        &self,
        reply: &Reply,
        who: Option<&CanonicalSubject>,
        topology: &Topology,
        events: &mut Events<'_>,
    ) -> Result<(), TaskError> {
        let code = match (reply.code, who) {
            (Some((at, code)), Some(who)) => Some((at, Code::derive(&topology.keys, who, code)?)),
            (Some(_), None) | (None, _) => None,
        };
        let echoed = [(headers::KAFKA_CORRELATION_ID, self.said.kafka_correlation_id)];
        let extra = if self.said.kafka_correlation_id.is_some() { &echoed[..] } else { &[] };
        let (to, id) = (self.caller.reply, events.id("response"));
        let kind = EventKind::RESPONSE;
        events.publish_at(
            to,
            self.reply_partition,
            self.incoming.key,
            &id,
            kind,
            extra,
            |bytes| match &code {
                Some((at, code)) => {
                    bytes.extend_from_slice(&reply.body[..*at]);
                    bytes.extend_from_slice(code.digits().as_bytes());
                    bytes.extend_from_slice(&reply.body[*at..]);
                }
                None => bytes.extend_from_slice(&reply.body),
            },
        );
        Ok(())
    }
}

fn event_base(incoming: &Incoming<'_>, topology: &Topology) -> [u8; 16] {
    let origin = incoming.origin(topology);
    hash_128(&[
        origin.topic.as_bytes(),
        &[0],
        &origin.partition.to_be_bytes(),
        &origin.offset.to_be_bytes(),
        &origin.time.ms().to_be_bytes(),
    ])
}

fn digest_of(caller: &str, request_id: &str) -> RequestDigest {
    let length = (caller.len() as u64).to_be_bytes();
    RequestDigest(hash_128(&[&length, caller.as_bytes(), request_id.as_bytes()]))
}

/// The first 128 bits of SHA-256 over parts as one text.
fn hash_128(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize()[..16].try_into().expect("a hash of 32 bytes")
}
