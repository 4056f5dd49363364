//! INT-OTP: its settings and its default policy. This build does not serve its requests.

use serde::Deserialize;

use super::events::{Envelope, Events};
use super::findings::SettingsFindings;
use super::port::{Address, Contract, KnownSubject, PendingRequest, Reads, ServeError, ServeOutcome};
use crate::otp::{ContractName, ContractRule, Policy};
use crate::text::{PERCENT, TemplateRules};
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::record::Headers;

/// `[int]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IntSettings {
    pub utc_offset: String,
    pub skew_s: u64,
    pub digit_min: u64,
    pub duration_max_s: u64,
}

#[derive(Debug)]
pub(super) struct Int;

impl Default for IntSettings {
    fn default() -> Self {
        Self { utc_offset: "+00:00".to_owned(), skew_s: 60, digit_min: 4, duration_max_s: 600 }
    }
}

impl Contract for Int {
    type Settings = IntSettings;

    fn check(settings: &IntSettings, findings: &mut SettingsFindings) {
        findings.check_range("skew_s", settings.skew_s, 0, 3_600);
        findings.check_range("digit_min", settings.digit_min, 4, 10);
        findings.check_range("duration_max_s", settings.duration_max_s, 1, 86_400);
    }

    fn new(_: IntSettings) -> Self {
        Self
    }

    fn name(&self) -> ContractName {
        ContractName::Int
    }

    fn member_names(&self) -> Names {
        Names::CaseSensitive
    }

    fn operations(&self) -> &'static [&'static str] {
        &[]
    }

    fn secret_members(&self) -> &'static [&'static str] {
        &[]
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[ContractRule::Deliver]
    }

    fn default_policy(&self) -> Policy {
        Policy::built_in()
    }

    fn tenant_root<'a>(&self, tenant: &'a str) -> &'a str {
        tenant
    }

    fn notification_topics(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn template_rules(&self, _: &str) -> TemplateRules {
        TemplateRules::of(PERCENT)
    }

    fn address(&self, _: &Json<'_>, _: Headers<'_>) -> Address {
        Address::default()
    }

    fn correlation_id<'a>(&self, _: &'a Json<'a>) -> Option<&'a str> {
        None
    }

    fn unreadable(&self, _: JsonError, _: &Envelope<'_>) -> Option<ServeOutcome> {
        None
    }

    fn serve(
        &self,
        _: &PendingRequest<'_>,
        _: Option<KnownSubject<'_>>,
        _: &dyn Reads,
        _: &mut Events<'_>,
    ) -> Result<ServeOutcome, ServeError> {
        Err(ServeError::NotServed(self.name()))
    }
}
