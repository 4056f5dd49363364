//! `[egov]`: what a deployment decides about this contract.

use serde::Deserialize;

use crate::contract::delivery::{CentralInstance, DeliverySettings, DeliveryStyle, EmailStyle, Flavour};
use crate::contract::findings::SettingsFindings;
use crate::otp::NumberRule;

const STRIP_SUFFIX_MAX: u64 = 16;

/// The keys of `[egov]`. An absent key has its default.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EgovSettings {
    pub flavour: Flavour,
    /// A `send` looks its user up in the directory.
    pub user_check: bool,
    pub locale_default: String,
    /// How many trailing segments a tenant loses before its templates are looked up.
    pub strip_suffix_count: usize,
    pub built_in_templates: bool,
    /// `sender` of e-mails of the flavour mgramseva.
    pub mail_sender: String,
    /// The number rules of tenants whose policy has none of its own.
    pub mobile_rules: Vec<NumberRule>,
    pub central_instance: CentralInstance,
}

impl Default for EgovSettings {
    fn default() -> Self {
        let shared = DeliverySettings::default();
        Self {
            flavour: shared.flavour,
            user_check: false,
            locale_default: shared.locale_default,
            strip_suffix_count: 1,
            built_in_templates: true,
            mail_sender: shared.mail_sender,
            mobile_rules: shared.mobile_rules,
            central_instance: CentralInstance { enabled: false, position: 1, schemas: Vec::new() },
        }
    }
}

impl EgovSettings {
    pub(super) fn check(&self, findings: &mut SettingsFindings) {
        if self.locale_default.is_empty() || self.locale_default.contains(['/', '|']) {
            findings.add("locale_default", "not a valid locale", "write one like en_IN");
        }
        findings.check_range("strip_suffix_count", self.strip_suffix_count as u64, 0, STRIP_SUFFIX_MAX);
        for (at, rule) in self.mobile_rules.iter().enumerate() {
            if let Some(fault) = rule.fault() {
                findings.add(
                    &format!("mobile_rules[{at}]"),
                    fault,
                    "write rules as { country_code = \"+91\", regex = \"^[6-9][0-9]{9}$\", default = true }",
                );
            }
        }
        self.central_instance.check(findings);
    }

    pub(super) fn delivery_style(&self) -> DeliveryStyle<'_> {
        DeliveryStyle {
            email: EmailStyle { flavour: self.flavour, sender: &self.mail_sender },
            locale_default: &self.locale_default,
            strip_suffix_count: self.strip_suffix_count,
        }
    }
}
