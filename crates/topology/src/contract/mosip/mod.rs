//! MOSIP: otpmanager's generate and validate, authmanager's sendotp, useridOTP and clientidsecretkey
//! (docs/contracts/mosip.md).
//!
//! Reads requests and writes replies. `otp` decides which code is right and who may have one, and signs tokens.
//!
//! ```text
//! body ── request ──▶ generate | validate | send_otp | user_id_otp ── delivery, otp::decide ──▶ reply, events
//!             └─────▶ client_login ── the client registry ──▶ reply
//! ```

mod client_login;
mod errors;
mod generate;
mod operation;
mod recipient;
mod reply;
mod request;
mod send_otp;
mod session;
mod settings;
mod texts;
mod token;
mod user_id_otp;
mod validate;

pub use settings::MosipSettings;
pub use texts::context_of;

use super::delivery::{DeliveryStyle, NumberPatterns};
use super::findings::SettingsFindings;
use super::shared::SharedSettings;
use super::{
    Address, CallerGrant, Contract, Envelope, Events, KnownSubject, PendingRequest, Reads, ServeError,
    ServeOutcome, Served,
};
use crate::otp::{CanonicalSubject, ContractName, ContractRule, KeyPurpose, Policy};
use crate::text::TemplateRules;
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::record::Headers;
use errors::UNKNOWN_OPERATION;
use operation::Operation;
use reply::ReplyHead;
use request::Head;
use session::{MosipSession, TENANT, request_end};
use texts::MosipTexts;

#[derive(Debug)]
pub struct Mosip {
    settings: MosipSettings,
    shared: SharedSettings,
    texts: MosipTexts,
    patterns: NumberPatterns,
}

impl Mosip {
    fn style(&self) -> DeliveryStyle<'_> {
        DeliveryStyle {
            locale_default: self.settings.primary(),
            second_locale: self.settings.secondary(),
            ..self.shared.delivery.style()
        }
    }
}

impl Contract for Mosip {
    type Settings = MosipSettings;

    fn check(settings: &MosipSettings, findings: &mut SettingsFindings) {
        settings.check(findings);
    }

    fn new(settings: MosipSettings, shared: &SharedSettings) -> Self {
        let (texts, patterns) = (MosipTexts::new(), NumberPatterns::default());
        Self { settings, shared: shared.clone(), texts, patterns }
    }

    fn name(&self) -> ContractName {
        ContractName::Mosip
    }

    fn member_names(&self) -> Names {
        Names::CaseSensitive
    }

    fn operations(&self) -> &'static [&'static str] {
        Operation::NAMES
    }

    fn keys_of(&self, operation: &str) -> &'static [KeyPurpose] {
        Operation::parse(operation).map_or(&[], Operation::keys)
    }

    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings) {
        grant.refuse_utc_offset(findings);
        let generate = Operation::Generate.as_str();
        if !grant.reveal_code && grant.operations.iter().any(|it| it == generate) {
            findings.add(
                "operations",
                format!("{generate} is for callers that may see codes, since nobody else receives them"),
                "set reveal_code = true, or list the other operations",
            );
        }
    }

    fn secret_members(&self) -> &'static [&'static str] {
        &["otp", "secretKey", "authorization"]
    }

    fn client_roles(&self) -> &[String] {
        &self.settings.client_roles
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[ContractRule::NumberRules]
    }

    fn default_policy(&self) -> Policy {
        const MINUTE_MS: u64 = 60 * 1000;
        Policy {
            lifetime_ms: 3 * MINUTE_MS,
            wrong_tries_max: 10,
            lock_ms: 30 * MINUTE_MS,
            number_rules: self.shared.delivery.mobile_rules.clone(),
            ..Policy::built_in()
        }
        .versioned()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        tenant
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        vec![base.to_owned()]
    }

    fn template_rules(&self, code: &str) -> TemplateRules {
        texts::rules(code, &self.shared.delivery)
    }

    fn address(&self, body: &Json<'_>, _: Headers<'_>) -> Address {
        let Ok(operation) = request::operation(body) else {
            return Address::default();
        };
        let subject = subject(operation, body);
        Address { subject, operation: Some(operation as usize), unknown_members: 0 }
    }

    fn correlation_id<'a>(&self, _: &'a Json<'a>) -> Option<&'a str> {
        None
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
        let envelope = *events.envelope();
        let Some(operation) = pending.request.address.operation.map(|at| Operation::ALL[at]) else {
            return Ok(unknown_operation(pending, known, &envelope).into());
        };
        let session = MosipSession::begin(self, pending, operation, reads, envelope)?;
        match operation {
            Operation::Generate => generate::serve(&session, known, events).map(Served::Replied),
            Operation::Validate => validate::serve(&session, known, events).map(Served::Replied),
            Operation::SendOtp => send_otp::serve(&session, known, events),
            Operation::UserIdOtp => user_id_otp::serve(&session, known, events).map(Served::Replied),
            Operation::ClientIdSecretKey => client_login::serve(&session, known).map(Served::Replied),
        }
    }
}

/// Longest identity that names a subject, in bytes; every key and userId that is accepted is shorter.
const IDENTITY_BYTES_MAX: usize = 1024;

fn unknown_operation(
    pending: &PendingRequest<'_>,
    known: Option<KnownSubject<'_>>,
    envelope: &Envelope<'_>,
) -> ServeOutcome {
    let body = &pending.request.body;
    let error = request::operation(body).err().unwrap_or(UNKNOWN_OPERATION);
    let head = ReplyHead { head: Head::read(body), time: envelope.time };
    let end = request_end("unknown", error.outcome);
    ServeOutcome { subject: known.map(|it| it.subject), reply: head.errors(&[error]), end }
}

/// Whose request it is. `None`: it does not say, for whatever reason.
fn subject(operation: Operation, body: &Json<'_>) -> Option<CanonicalSubject> {
    let field = match operation {
        Operation::Generate | Operation::Validate => request::KEY,
        Operation::SendOtp | Operation::UserIdOtp => request::USER_ID,
        Operation::ClientIdSecretKey => request::CLIENT_ID,
    };
    let identity = field.read_trimmed(request::request(body).ok()?).ok()?;
    let is_short = identity.len() <= IDENTITY_BYTES_MAX;
    CanonicalSubject::new(ContractName::Mosip, TENANT, identity).ok().filter(|_| is_short)
}
