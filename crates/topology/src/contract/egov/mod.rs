//! DIGIT and mGramSeva: user-otp's send, egov-otp's create, validate and search (docs/contracts/egov.md).
//!
//! Reads requests and writes replies. `otp` decides which code is right and who may have one.
//!
//! ```text
//! body ── request ──▶ send | create | validate | search ── delivery, otp::decide ──▶ reply, events
//! ```

mod create;
mod errors;
mod operation;
mod purpose;
mod ready;
mod reply;
mod request;
mod search;
mod send;
mod session;
mod settings;
#[cfg(test)]
mod tests;
mod texts;
mod validate;

use std::sync::Arc;

pub use operation::Operation;
pub use ready::Egov;
pub use settings::EgovSettings;
pub use texts::is_text_code;

use super::delivery::{NUMBER_PATTERN, NumberPatterns};
use super::findings::SettingsFindings;
use super::{
    Address, CallerGrant, Contract, Envelope, Events, KnownSubject, PendingRequest, Reads, ServeError,
    ServeOutcome, Served, SharedSettings, directory,
};
use crate::otp::{CanonicalSubject, ContractName, ContractRule, KeyPurpose, NoSubject, Policy};
use crate::state::StoreError;
use crate::text::{PERCENT, TemplateRules};
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::record::Headers;
use errors::Rejection;
use request::{RequestInfo, root_of};
use session::{EgovSession, request_end};
use texts::EgovTexts;

impl Contract for Egov {
    type Settings = EgovSettings;

    fn check(settings: &EgovSettings, findings: &mut SettingsFindings) {
        settings.check(findings);
    }

    fn new(settings: EgovSettings, _: &SharedSettings) -> Self {
        let texts = EgovTexts::new(settings.built_in_templates);
        Self { settings, texts, patterns: NumberPatterns::default() }
    }

    fn name(&self) -> ContractName {
        ContractName::Egov
    }

    fn member_names(&self) -> Names {
        Names::IgnoreCase
    }

    fn operations(&self) -> &'static [&'static str] {
        Operation::NAMES
    }

    fn keys_of(&self, _: &str) -> &'static [KeyPurpose] {
        &[]
    }

    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings) {
        grant.refuse_utc_offset(findings);
    }

    fn secret_members(&self) -> &'static [&'static str] {
        &["otp"]
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[ContractRule::NumberRules]
    }

    fn default_policy(&self) -> Policy {
        Policy { number_rules: self.settings.mobile_rules.clone(), ..Policy::built_in() }.versioned()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        root_of(tenant)
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        self.settings.central_instance.notification_topics(base)
    }

    fn template_rules(&self, code: &str) -> TemplateRules {
        let flavour = self.settings.flavour;
        let is_sms = texts::is_sms(code);
        TemplateRules {
            syntax: PERCENT,
            is_subject: texts::is_subject(code),
            id_required: is_sms && self.settings.sms_id_required(),
            forbidden: flavour.sms_forbidden().filter(|_| is_sms),
        }
    }

    fn address(&self, body: &Json<'_>, headers: Headers<'_>) -> Address {
        let Ok(operation) = self.operation(body, headers) else {
            return Address::default();
        };
        let subject = self.subject(operation, body).ok();
        Address { subject, operation: Some(operation as usize), unknown_members: 0 }
    }

    fn correlation_id<'a>(&self, body: &'a Json<'a>) -> Option<&'a str> {
        RequestInfo::read(body).unwrap_or_default().correlation_id()
    }

    fn directory_fault(
        &self,
        record: &[u8],
        policy_of: &dyn Fn(&str) -> Result<Arc<Policy>, StoreError>,
    ) -> Result<Option<&'static str>, StoreError> {
        let mut fault = None;
        directory::numbers(record, |tenant, country_code, number| {
            let rules = &policy_of(tenant)?.number_rules;
            if self.patterns.canonical(rules, NUMBER_PATTERN, country_code, number).is_none() {
                fault =
                    Some("a user's mobileNumber does not fit the rule of its country: no code goes there");
            }
            Ok(())
        })?;
        Ok(fault)
    }

    fn unreadable(&self, _: JsonError, _: &Envelope<'_>) -> Option<ServeOutcome> {
        None
    }

    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError> {
        let Some(operation) = pending.request.address.operation.map(|at| Operation::ALL[at]) else {
            return Ok(self.unknown_operation(pending, known).into());
        };
        let session = EgovSession::begin(self, pending, operation, reads)?;
        match operation {
            Operation::Send => send::serve(&session, known, events),
            Operation::Create => create::serve(&session, known, events),
            Operation::Validate => validate::serve(&session, known, events).map(Served::Replied),
            Operation::Search => search::serve(&session, known).map(Served::Replied),
        }
    }
}

impl Egov {
    fn operation(&self, body: &Json<'_>, headers: Headers<'_>) -> Result<Operation, Rejection> {
        request::operation(body, headers, self.settings.user_check)
    }

    /// Whose request it is.
    ///
    /// # Errors
    /// It does not say.
    fn subject(&self, operation: Operation, body: &Json<'_>) -> Result<CanonicalSubject, Rejection> {
        let otp = request::otp(body)?;
        let no_tenant = Rejection::InvalidRequest(request::TENANT.path);
        let tenant = request::TENANT.read_filled(otp)?.ok_or(no_tenant)?;
        let field = request::identity_field(operation, otp, self.settings.user_check);
        let no_identity = match operation {
            Operation::Create => Rejection::IdentityUnreachable,
            Operation::Send | Operation::Validate | Operation::Search => {
                Rejection::InvalidRequest(field.path)
            }
        };
        let identity = field.read_filled(otp)?.ok_or(no_identity)?;
        CanonicalSubject::new(ContractName::Egov, root_of(tenant), identity).map_err(|error| match error {
            NoSubject::TenantRoot => no_tenant,
            NoSubject::Identity => no_identity,
        })
    }

    fn unknown_operation(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
    ) -> ServeOutcome {
        let request = pending.request;
        let rejection = self.operation(&request.body, request.headers).err();
        let error = rejection.unwrap_or(Rejection::UnknownOperation).of(None);
        ServeOutcome {
            subject: known.map(|it| it.subject),
            reply: reply::failed(RequestInfo::read(&request.body).unwrap_or_default(), &error),
            end: request_end("unknown", error.outcome),
        }
    }
}
