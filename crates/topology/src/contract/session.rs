//! One request inside its contract: the policy of its tenant, and what every operation reports.
//!
//! Knows no operation and no field of a contract.

use std::sync::Arc;

use super::analytics::{self, DeliveryRoute, Judgement, Suppression};
use super::events::{About, Events};
use super::port::{PendingRequest, Reads};
use crate::otp::{
    CanonicalSubject, ContractName, KeyId, Notice, Policy, Pseudonym, Purpose, Rules, UnknownKey,
};
use crate::state::StoreError;

pub struct Session<'a> {
    pub contract: ContractName,
    pub pending: &'a PendingRequest<'a>,
    pub reads: &'a dyn Reads,
    /// As the request gave it, without surrounding blanks.
    pub tenant: Option<&'a str>,
    /// The tenant's; the contract's default where no tenant is given.
    pub policy: Arc<Policy>,
}

impl<'a> Session<'a> {
    /// # Errors
    /// The store cannot be read.
    pub fn begin(
        contract: ContractName,
        pending: &'a PendingRequest<'a>,
        tenant: Option<&'a str>,
        reads: &'a dyn Reads,
    ) -> Result<Self, StoreError> {
        let policy = reads.policy(contract, tenant.unwrap_or("*"))?;
        Ok(Self { contract, pending, reads, tenant, policy })
    }

    /// Whether the caller may use an operation.
    pub fn is_allowed(&self, operation: &str) -> bool {
        self.pending.request.caller.operations.iter().any(|name| name == operation)
    }

    /// The key that signs a token at the time of the request.
    ///
    /// # Errors
    /// There is none.
    pub fn token_key(&self) -> Result<KeyId, UnknownKey> {
        self.reads.keys().token_key(self.pending.request.origin.time)
    }

    /// Whether the request is past its deadline.
    pub fn is_stale(&self) -> bool {
        self.pending.is_past_deadline()
    }

    /// Whether a request for a code is past its deadline, or older than the code would live.
    pub fn is_stale_for_issue(&self) -> bool {
        self.is_stale() || self.pending.age_ms() > self.policy.lifetime_ms
    }

    /// Whether the subject held the place of this request's delivery while the home of its number was asked.
    pub fn holds_place(&self) -> bool {
        self.pending.verdict.is_some_and(|it| it.is_reserved)
    }

    /// `tenant`: as the request gave it.
    pub fn rules<'b>(&'b self, who: &'b CanonicalSubject, tenant: &'b str) -> Rules<'b> {
        let origin = self.pending.request.origin;
        Rules { policy: &self.policy, keys: self.reads.keys(), who, tenant, origin }
    }

    /// `subject`: `None` if the request does not say whose it is.
    pub fn about(&self, subject: Option<Pseudonym>) -> About<'_> {
        let request = self.pending.request;
        About {
            contract: self.contract,
            tenant: self.tenant,
            subject,
            request_id: Some(self.pending.request_id),
            caller: Some(&request.caller.name),
            client_ref: request.known_headers.client_ref,
            policy_version: Some(self.policy.version),
        }
    }

    /// Reports the notices of a decision that sent nothing.
    pub fn report(&self, events: &mut Events<'_>, subject: Pseudonym, notices: &[Notice]) {
        let topic = self.pending.request.caller.topics.lifecycle;
        let about = self.about(Some(subject));
        for notice in notices {
            analytics::lifecycle(events, topic, &about, &DeliveryRoute::default(), notice);
        }
    }

    /// Reports that nothing was sent, for a reason that is not a refusal of the rules.
    pub fn report_suppressed(
        &self,
        events: &mut Events<'_>,
        subject: Pseudonym,
        route: &DeliveryRoute<'_>,
        purpose: Purpose,
        reason: Suppression,
    ) {
        let topic = self.pending.request.caller.topics.lifecycle;
        analytics::suppressed(events, topic, &self.about(Some(subject)), route, Some(purpose), reason);
    }

    /// Reports the result of a verification.
    pub fn report_result(
        &self,
        events: &mut Events<'_>,
        subject: Option<Pseudonym>,
        judgement: Judgement<'_>,
    ) {
        let topic = self.pending.request.caller.topics.validation_result;
        analytics::validation_result(events, topic, &self.about(subject), judgement);
    }
}
