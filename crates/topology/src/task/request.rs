//! One request at its home: a repeated one gets its remembered reply, a new one is served by its contract.

use super::reads::View;
use super::reply_to::ReplyTo;
use super::subjects::{Loaded, subject_key};
use super::{Task, TaskError};
use crate::contract::{Events, KnownSubject, PendingRequest, Request};
use crate::deployment::Topology;
use crate::otp::{CanonicalSubject, LogTime, Pseudonym, Remembered};
use crate::state::{CannotOpen, StateStore, StoredReply};
use crate::wire::headers::Deadline;
use crate::wire::json::JsonError;
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

/// The subject of a request as it was found.
struct Found<'a> {
    who: &'a CanonicalSubject,
    pseudonym: Pseudonym,
    loaded: Loaded,
}

impl<S: StateStore> Task<S> {
    pub(super) fn request(
        &mut self,
        request: &Request<'_>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let reply_to = ReplyTo::new(request, self.partition, topology);
        let found = match &request.address.subject {
            Some(who) => {
                let pseudonym = topology.keys.pseudonym(who);
                Some(Found { who, pseudonym, loaded: self.load(pseudonym)? })
            }
            None => None,
        };
        if let Some(found) = &found {
            let now = found.loaded.subject.judged_at(request.asked_at);
            if let Some(remembered) = found.loaded.subject.recall(reply_to.digest, now) {
                self.counters.repeated += 1;
                return repeat_reply(found, remembered, &reply_to, topology, out);
            }
        }
        self.serve(request, &reply_to, found, topology, wall, out)
    }

    /// Replies to a body that is no JSON object, if the contract does; otherwise the record is a dead letter.
    pub(super) fn unreadable_request(
        &mut self,
        request: &Request<'_>,
        error: JsonError,
        record: &Record<'_>,
        topology: &Topology,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let reply_to = ReplyTo::new(request, self.partition, topology);
        let base_text = Pseudonym(reply_to.event_base).to_hex();
        let envelope = reply_to.envelope(request.asked_at, &base_text, topology);
        let Some(served) = request.caller.contract.unreadable(error, &envelope) else {
            self.dead_letter(record, "decode", error.code(), &error.to_string(), out);
            return Ok(());
        };
        let mut events = Events::new(out, &topology.output_partitions, envelope);
        reply_to.publish(&served.reply, None, topology, &mut events)?;
        self.counters.count(served.end);
        self.counters.replied.push(request.origin.time);
        Ok(())
    }

    fn serve(
        &mut self,
        request: &Request<'_>,
        reply_to: &ReplyTo<'_>,
        found: Option<Found<'_>>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        if request.known_headers.deadline == Deadline::Unreadable {
            self.counters.count_unreadable_deadline(&request.caller.name);
        }
        let asked_at = request.asked_at;
        let now = found.as_ref().map_or(asked_at, |it| it.loaded.subject.judged_at(asked_at));
        let pending = PendingRequest {
            request,
            request_id: &reply_to.request_id,
            now,
            wall,
            reply_fault: reply_to.is_fault,
        };
        let (place, known) = match found {
            Some(Found { who, pseudonym, loaded }) => (
                Some((pseudonym, loaded.due)),
                Some(KnownSubject { who, pseudonym, subject: loaded.subject }),
            ),
            None => (None, None),
        };
        let base_text = Pseudonym(reply_to.event_base).to_hex();
        let mut events =
            Events::new(out, &topology.output_partitions, reply_to.envelope(now, &base_text, topology));
        let view = View { topology, overlay: &self.overlay, store: &self.store, caches: &self.caches };
        let served = request.caller.contract.serve(&pending, known, &view, &mut events)?;
        reply_to.publish(&served.reply, request.address.subject.as_ref(), topology, &mut events)?;
        if let (Some(mut subject), Some((pseudonym, due))) = (served.subject, place) {
            let stored = StoredReply { time: now, event_base: reply_to.event_base, reply: &served.reply };
            let (sealed, code) = stored.seal(&topology.keys, &subject_key(pseudonym));
            subject.remember(Remembered { request: reply_to.digest, at: now, code, reply: sealed.into() });
            self.save(pseudonym, &subject, due);
        }
        self.counters.count(served.end);
        self.counters.count_unknown_members(served.end.contract, request.address.unknown_members);
        self.counters.replied.push(request.origin.time);
        Ok(())
    }
}

/// Publishes the first reply's body, id and time, with the transport headers of the repeat; nothing else happens.
fn repeat_reply(
    found: &Found<'_>,
    remembered: &Remembered,
    reply_to: &ReplyTo<'_>,
    topology: &Topology,
    out: &mut Outbox,
) -> Result<(), TaskError> {
    let key = subject_key(found.pseudonym);
    let first = StoredReply::open(&topology.keys, &key, &remembered.reply, remembered.code);
    let first = first.map_err(|error| match error {
        CannotOpen::Key(error) => TaskError::Key(error),
        CannotOpen::Record(error) => TaskError::Record { what: "remembered reply", error },
    })?;
    let base_text = Pseudonym(first.event_base).to_hex();
    let envelope = reply_to.envelope(first.time, &base_text, topology);
    let mut events = Events::new(out, &topology.output_partitions, envelope);
    reply_to.publish(&first.reply, Some(found.who), topology, &mut events)
}
