//! The contract `egov` with a wrong rule, for planted bugs. The service and the reference run the same wrong rule, so that
//! only the model can find it.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use otp_topology::contract::analytics::{SignalKind, Tally, TallyKind};
use otp_topology::contract::egov::{Egov, EgovSettings};
use otp_topology::contract::{
    Address, CONTRACTS, CallerGrant, Contract, ContractLine, Contracts, Envelope, Events, KnownSubject,
    NumberVerdict, PendingRequest, Reads, ServeError, ServeOutcome, Served, SettingsFindings, SharedSettings,
};
use otp_topology::otp::{
    Challenge, ChallengeState, ContractName, ContractRule, KeyPurpose, Lock, LogTime, Policy, Subject,
};
use otp_topology::state::StoreError;
use otp_topology::text::TemplateRules;
use otp_topology::wire::json::{Json, JsonError, Names};
use otp_topology::wire::record::Headers;
use serde_json::Value;

use crate::planted::Planted;

/// The contracts of a house. `sections`: see [`Contracts::open`].
pub(crate) fn contracts(planted: Option<Planted>, sections: Value) -> Contracts {
    let egov = match planted {
        Some(Planted::RotationForgives) => ContractLine::of::<Bent<RotationForgives>>(ContractName::Egov),
        Some(Planted::DecoyForgives) => ContractLine::of::<Bent<DecoyForgives>>(ContractName::Egov),
        Some(Planted::HardLockExactly) => ContractLine::of::<Bent<HardLockExactly>>(ContractName::Egov),
        Some(Planted::RefusalGranted) => ContractLine::of::<Bent<RefusalGranted>>(ContractName::Egov),
        Some(Planted::TallyRepeats) => ContractLine::of::<Bent<TallyRepeats>>(ContractName::Egov),
        _ => ContractLine::of::<Egov>(ContractName::Egov),
    };
    let line = |line: &ContractLine| if line.name == ContractName::Egov { egov } else { *line };
    let table: Vec<_> = CONTRACTS.iter().map(line).collect();
    let Value::Object(sections) = sections else { panic!("sections are an object") };
    Contracts::open(&table, sections).expect("settings without a fault")
}

/// What a wrong rule makes of a subject, or of what is counted, after each request.
trait WrongRule: Debug + Send + Sync + 'static {
    fn bend(before: &Subject, after: &mut Subject, now: LogTime, policy: &Policy);

    /// And of what the home of a number said.
    fn hear(verdict: NumberVerdict) -> NumberVerdict {
        verdict
    }

    fn tally(_: &mut Events<'_>) {}
}

#[derive(Debug)]
struct RotationForgives;

#[derive(Debug)]
struct DecoyForgives;

#[derive(Debug)]
struct HardLockExactly;

#[derive(Debug)]
struct RefusalGranted;

impl WrongRule for RefusalGranted {
    fn bend(_: &Subject, _: &mut Subject, _: LogTime, _: &Policy) {}

    fn hear(verdict: NumberVerdict) -> NumberVerdict {
        NumberVerdict { is_granted: true, ..verdict }
    }
}

#[derive(Debug)]
struct TallyRepeats;

impl WrongRule for TallyRepeats {
    fn bend(_: &Subject, _: &mut Subject, _: LogTime, _: &Policy) {}

    fn tally(events: &mut Events<'_>) {
        events.tally(Tally { prefix: None, what: TallyKind::Signal(SignalKind::Resent) });
    }
}

impl WrongRule for RotationForgives {
    fn bend(before: &Subject, after: &mut Subject, _: LogTime, _: &Policy) {
        let rotated = |it: &Challenge| {
            let same = before.challenges.iter().find(|old| old.code.challenge == it.code.challenge);
            same.is_some_and(|old| old.code.rotation < it.code.rotation)
        };
        after.challenges.iter_mut().filter(|it| rotated(it)).for_each(|it| it.tries = 0);
    }
}

impl WrongRule for DecoyForgives {
    fn bend(before: &Subject, after: &mut Subject, _: LogTime, _: &Policy) {
        let replaces_decoy = |it: &Challenge| {
            let old = before.challenges.iter().find(|old| old.code.purpose == it.code.purpose);
            old.is_some_and(|old| old.decoy && old.code.challenge != it.code.challenge)
        };
        after.challenges.iter_mut().filter(|it| replaces_decoy(it)).for_each(|it| it.tries = 0);
    }
}

impl WrongRule for HardLockExactly {
    fn bend(before: &Subject, after: &mut Subject, now: LogTime, policy: &Policy) {
        let is_new = after.lock == Lock::UntilReleased && before.lock != Lock::UntilReleased;
        if !is_new || after.consecutive_wrong == policy.hard_lock_after {
            return;
        }
        after.lock = before.lock;
        let ended = after.challenges.iter_mut().filter(|it| it.state == ChallengeState::Ended { at: now });
        ended.filter(|it| it.tries < it.tries_max).for_each(|it| it.state = ChallengeState::Live);
    }
}

#[derive(Debug)]
struct Bent<R> {
    egov: Egov,
    rule: PhantomData<R>,
}

impl<R: WrongRule> Contract for Bent<R> {
    type Settings = EgovSettings;

    fn check(settings: &EgovSettings, findings: &mut SettingsFindings) {
        Egov::check(settings, findings);
    }

    fn new(settings: EgovSettings, shared: &SharedSettings) -> Self {
        Self { egov: Egov::new(settings, shared), rule: PhantomData }
    }

    fn name(&self) -> ContractName {
        self.egov.name()
    }

    fn member_names(&self) -> Names {
        self.egov.member_names()
    }

    fn operations(&self) -> &'static [&'static str] {
        self.egov.operations()
    }

    fn keys_of(&self, operation: &str) -> &'static [KeyPurpose] {
        self.egov.keys_of(operation)
    }

    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings) {
        self.egov.check_caller(grant, findings);
    }

    fn secret_members(&self) -> &'static [&'static str] {
        self.egov.secret_members()
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        self.egov.policy_rules()
    }

    fn default_policy(&self) -> Policy {
        self.egov.default_policy()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        self.egov.tenant_root(tenant)
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        self.egov.notification_topics(base)
    }

    fn template_rules(&self, code: &str) -> TemplateRules {
        self.egov.template_rules(code)
    }

    fn address(&self, body: &Json<'_>, headers: Headers<'_>) -> Address {
        self.egov.address(body, headers)
    }

    fn correlation_id<'a>(&self, body: &'a Json<'a>) -> Option<&'a str> {
        self.egov.correlation_id(body)
    }

    fn directory_fault(
        &self,
        record: &[u8],
        policy_of: &dyn Fn(&str) -> Result<Arc<Policy>, StoreError>,
    ) -> Result<Option<&'static str>, StoreError> {
        self.egov.directory_fault(record, policy_of)
    }

    fn unreadable(&self, error: JsonError, envelope: &Envelope<'_>) -> Option<ServeOutcome> {
        self.egov.unreadable(error, envelope)
    }

    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError> {
        let before = known.as_ref().map(|it| it.subject.clone());
        let heard = PendingRequest { verdict: pending.verdict.map(R::hear), ..*pending };
        let mut served = self.egov.serve(&heard, known, reads, events)?;
        R::tally(events);
        if let Served::Replied(outcome) = &mut served
            && let (Some(before), Some(after)) = (before, &mut outcome.subject)
        {
            let otp = pending.request.body.get_ignore_case("otp");
            let tenant = otp.and_then(|otp| otp.get_ignore_case("tenantId")?.as_str()).unwrap_or("*");
            R::bend(&before, after, pending.now, &*reads.policy(ContractName::Egov, tenant)?);
        }
        Ok(served)
    }
}
