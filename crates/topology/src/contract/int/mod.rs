//! INT-OTP: generate and validate by time stamp (docs/contracts/int-otp.md).
//!
//! Reads requests and writes replies. `otp` decides which code is right and who may have one.
//!
//! ```text
//! body ── request ──▶ generate | validate ── delivery, otp::decide ──▶ reply, events
//! ```

mod errors;
mod generate;
mod operation;
mod reply;
mod request;
mod session;
mod settings;
mod start_time;
mod texts;
mod validate;

use super::delivery::DeliverySettings;
use super::findings::SettingsFindings;
use super::{
    Address, CallerGrant, Contract, Envelope, Events, KnownSubject, PendingRequest, Reads, ServeError,
    ServeOutcome, Served, SharedSettings,
};
use crate::otp::{CanonicalSubject, ContractName, ContractRule, KeyPurpose, Policy};
use crate::text::TemplateRules;
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::record::Headers;
use operation::Operation;
use session::{IntSession, TENANT, request_end};
pub use settings::IntSettings;
use texts::IntTexts;

#[derive(Debug)]
pub struct Int {
    settings: IntSettings,
    delivery: DeliverySettings,
    texts: IntTexts,
}

impl Contract for Int {
    type Settings = IntSettings;

    fn check(settings: &IntSettings, findings: &mut SettingsFindings) {
        settings.check(findings);
    }

    fn new(settings: IntSettings, shared: &SharedSettings) -> Self {
        Self { settings, delivery: shared.delivery.clone(), texts: IntTexts::new() }
    }

    fn name(&self) -> ContractName {
        ContractName::Int
    }

    fn member_names(&self) -> Names {
        Names::CaseSensitive
    }

    fn operations(&self) -> &'static [&'static str] {
        Operation::NAMES
    }

    fn keys_of(&self, _: &str) -> &'static [KeyPurpose] {
        &[]
    }

    fn check_caller(&self, _: &CallerGrant<'_>, _: &mut SettingsFindings) {}

    fn secret_members(&self) -> &'static [&'static str] {
        &["otp", "generatedOtp"]
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[ContractRule::Deliver, ContractRule::NumberRules]
    }

    fn default_policy(&self) -> Policy {
        Policy { number_rules: self.delivery.mobile_rules.clone(), ..Policy::built_in() }.versioned()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        tenant
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        vec![base.to_owned()]
    }

    fn template_rules(&self, _: &str) -> TemplateRules {
        texts::rules(&self.delivery)
    }

    fn address(&self, body: &Json<'_>, _: Headers<'_>) -> Address {
        let mobile = request::mobile(body);
        Address {
            subject: mobile.and_then(|mobile| CanonicalSubject::new(self.name(), TENANT, &mobile).ok()),
            operation: request::operation(body).map(|operation| operation as usize),
            unknown_members: request::count_unknown_members(body),
        }
    }

    fn correlation_id<'a>(&self, _: &'a Json<'a>) -> Option<&'a str> {
        None
    }

    fn unreadable(&self, _: JsonError, envelope: &Envelope<'_>) -> Option<ServeOutcome> {
        let reply = reply::refused(None, errors::NOT_JSON, None, envelope);
        Some(ServeOutcome { subject: None, reply, end: request_end("unknown", "invalid_request") })
    }

    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError> {
        let envelope = *events.envelope();
        let Some(operation) = pending.request.address.operation.map(|at| Operation::ALL[at]) else {
            let reply = reply::refused(None, errors::NO_OPERATION, None, &envelope);
            let end = request_end("unknown", "invalid_request");
            return Ok(ServeOutcome { subject: known.map(|it| it.subject), reply, end }.into());
        };
        let session = IntSession::begin(self, pending, operation, reads, envelope)?;
        match operation {
            Operation::Generate => generate::serve(&session, known, events),
            Operation::Validate => validate::serve(&session, known, events).map(Served::Replied),
        }
    }
}
