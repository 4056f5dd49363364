//! `[egov]`: what a deployment decides about DIGIT's contract.

use otp_topology::otp::MobileRule;
use serde::Deserialize;

use super::problem::Findings;
use super::{Range, topic_name};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egov {
    pub flavour: EgovFlavour,
    pub user_check: bool,
    pub locale_default: String,
    pub strip_suffix_count: usize,
    pub built_in_templates: bool,
    pub mail_sender: String,
    pub mobile_rules: Vec<MobileRuleEntry>,
    pub central_instance: CentralInstance,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum EgovFlavour {
    Digit,
    Mgramseva,
}

/// A row of `MobileNumberValidation` as it is written; what is missing is empty, which the policy's check refuses.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileRuleEntry {
    #[serde(default)]
    pub country_code: String,
    #[serde(default)]
    pub regex: String,
    #[serde(default)]
    pub default: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentralInstance {
    pub enabled: bool,
    /// Which segment of the tenant names the schema.
    pub position: usize,
    pub schemas: Vec<String>,
}

pub(super) const RANGES: &[Range] =
    &[Range("egov.strip_suffix_count", 0, 16), Range("egov.central_instance.position", 0, 16)];

impl Egov {
    /// The topics that a notification topic stands for: itself, or one per schema of the central instance.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        if !self.central_instance.enabled {
            return vec![base.to_owned()];
        }
        let schemas = self.central_instance.schemas.iter();
        schemas.map(|schema| format!("{schema}-{base}")).collect()
    }

    /// The rules as policies have them.
    pub fn mobile_rules(&self) -> Vec<MobileRule> {
        let rule = |entry: &MobileRuleEntry| MobileRule {
            country_code: entry.country_code.clone(),
            regex: entry.regex.clone(),
            default: entry.default,
        };
        self.mobile_rules.iter().map(rule).collect()
    }

    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.locale_default.is_empty() || self.locale_default.contains(['/', '|']) {
            found.add("egov.locale_default", "no locale", "write one like en_IN");
        }
        let central = &self.central_instance;
        if central.enabled && central.schemas.is_empty() {
            found.add(
                "egov.central_instance.schemas",
                "a central instance without schemas serves nobody",
                "list the schemas that exist, as in schemas = [\"pb\"], or set enabled = false",
            );
        }
        for (at, schema) in central.schemas.iter().enumerate() {
            let key = format!("egov.central_instance.schemas[{at}]");
            if let Some(fault) = topic_name::fault(schema) {
                found.add(key, format!("it begins names of topics, and {fault}"), topic_name::REMEDY);
            } else if schema.contains('.') {
                found.add(key, "a schema is one segment of a tenant", "write it without dots");
            }
        }
    }
}
