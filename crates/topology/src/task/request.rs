//! One request at its home: a repeated one gets its remembered reply, a new one is served by its contract. While the home of
//! its number is asked, the subject holds its place, and a repeat follows it.

use super::reads::View;
use super::reply_to::ReplyTo;
use super::signals::Counted;
use super::subjects::{Loaded, subject_key};
use super::{Task, TaskError};
use crate::contract::{Events, KnownSubject, NumberAsk, NumberVerdict, PendingRequest, Request, Served};
use crate::deployment::Topology;
use crate::otp::{CanonicalSubject, LogTime, Pseudonym, Remembered, Reservation, Subject};
use crate::state::{CannotOpen, StateStore, StoredReply};
use crate::wire::headers::Deadline;
use crate::wire::hop::{Hop, HopStep};
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
    /// `record`: from which `request` was read, with the coordinates of its first topic. `step`: what its last hop says;
    /// `None`: it has just come home.
    pub(super) fn request(
        &mut self,
        request: &Request<'_>,
        record: &Record<'_>,
        step: Option<HopStep>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let reply_to = ReplyTo::new(request, self.partition, topology);
        let mut found = match &request.address.subject {
            Some(who) => {
                let pseudonym = topology.keys.pseudonym(who);
                Some(Found { who, pseudonym, loaded: self.load(pseudonym)? })
            }
            None => None,
        };
        let mut held = None;
        if let Some(found) = &mut found {
            let now = found.loaded.subject.judged_at(request.asked_at);
            if let Some(remembered) = found.loaded.subject.recall(reply_to.digest, now) {
                self.counters.repeated += 1;
                return repeat_reply(found, remembered, &reply_to, topology, out);
            }
            let subject = &mut found.loaded.subject;
            match (step, subject.reservation(reply_to.digest, now)) {
                (None, Some(place)) => {
                    let hop = Hop { asked_at: request.asked_at, home: self.partition, step: HopStep::Follow };
                    self.send_hop(record, place.partition, &hop, out);
                    return Ok(());
                }
                (Some(_), Some(_)) => {
                    subject.release(reply_to.digest);
                    held = Some(subject.clone());
                }
                (None | Some(_), None) => {}
            }
        }
        let coming = Coming { request, record, step, reply_to: &reply_to, held };
        self.serve(coming, found, topology, wall, out)
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
        let envelope = reply_to.envelope(request.asked_at, &base_text, None, topology);
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
        coming: Coming<'_>,
        found: Option<Found<'_>>,
        topology: &Topology,
        wall: LogTime,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let Coming { request, reply_to, .. } = coming;
        if request.known_headers.deadline == Deadline::Unreadable && coming.step.is_none() {
            self.counters.count_unreadable_deadline(&request.caller.name);
        }
        let asked_at = request.asked_at;
        let now = found.as_ref().map_or(asked_at, |it| it.loaded.subject.judged_at(asked_at));
        self.pass_signal_window(now, out)?;
        let pending = PendingRequest {
            request,
            request_id: &reply_to.request_id,
            now,
            wall,
            reply_fault: reply_to.is_fault,
            verdict: coming.verdict(),
        };
        let (place, known) = match found {
            Some(Found { who, pseudonym, loaded }) => (
                Some((pseudonym, loaded.due)),
                Some(KnownSubject { who, pseudonym, subject: loaded.subject }),
            ),
            None => (None, None),
        };
        let base_text = Pseudonym(reply_to.event_base).to_hex();
        let envelope = reply_to.envelope(now, &base_text, place.map(|(pseudonym, _)| pseudonym), topology);
        let mut events = Events::new(out, &topology.output_partitions, envelope);
        let view = View { topology, overlay: &self.overlay, store: &self.store, caches: &self.caches };
        let served = match request.caller.contract.serve(&pending, known, &view, &mut events)? {
            Served::Replied(served) => served,
            Served::AsksNumber { subject, ask } => {
                let place = place.expect("who asks for a subject's delivery has a subject");
                self.ask_number(&coming, subject, place, now, ask, out);
                return Ok(());
            }
        };
        reply_to.publish(&served.reply, request.address.subject.as_ref(), topology, &mut events)?;
        let tallies = events.into_tallies();
        if let (Some(who), Some((subject, _))) = (&request.address.subject, place)
            && !tallies.is_empty()
        {
            let (contract, root) = (who.contract().as_str(), who.tenant_root());
            let counted = Counted { contract, root, subject, at: now };
            self.count_signals(&counted, &tallies, out)?;
            self.count_deliveries(who.contract(), &counted, &tallies)?;
        }
        match (served.subject, coming.held, place) {
            (Some(mut subject), _, Some((pseudonym, due))) => {
                let stored = StoredReply { time: now, event_base: reply_to.event_base, reply: &served.reply };
                let (sealed, code) = stored.seal(&topology.keys, &subject_key(pseudonym));
                subject.remember(Remembered {
                    request: reply_to.digest,
                    at: now,
                    code,
                    reply: sealed.into(),
                });
                self.save(pseudonym, &subject, due);
            }
            (None, Some(subject), Some((pseudonym, due))) => self.save(pseudonym, &subject, due),
            (Some(_) | None, _, _) => {}
        }
        self.counters.count(served.end);
        self.counters.count_unknown_members(served.end.contract, request.address.unknown_members);
        self.counters.replied.push(request.origin.time);
        Ok(())
    }

    /// Holds the place of a delivery, and asks the home of its number.
    fn ask_number(
        &mut self,
        coming: &Coming<'_>,
        mut subject: Subject,
        (pseudonym, due): (Pseudonym, Option<LogTime>),
        now: LogTime,
        NumberAsk { number, max, purpose }: NumberAsk,
        out: &mut Outbox,
    ) {
        let partition = self.topology.home_of_number(number);
        subject.reserve(Reservation { request: coming.reply_to.digest, at: now, purpose, partition });
        self.save(pseudonym, &subject, due);
        let step = HopStep::AskNumber { number, max };
        let hop = Hop { asked_at: coming.request.asked_at, home: self.partition, step };
        self.send_hop(coming.record, partition, &hop, out);
    }
}

/// A request at its home, on its way in or back.
struct Coming<'a> {
    request: &'a Request<'a>,
    record: &'a Record<'a>,
    step: Option<HopStep>,
    reply_to: &'a ReplyTo<'a>,
    /// The subject without the place that it held for this request. `None`: it held none.
    held: Option<Subject>,
}

impl Coming<'_> {
    fn verdict(&self) -> Option<NumberVerdict> {
        let is_reserved = self.held.is_some();
        match self.step? {
            HopStep::NumberSaid { number, is_granted } => {
                Some(NumberVerdict { number, is_granted, is_reserved })
            }
            HopStep::AskNumber { .. } | HopStep::Follow | HopStep::Followed => None,
        }
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
    let envelope = reply_to.envelope(first.time, &base_text, Some(found.pseudonym), topology);
    let mut events = Events::new(out, &topology.output_partitions, envelope);
    reply_to.publish(&first.reply, Some(found.who), topology, &mut events)
}
