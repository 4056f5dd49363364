//! `[egov]`: what a deployment decides about this contract.

use serde::Deserialize;

use super::request::root_of;
use crate::contract::delivery::{CentralInstance, DeliverySettings, DeliveryStyle, EmailStyle, Flavour};
use crate::contract::findings::SettingsFindings;
use crate::otp::{CanonicalSubject, ContractName, NumberRule};

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
    /// No text message goes out without the id under which its text is registered (India: DLT). The flavour mgramseva
    /// always demands one.
    pub template_id_required: bool,
    /// `sender` of e-mails of the flavour mgramseva.
    pub mail_sender: String,
    /// The number rules of tenants whose policy has none of its own.
    pub mobile_rules: Vec<NumberRule>,
    /// The first segments of the tenants that exist. Empty: any.
    pub tenant_roots: Vec<String>,
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
            template_id_required: false,
            mail_sender: shared.mail_sender,
            mobile_rules: shared.mobile_rules,
            tenant_roots: Vec::new(),
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
        for (at, root) in self.tenant_roots.iter().enumerate() {
            if CanonicalSubject::new(ContractName::Egov, root, "1").is_err() || root.trim() != root {
                findings.add(
                    &format!("tenant_roots[{at}]"),
                    "it cannot be the first segment of a tenant",
                    "write tenants' first segments, as in tenant_roots = [\"pb\", \"ka\"]",
                );
            } else if root.contains('.') {
                findings.add(
                    &format!("tenant_roots[{at}]"),
                    "a root is the first segment of a tenant alone",
                    "write it without dots",
                );
            }
        }
        self.central_instance.check(findings);
    }

    /// Whether the root of this tenant exists.
    pub(super) fn has_tenant(&self, tenant: &str) -> bool {
        self.tenant_roots.is_empty() || self.tenant_roots.iter().any(|root| root == root_of(tenant))
    }

    pub(super) fn sms_id_required(&self) -> bool {
        self.template_id_required || self.flavour.sms_id_required()
    }

    pub(super) fn delivery_style(&self) -> DeliveryStyle<'_> {
        DeliveryStyle {
            email: EmailStyle { flavour: self.flavour, sender: &self.mail_sender },
            sms_id_required: self.sms_id_required(),
            locale_default: &self.locale_default,
            second_locale: None,
            strip_suffix_count: self.strip_suffix_count,
        }
    }
}
