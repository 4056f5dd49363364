//! A request of this contract: what each of its operations needs.

use super::errors::{ErrorReply, Rejection};
use super::operation::Operation;
use super::ready::Egov;
use super::reply;
use super::request::{self, RequestInfo};
use crate::contract::analytics::Suppression;
use crate::contract::delivery::CodeOrder;
use crate::contract::{
    Events, KnownSubject, PendingRequest, Reads, Reply, RequestEnd, ServeError, ServeOutcome, Session,
};
use crate::otp::{ContractName, Pseudonym, Subject};
use crate::wire::json::Json;

pub(super) struct EgovSession<'a> {
    pub egov: &'a Egov,
    pub session: Session<'a>,
    pub operation: Operation,
    /// Empty if it cannot be read.
    pub info: RequestInfo<'a>,
    /// The `otp` object, unless the request is rejected before anything in the object counts.
    otp: Result<&'a Json<'a>, Rejection>,
}

/// A request that is rejected with everything unchanged.
pub(super) struct Rejected<'a> {
    pub known: Option<KnownSubject<'a>>,
    pub error: ErrorReply<'a>,
}

impl<'a> EgovSession<'a> {
    /// # Errors
    /// See [`ServeError`].
    pub(super) fn begin(
        egov: &'a Egov,
        pending: &'a PendingRequest<'a>,
        operation: Operation,
        reads: &'a dyn Reads,
    ) -> Result<Self, ServeError> {
        let body = &pending.request.body;
        let info = RequestInfo::read(body);
        let otp = request::otp(body);
        let tenant = otp.ok().and_then(|otp| request::TENANT.read_filled(otp).ok().flatten());
        let session = Session::begin(ContractName::Egov, pending, tenant, reads)?;
        let otp = if pending.reply_fault {
            Err(Rejection::InvalidReply)
        } else if !session.is_allowed(operation.as_str()) {
            Err(Rejection::OperationNotAllowed)
        } else {
            info.and(otp)
        };
        Ok(Self { egov, session, operation, info: info.unwrap_or_default(), otp })
    }

    /// The fields of the operation and the subject, if the request has both.
    ///
    /// # Errors
    /// `read` rejects the `otp` object, or the request has no subject: nothing before the first dot of its tenant, a separator
    /// in it, or an invisible character.
    #[expect(clippy::result_large_err, reason = "it lives on the stack, once for each request")]
    pub(super) fn admit<'k, T>(
        &self,
        known: Option<KnownSubject<'k>>,
        read: impl FnOnce(&'a Json<'a>) -> Result<T, ErrorReply<'k>>,
    ) -> Result<(T, KnownSubject<'k>), Rejected<'k>> {
        match (self.otp.map_err(|it| self.reject(it)).and_then(read), known) {
            (Ok(fields), Some(known)) => Ok((fields, known)),
            (Ok(_), None) => {
                let body = &self.session.pending.request.body;
                let Err(rejection) = self.egov.subject(self.operation, body) else {
                    unreachable!("the request was addressed by the same rule");
                };
                Err(Rejected { known: None, error: self.reject(rejection) })
            }
            (Err(error), known) => Err(Rejected { known, error }),
        }
    }

    /// The index of the tenant's notification topics, for a request that is not stale.
    ///
    /// # Errors
    /// The request is stale, which is reported, or no topics are the tenant's.
    pub(super) fn topic_of(
        &self,
        events: &mut Events<'_>,
        subject: Pseudonym,
        order: &CodeOrder<'_>,
    ) -> Result<usize, ErrorReply<'static>> {
        if self.session.is_stale_for_issue() {
            let reason = Suppression::StaleRequest;
            self.session.report_suppressed(events, subject, &order.destination(), order.purpose, reason);
            return Err(self.reject(Rejection::StaleRequest));
        }
        let settings = &self.egov.settings;
        let topic = settings.central_instance.topic_of(order.tenant);
        let topic = topic.filter(|_| settings.has_tenant(order.tenant));
        topic.ok_or_else(|| self.reject(Rejection::TenantUnknown))
    }

    pub(super) fn reject(&self, rejection: Rejection) -> ErrorReply<'static> {
        rejection.of(Some(self.operation))
    }

    /// The reply that changes nothing.
    pub(super) fn fail(&self, known: Option<KnownSubject<'_>>, error: &ErrorReply<'_>) -> ServeOutcome {
        ServeOutcome {
            subject: known.filter(|_| !error.is_judged_anew).map(|it| it.subject),
            reply: reply::failed(self.info, error),
            end: request_end(self.operation.as_str(), error.outcome),
        }
    }

    /// The error reply to a decision.
    pub(super) fn refused(&self, subject: Subject, rejection: Rejection) -> ServeOutcome {
        let error = self.reject(rejection);
        self.served(subject, reply::failed(self.info, &error), error.outcome)
    }

    /// The reply to a decision.
    pub(super) fn served(&self, subject: Subject, reply: Reply, outcome: &'static str) -> ServeOutcome {
        ServeOutcome { subject: Some(subject), reply, end: request_end(self.operation.as_str(), outcome) }
    }
}

pub(super) fn request_end(operation: &'static str, outcome: &'static str) -> RequestEnd {
    RequestEnd { contract: ContractName::Egov, operation, outcome }
}
