//! The contract of the test: one operation, `send`, which sends a code by SMS and reveals it in a header of the reply.

use std::sync::Arc;

use otp_topology::contract::delivery::{
    CodeOrder, DeliveryOutcome, DeliveryStyle, EmailStyle, Flavour, OrderTexts, PhoneNumber, WantedText,
    deliver,
};
use otp_topology::contract::{
    Address, CallerGrant, Contract, Envelope, Events, KnownSubject, PendingRequest, Placeholder, Reads,
    Reply, RequestEnd, Secret, SecretPlace, ServeError, ServeOutcome, Served, Session, SettingsFindings,
    SharedSettings,
};
use otp_topology::otp::{CanonicalSubject, ContractName, ContractRule, Exit, KeyPurpose, Policy, Purpose};
use otp_topology::text::{PERCENT, Template, TemplateKey, TemplateRules};
use otp_topology::wire::json::{Json, JsonError, Names};
use otp_topology::wire::record::Headers;
use serde::Deserialize;

/// `[probe]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProbeSettings {
    locale: String,
}

#[derive(Debug)]
pub(crate) struct Probe {
    settings: ProbeSettings,
    built_in: Arc<Template>,
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { locale: "en".to_owned() }
    }
}

impl Contract for Probe {
    type Settings = ProbeSettings;

    fn check(settings: &ProbeSettings, findings: &mut SettingsFindings) {
        if settings.locale.is_empty() {
            findings.add("locale", "not a valid locale", "write one like en");
        }
    }

    fn new(settings: ProbeSettings, _: &SharedSettings) -> Self {
        let key = TemplateKey { contract: "probe", tenant: "*", locale: "en", code: "text" };
        let built_in = Template::new(&key, "Built in: %s", None, &TemplateRules::of(PERCENT));
        Self { settings, built_in: Arc::new(built_in.expect("a good text")) }
    }

    fn name(&self) -> ContractName {
        ContractName::Probe
    }

    fn member_names(&self) -> Names {
        Names::CaseSensitive
    }

    fn operations(&self) -> &'static [&'static str] {
        &["send"]
    }

    fn keys_of(&self, _: &str) -> &'static [KeyPurpose] {
        &[]
    }

    fn check_caller(&self, grant: &CallerGrant<'_>, findings: &mut SettingsFindings) {
        grant.refuse_utc_offset(findings);
    }

    fn secret_members(&self) -> &'static [&'static str] {
        &[]
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[]
    }

    fn default_policy(&self) -> Policy {
        Policy::built_in()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        tenant
    }

    fn notification_topics(&self, base: &str) -> Vec<String> {
        vec![base.to_owned()]
    }

    fn template_rules(&self, _: &str) -> TemplateRules {
        TemplateRules::of(PERCENT)
    }

    fn address(&self, body: &Json<'_>, _: Headers<'_>) -> Address {
        let phone = body.get("phone").and_then(Json::as_str);
        let subject = phone.and_then(|phone| CanonicalSubject::new(self.name(), "default", phone).ok());
        Address { subject, operation: Some(0), unknown_members: 0 }
    }

    fn correlation_id<'a>(&self, _: &'a Json<'a>) -> Option<&'a str> {
        None
    }

    fn unreadable(&self, _: JsonError, _: &Envelope<'_>) -> Option<ServeOutcome> {
        Some(served(None, Reply::plain(br#"{"ok":false}"#.to_vec()), "unreadable"))
    }

    fn serve(
        &self,
        pending: &PendingRequest<'_>,
        known: Option<KnownSubject<'_>>,
        reads: &dyn Reads,
        events: &mut Events<'_>,
    ) -> Result<Served, ServeError> {
        let (Some(known), Some(number)) = (known, pending.request.body.get("phone").and_then(Json::as_str))
        else {
            return Ok(served(None, Reply::plain(br#"{"ok":false}"#.to_vec()), "invalid").into());
        };
        let session = Session::begin(self.name(), pending, None, reads)?;
        let text = WantedText { code: "text", built_in: Some(&self.built_in) };
        let order = CodeOrder {
            purpose: Purpose::Probe,
            exit: Exit::DeliveredAndRevealed,
            terms: None,
            withheld: None,
            holder: None,
            tenant: "default",
            topic: 0,
            phone: Some(PhoneNumber { number, country_code: None }),
            is_looked_up: false,
            email: None,
            locale: &self.settings.locale,
            texts: OrderTexts { sms: text, email_subject: text, email_body: text },
            variables: &[],
        };
        let style = DeliveryStyle {
            email: EmailStyle { flavour: Flavour::Digit, sender: "" },
            sms_id_required: false,
            locale_default: &self.settings.locale,
            second_locale: None,
            strip_suffix_count: 0,
        };
        let delivered = deliver(&session, &style, known, &order, events)?;
        let outcome = match delivered.outcome {
            DeliveryOutcome::Issued(challenge) => {
                let mut reply = Reply::plain(br#"{"ok":true}"#.to_vec());
                reply.headers.push(("kind".into(), b"first".to_vec()));
                reply.headers.push(("code".into(), Vec::new()));
                let secret = Secret::Code(challenge.code);
                reply.placeholders.push(Placeholder { place: SecretPlace::Header(1), secret });
                served(Some(delivered.subject), reply, "issued")
            }
            DeliveryOutcome::Refused(_) | DeliveryOutcome::TextMissing => {
                let reply = Reply::plain(br#"{"ok":false}"#.to_vec());
                served(Some(delivered.subject), reply, "refused")
            }
            DeliveryOutcome::AsksNumber(ask) => {
                return Ok(Served::AsksNumber { subject: delivered.subject, ask });
            }
        };
        Ok(outcome.into())
    }
}

fn served(subject: Option<otp_topology::otp::Subject>, reply: Reply, outcome: &'static str) -> ServeOutcome {
    ServeOutcome {
        subject,
        reply,
        end: RequestEnd { contract: ContractName::Probe, operation: "send", outcome },
    }
}
