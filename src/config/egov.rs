//! `[egov]`: what a deployment decides about DIGIT's contract.

use regex::Regex;
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

/// A row of `MobileNumberValidation`; a code and a regex it must have (spec/egov.md).
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

pub(super) const RANGES: &[Range] = &[
    Range("egov.strip_suffix_count", 0, 16),
    Range("egov.central_instance.position", 0, 16),
];

/// The longest pattern; a longer one is a mistake.
const REGEX_CHARS_MAX: usize = 512;

impl Egov {
    /// The topics that a notification topic stands for: itself, or one per schema of the central instance.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        if !self.central_instance.enabled {
            return vec![base.to_owned()];
        }
        let schemas = self.central_instance.schemas.iter();
        schemas.map(|schema| format!("{schema}-{base}")).collect()
    }

    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.locale_default.is_empty() || self.locale_default.contains(['/', '|']) {
            found.add("egov.locale_default", "no locale", "write one like en_IN");
        }
        check_mobile_rules("egov.mobile_rules", &self.mobile_rules, found);
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
                found.add(
                    key,
                    format!("it begins names of topics, and {fault}"),
                    topic_name::REMEDY,
                );
            } else if schema.contains('.') {
                found.add(
                    key,
                    "a schema is one segment of a tenant",
                    "write it without dots",
                );
            }
        }
    }
}

/// Judges rows of a list of mobile rules that stands under `key`.
pub(super) fn check_mobile_rules(key: &str, rules: &[MobileRuleEntry], found: &mut Findings<'_>) {
    for (at, rule) in rules.iter().enumerate() {
        if rule.country_code.is_empty() {
            found.add(
                format!("{key}[{at}]"),
                "a rule without country_code",
                "add country_code = \"+91\"",
            );
        }
        if rule.regex.is_empty() {
            found.add(
                format!("{key}[{at}]"),
                "a rule without regex",
                "add regex = \"^[6-9][0-9]{9}$\"",
            );
        } else if rule.regex.len() > REGEX_CHARS_MAX {
            found.add(
                format!("{key}[{at}].regex"),
                "too long",
                format!("use at most {REGEX_CHARS_MAX} characters"),
            );
        } else if let Err(err) = Regex::new(&rule.regex) {
            let reason = err.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim().to_owned();
            found.add(
                format!("{key}[{at}].regex"),
                format!("does not compile ({reason})"),
                "mend the pattern: the syntax is that of RE2, without look-around and back references",
            );
        }
    }
}
