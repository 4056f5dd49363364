//! MOSIP: its settings and its default policy. This build does not serve its requests.

use serde::Deserialize;

use super::delivery::DeliverySettings;
use super::events::{Envelope, Events};
use super::findings::SettingsFindings;
use super::port::{
    Address, CallerGrant, Contract, KnownSubject, PendingRequest, Reads, ServeError, ServeOutcome,
};
use crate::otp::{ContractName, ContractRule, Policy};
use crate::text::{PERCENT, TemplateRules};
use crate::wire::json::{Json, JsonError, Names};
use crate::wire::record::Headers;

/// `[mosip]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MosipSettings {
    pub app_ids: Vec<String>,
    pub single_channel_app_ids: Vec<String>,
    /// Primary, then secondary.
    pub languages: Vec<String>,
    pub user_check: bool,
}

#[derive(Debug)]
pub(super) struct Mosip;

impl Default for MosipSettings {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            app_ids: owned(&[
                "preregistration",
                "registrationclient",
                "registrationprocessor",
                "ida",
                "admin",
                "resident",
            ]),
            single_channel_app_ids: owned(&["preregistration"]),
            languages: owned(&["eng"]),
            user_check: false,
        }
    }
}

impl Contract for Mosip {
    type Settings = MosipSettings;

    fn check(_: &MosipSettings, _: &mut SettingsFindings) {}

    fn new(_: MosipSettings, _: &DeliverySettings) -> Self {
        Self
    }

    fn name(&self) -> ContractName {
        ContractName::Mosip
    }

    fn member_names(&self) -> Names {
        Names::CaseSensitive
    }

    fn operations(&self) -> &'static [&'static str] {
        &[]
    }

    fn check_caller(&self, _: &CallerGrant<'_>, _: &mut SettingsFindings) {}

    fn secret_members(&self) -> &'static [&'static str] {
        &[]
    }

    fn policy_rules(&self) -> &'static [ContractRule] {
        &[]
    }

    fn default_policy(&self) -> Policy {
        const MINUTE_MS: u64 = 60 * 1000;
        Policy {
            lifetime_ms: 3 * MINUTE_MS,
            wrong_tries_max: 10,
            lock_ms: 30 * MINUTE_MS,
            ..Policy::built_in()
        }
        .versioned()
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
