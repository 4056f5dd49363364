//! One request inside this contract: its caller's zone, and the ways in which it ends.

use super::Int;
use super::errors::{Fault, REPLY_HEADERS};
use super::operation::Operation;
use super::reply;
use super::request::IntFields;
use crate::contract::{
    Envelope, KnownSubject, PendingRequest, Reads, Reply, RequestEnd, ServeOutcome, Session,
};
use crate::otp::{ChallengeId, ContractName, Subject};
use crate::state::StoreError;
use crate::wire::json::Json;

/// The only tenant.
pub(super) const TENANT: &str = "default";

pub(super) struct IntSession<'a> {
    pub int: &'a Int,
    pub session: Session<'a>,
    pub operation: Operation,
    pub envelope: Envelope<'a>,
}

impl<'a> IntSession<'a> {
    /// # Errors
    /// The store cannot be read.
    pub(super) fn begin(
        int: &'a Int,
        pending: &'a PendingRequest<'a>,
        operation: Operation,
        reads: &'a dyn Reads,
        envelope: Envelope<'a>,
    ) -> Result<Self, StoreError> {
        let session = Session::begin(ContractName::Int, pending, Some(TENANT), reads)?;
        Ok(Self { int, session, operation, envelope })
    }

    pub(super) fn body(&self) -> &'a Json<'a> {
        &self.session.pending.request.body
    }

    /// The members of a request that may be judged.
    ///
    /// # Errors
    /// Its reply headers cannot be honoured, its caller may not ask this, or a member is malformed.
    pub(super) fn admit(&self) -> Result<IntFields<'a>, Fault> {
        if self.session.pending.reply_fault {
            return Err(REPLY_HEADERS);
        }
        if !self.session.is_allowed(self.operation.as_str()) {
            return Err(Fault::NotAllowed);
        }
        let zone = self.session.pending.request.caller.utc_offset.unwrap_or(self.int.settings.utc_offset);
        IntFields::read(self.body(), &self.int.settings, zone)
    }

    /// The reply that changes nothing. One for the deadline or the reply headers is not remembered.
    pub(super) fn fail(&self, known: Option<KnownSubject<'_>>, fault: Fault) -> ServeOutcome {
        let is_judged_anew = fault == Fault::StaleRequest || fault == REPLY_HEADERS;
        self.refuse(known.filter(|_| !is_judged_anew).map(|it| it.subject), fault, None)
    }

    /// A refusal. `challenge`: which it is about.
    pub(super) fn refuse(
        &self,
        subject: Option<Subject>,
        fault: Fault,
        challenge: Option<ChallengeId>,
    ) -> ServeOutcome {
        let reply = reply::refused(Some(self.operation), fault, challenge, &self.envelope);
        let (_, _, outcome) = fault.row();
        ServeOutcome { subject, reply, end: request_end(self.operation.as_str(), outcome) }
    }

    pub(super) fn served(&self, subject: Subject, reply: Reply, outcome: &'static str) -> ServeOutcome {
        ServeOutcome { subject: Some(subject), reply, end: request_end(self.operation.as_str(), outcome) }
    }
}

pub(super) fn request_end(operation: &'static str, outcome: &'static str) -> RequestEnd {
    RequestEnd { contract: ContractName::Int, operation, outcome }
}
