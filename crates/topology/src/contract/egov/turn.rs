//! One request on its way through the contract: what every operation needs of it.

use std::sync::Arc;

use super::errors::{Failure, Rejection};
use super::operation::Operation;
use super::request::{self, RequestInfo};
use super::{Egov, reply, tally};
use crate::contract::analytics::{About, Judgement, Route, Suppression, suppressed, validation_result};
use crate::contract::{Events, Inbound, Known, Reads, Reply, Served, Trouble};
use crate::otp::{CanonicalSubject, ContractName, Policy, Pseudonym, Purpose, Rules, Subject};
use crate::wire::json::Json;

pub struct Turn<'a> {
    pub egov: &'a Egov,
    pub inbound: &'a Inbound<'a>,
    pub operation: Operation,
    pub reads: &'a dyn Reads,
    /// Empty if it cannot be read.
    pub info: RequestInfo<'a>,
    /// The `otp` object, unless the request is to be rejected before anything in it counts.
    pub otp: Result<&'a Json<'a>, Rejection>,
    /// As given, without surrounding blanks.
    pub tenant: Option<&'a str>,
    /// The tenant's; the contract's default where no tenant is given.
    pub policy: Arc<Policy>,
}

impl<'a> Turn<'a> {
    /// # Errors
    /// See [`Trouble`].
    pub fn begin(
        egov: &'a Egov,
        inbound: &'a Inbound<'a>,
        operation: Operation,
        reads: &'a dyn Reads,
    ) -> Result<Self, Trouble> {
        let info = RequestInfo::read(&inbound.request.body);
        let otp = request::otp(&inbound.request.body);
        let tenant = otp.ok().and_then(|otp| request::TENANT.read_filled(otp).ok().flatten());
        let policy = reads.policy(ContractName::Egov, tenant.unwrap_or("*"))?;
        let allowed = inbound.request.caller.operations.iter().any(|name| name == operation.as_str());
        let otp = if inbound.reply_fault {
            Err(Rejection::InvalidReply)
        } else if !allowed {
            Err(Rejection::OperationNotAllowed)
        } else {
            info.and(otp)
        };
        Ok(Self { egov, inbound, operation, reads, info: info.unwrap_or_default(), otp, tenant, policy })
    }

    /// Whether it is past its deadline, or older than the code that it asks for would live.
    pub fn is_stale(&self) -> bool {
        let too_old = match self.operation {
            Operation::Send | Operation::Create => self.inbound.age_ms() > self.policy.lifetime_ms,
            Operation::Validate | Operation::Search => false,
        };
        self.inbound.is_past_deadline() || too_old
    }

    pub fn reject(&self, rejection: Rejection) -> Failure<'static> {
        rejection.of(Some(self.operation))
    }

    /// The answer that changes nothing.
    pub fn fail(&self, known: Option<Known<'_>>, failure: &Failure<'_>) -> Served {
        Served {
            subject: known.map(|it| it.subject),
            reply: reply::failed(self.info, failure),
            tally: tally(self.operation.as_str(), failure.outcome),
        }
    }

    /// The answer of a decision.
    pub fn answer(&self, subject: Subject, reply: Reply, outcome: &'static str) -> Served {
        Served { subject: Some(subject), reply, tally: tally(self.operation.as_str(), outcome) }
    }

    pub fn rules<'b>(&'b self, who: &'b CanonicalSubject, tenant: &'b str) -> Rules<'b> {
        Rules {
            policy: &self.policy,
            keys: self.reads.keys(),
            who,
            tenant,
            origin: self.inbound.request.origin,
        }
    }

    pub fn about(&self, subject: Option<Pseudonym>) -> About<'_> {
        About {
            contract: ContractName::Egov,
            tenant: self.tenant,
            subject,
            request_id: Some(self.inbound.request_id),
            caller: Some(&self.inbound.request.caller.name),
            client_ref: self.inbound.request.known_headers.client_ref,
            policy_version: Some(self.policy.version),
        }
    }

    /// Tells that nothing was sent.
    pub fn tell_suppressed(
        &self,
        events: &mut Events<'_>,
        subject: Pseudonym,
        route: &Route<'_>,
        purpose: Purpose,
        reason: Suppression,
    ) {
        let topic = self.egov.topics.lifecycle;
        suppressed(events, topic, &self.about(Some(subject)), route, Some(purpose), reason);
    }

    /// Publishes the result of a verification.
    pub fn tell_result(&self, events: &mut Events<'_>, subject: Option<Pseudonym>, judgement: Judgement<'_>) {
        let topic = self.egov.topics.validation_result;
        validation_result(events, topic, &self.about(subject), judgement);
    }
}
