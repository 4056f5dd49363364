//! One request inside this contract, and the ways in which it ends.

use super::Mosip;
use super::errors::{FORBIDDEN, MosipError, REPLY_HEADERS, STALE};
use super::operation::Operation;
use super::reply::ReplyHead;
use super::request::{self, Head};
use crate::contract::{
    Envelope, KnownSubject, PendingRequest, Reads, Reply, RequestEnd, ServeOutcome, Session,
};
use crate::otp::{ContractName, Subject};
use crate::state::StoreError;
use crate::wire::json::Json;

/// The only tenant.
pub(super) const TENANT: &str = "default";

/// Everything that is wrong with a request.
pub(super) type Errors<'a> = Vec<MosipError<'a>>;

pub(super) struct MosipSession<'a> {
    pub mosip: &'a Mosip,
    pub session: Session<'a>,
    pub operation: Operation,
    pub envelope: Envelope<'a>,
    pub head: ReplyHead<'a>,
}

impl<'a> MosipSession<'a> {
    /// # Errors
    /// The store cannot be read.
    pub(super) fn begin(
        mosip: &'a Mosip,
        pending: &'a PendingRequest<'a>,
        operation: Operation,
        reads: &'a dyn Reads,
        envelope: Envelope<'a>,
    ) -> Result<Self, StoreError> {
        let session = Session::begin(ContractName::Mosip, pending, Some(TENANT), reads)?;
        let head = ReplyHead { head: Head::read(&pending.request.body), time: envelope.time };
        Ok(Self { mosip, session, operation, envelope, head })
    }

    /// The `request` object, if its caller may ask this.
    ///
    /// # Errors
    /// The reply headers cannot be honoured, the operation is not the caller's, or there is no such object.
    pub(super) fn admit(&self) -> Result<&'a Json<'a>, Errors<'static>> {
        let pending = self.session.pending;
        if pending.reply_fault {
            Err(vec![REPLY_HEADERS])
        } else if !self.session.is_allowed(self.operation.as_str()) {
            Err(vec![FORBIDDEN])
        } else {
            request::request(&pending.request.body).map_err(|error| vec![error])
        }
    }

    /// The reply that changes nothing. One for the deadline or the reply headers is not remembered. `errors` is not empty.
    pub(super) fn fail(&self, known: Option<KnownSubject<'_>>, errors: &[MosipError<'_>]) -> ServeOutcome {
        let is_judged_anew = errors == [STALE] || errors == [REPLY_HEADERS];
        self.refuse(known.filter(|_| !is_judged_anew).map(|it| it.subject), errors)
    }

    /// The error reply to a decision. `errors` is not empty.
    pub(super) fn refuse(&self, subject: Option<Subject>, errors: &[MosipError<'_>]) -> ServeOutcome {
        let outcome = errors.first().map_or("invalid_request", |error| error.outcome);
        self.end(subject, self.head.errors(errors), outcome)
    }

    /// The reply to a decision.
    pub(super) fn served(&self, subject: Subject, reply: Reply, outcome: &'static str) -> ServeOutcome {
        self.end(Some(subject), reply, outcome)
    }

    fn end(&self, subject: Option<Subject>, reply: Reply, outcome: &'static str) -> ServeOutcome {
        ServeOutcome { subject, reply, end: request_end(self.operation.as_str(), outcome) }
    }
}

pub(super) fn request_end(operation: &'static str, outcome: &'static str) -> RequestEnd {
    RequestEnd { contract: ContractName::Mosip, operation, outcome }
}
