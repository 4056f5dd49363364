//! A contract with a wrong rule, for planted bugs. The service and the reference run the same wrong rule, so that only the
//! model can find it.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use otp_topology::contract::analytics::{SignalKind, Tally, TallyKind};
use otp_topology::contract::egov::Egov;
use otp_topology::contract::int::Int;
use otp_topology::contract::mosip::Mosip;
use otp_topology::contract::{
    Address, CONTRACTS, CallerGrant, Contract, ContractLine, Contracts, Envelope, Events, KnownSubject,
    NumberVerdict, PendingRequest, Reads, ServeError, ServeOutcome, Served, SettingsFindings, SharedSettings,
};
use otp_topology::otp::{
    Challenge, ChallengeState, ContractName, ContractRule, KeyPurpose, Lock, Policy, Subject,
};
use otp_topology::state::StoreError;
use otp_topology::text::TemplateRules;
use otp_topology::wire::json::{Json, JsonError, Names};
use otp_topology::wire::record::Headers;
use serde_json::Value;

use crate::planted::Planted;
use crate::workload::begin_of;

/// The contracts of a house. `sections`: see [`Contracts::open`].
pub(crate) fn contracts(planted: Option<Planted>, sections: Value) -> Contracts {
    let (egov, int, mosip) = (ContractName::Egov, ContractName::Int, ContractName::Mosip);
    let bent = match planted {
        Some(Planted::RotationForgives) => Some(ContractLine::of::<Bent<Egov, RotationForgives>>(egov)),
        Some(Planted::DecoyForgives) => Some(ContractLine::of::<Bent<Egov, DecoyForgives>>(egov)),
        Some(Planted::HardLockExactly) => Some(ContractLine::of::<Bent<Egov, HardLockExactly>>(egov)),
        Some(Planted::RefusalGranted) => Some(ContractLine::of::<Bent<Egov, RefusalGranted>>(egov)),
        Some(Planted::TallyRepeats) => Some(ContractLine::of::<Bent<Egov, TallyRepeats>>(egov)),
        Some(Planted::RequestWindow) => Some(ContractLine::of::<Bent<Int, RequestWindow>>(int)),
        Some(Planted::GenerateForgives) => Some(ContractLine::of::<Bent<Mosip, GenerateForgives>>(mosip)),
        _ => None,
    };
    let line = |line: &ContractLine| bent.filter(|bent| bent.name == line.name).unwrap_or(*line);
    let table: Vec<_> = CONTRACTS.iter().map(line).collect();
    let Value::Object(sections) = sections else { panic!("sections are an object") };
    Contracts::open(&table, sections).expect("settings without a fault")
}

/// What a wrong rule makes of a subject, before and after a request, or of what is counted.
trait WrongRule: Debug + Send + Sync + 'static {
    fn prepare(_subject: &mut Subject, _body: &Json<'_>) {}

    fn bend(_before: &Subject, _after: &mut Subject, _pending: &PendingRequest<'_>, _policy: &Policy) {}

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
    fn hear(verdict: NumberVerdict) -> NumberVerdict {
        NumberVerdict { is_granted: true, ..verdict }
    }
}

#[derive(Debug)]
struct TallyRepeats;

impl WrongRule for TallyRepeats {
    fn tally(events: &mut Events<'_>) {
        events.tally(Tally { prefix: None, what: TallyKind::Signal(SignalKind::Resent) });
    }
}

impl WrongRule for RotationForgives {
    fn bend(before: &Subject, after: &mut Subject, _: &PendingRequest<'_>, _: &Policy) {
        let rotated = |it: &Challenge| {
            let same = before.challenges.iter().find(|old| old.code.challenge == it.code.challenge);
            same.is_some_and(|old| old.code.rotation < it.code.rotation)
        };
        after.challenges.iter_mut().filter(|it| rotated(it)).for_each(|it| it.tries = 0);
    }
}

impl WrongRule for DecoyForgives {
    fn bend(before: &Subject, after: &mut Subject, _: &PendingRequest<'_>, _: &Policy) {
        let replaces_decoy = |it: &Challenge| {
            let old = before.challenges.iter().find(|old| old.code.purpose == it.code.purpose);
            old.is_some_and(|old| old.decoy && old.code.challenge != it.code.challenge)
        };
        after.challenges.iter_mut().filter(|it| replaces_decoy(it)).for_each(|it| it.tries = 0);
    }
}

impl WrongRule for HardLockExactly {
    fn bend(before: &Subject, after: &mut Subject, pending: &PendingRequest<'_>, policy: &Policy) {
        let now = pending.now;
        let is_new = after.lock == Lock::UntilReleased && before.lock != Lock::UntilReleased;
        if !is_new || after.consecutive_wrong == policy.hard_lock_after {
            return;
        }
        after.lock = before.lock;
        let ended = after.challenges.iter_mut().filter(|it| it.state == ChallengeState::Ended { at: now });
        ended.filter(|it| it.tries < it.tries_max).for_each(|it| it.state = ChallengeState::Live);
    }
}

/// `VALIDATE` is judged by its own window, not by the stored one.
#[derive(Debug)]
struct RequestWindow;

impl WrongRule for RequestWindow {
    fn prepare(subject: &mut Subject, body: &Json<'_>) {
        if body.get("operationType").and_then(Json::as_str) != Some("VALIDATE") {
            return;
        }
        let window = body.get("startTime").and_then(Json::as_str).and_then(begin_of);
        let seconds = body.get("duration").and_then(Json::as_u64);
        let (Some(begins), Some(seconds)) = (window, seconds) else { return };
        for challenge in &mut subject.challenges {
            challenge.issued_at = begins;
            challenge.expires_at = begins.plus(seconds * 1_000);
        }
    }
}

/// Each `otp.generate` gives the wrong tries back, as the peer does.
#[derive(Debug)]
struct GenerateForgives;

impl WrongRule for GenerateForgives {
    fn bend(_: &Subject, after: &mut Subject, pending: &PendingRequest<'_>, _: &Policy) {
        let id = pending.request.body.get("id").and_then(Json::as_str);
        if id == Some("mosip.otp.generate") {
            after.consecutive_wrong = 0;
            after.challenges.iter_mut().for_each(|it| it.tries = 0);
        }
    }
}

#[derive(Debug)]
struct Bent<C, R> {
    contract: C,
    rule: PhantomData<R>,
}

impl<C: Contract + 'static, R: WrongRule> Contract for Bent<C, R> {
    type Settings = C::Settings;

    fn check(settings: &C::Settings, findings: &mut SettingsFindings) {
        C::check(settings, findings);
    }

    fn new(settings: C::Settings, shared: &SharedSettings) -> Self {
        Self { contract: C::new(settings, shared), rule: PhantomData }
    }

    fn name(&self) -> ContractName {
        self.contract.name()
    }

    fn member_names(&self) -> Names {
        self.contract.member_names()
    }

    fn operations(&self) -> &'static [&'static str] {
        self.contract.operations()
    }

    fn keys_of(&self, operation: &str) -> &'static [KeyPurpose] {
        self.contract.keys_of(operation)
    }

    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings) {
        self.contract.check_caller(grant, findings);
    }

    fn secret_members(&self) -> &'static [&'static str] {
        self.contract.secret_members()
    }

    fn client_roles(&self) -> &[String] {
        self.contract.client_roles()
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        self.contract.policy_rules()
    }

    fn default_policy(&self) -> Policy {
        self.contract.default_policy()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        self.contract.tenant_root(tenant)
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        self.contract.notification_topics(base)
    }

    fn template_rules(&self, code: &str) -> TemplateRules {
        self.contract.template_rules(code)
    }

    fn address(&self, body: &Json<'_>, headers: Headers<'_>) -> Address {
        self.contract.address(body, headers)
    }

    fn correlation_id<'a>(&self, body: &'a Json<'a>) -> Option<&'a str> {
        self.contract.correlation_id(body)
    }

    fn directory_fault(
        &self,
        record: &[u8],
        policy_of: &dyn Fn(&str) -> Result<Arc<Policy>, StoreError>,
    ) -> Result<Option<&'static str>, StoreError> {
        self.contract.directory_fault(record, policy_of)
    }

    fn unreadable(&self, error: JsonError, envelope: &Envelope<'_>) -> Option<ServeOutcome> {
        self.contract.unreadable(error, envelope)
    }

    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError> {
        let known = known.map(|mut known| {
            R::prepare(&mut known.subject, &pending.request.body);
            known
        });
        let before = known.as_ref().map(|it| it.subject.clone());
        let heard = PendingRequest { verdict: pending.verdict.map(R::hear), ..*pending };
        let mut served = self.contract.serve(&heard, known, reads, events)?;
        R::tally(events);
        if let Served::Replied(outcome) = &mut served
            && let (Some(before), Some(after)) = (before, &mut outcome.subject)
        {
            let otp = pending.request.body.get_ignore_case("otp");
            let tenant = otp.and_then(|otp| otp.get_ignore_case("tenantId")?.as_str()).unwrap_or("*");
            R::bend(&before, after, pending, &*reads.policy(self.name(), tenant)?);
        }
        Ok(served)
    }
}
