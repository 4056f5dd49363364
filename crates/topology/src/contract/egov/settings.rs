//! What a deployment decides about this contract, as plain values: the keys of `[egov]`.

use serde::Deserialize;

use super::operation::Operation;
use crate::contract::{SettingFault, SettingRange};
use crate::otp::MobileRule;
use crate::text::TemplateRules;
use crate::wire::outbox::OutputTopic;
use crate::wire::topic_name;

/// Keys of `[egov]` (docs/interface.md).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// What tenants start with whose policy has no rules of its own. The configuration puts them into the
    /// contract's default policy; nothing here reads them.
    pub mobile_rules: Vec<MobileRule>,
    pub central_instance: CentralInstance,
}

/// What differs between the deployments, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    #[default]
    Digit,
    Mgramseva,
}

/// One installation for many states: notifications go to topics of the tenant's schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CentralInstance {
    pub enabled: bool,
    /// Which segment of a tenant names its schema, from 0; a shorter tenant's last segment does.
    pub position: usize,
    pub schemas: Vec<String>,
}

/// Where the contract's events go.
#[derive(Clone, Debug)]
pub struct EgovTopics {
    /// In the order of [`EgovSettings::notification_topics`].
    pub sms: Vec<OutputTopic>,
    /// In the order of [`EgovSettings::notification_topics`].
    pub email: Vec<OutputTopic>,
    pub validation_result: OutputTopic,
    pub lifecycle: OutputTopic,
}

impl Default for EgovSettings {
    fn default() -> Self {
        Self {
            flavour: Flavour::Digit,
            user_check: false,
            locale_default: "en_IN".to_owned(),
            strip_suffix_count: 1,
            built_in_templates: true,
            mail_sender: String::new(),
            mobile_rules: vec![MobileRule {
                country_code: "+91".to_owned(),
                regex: super::mobile::BUILT_IN_PATTERN.to_owned(),
                default: true,
            }],
            central_instance: CentralInstance { enabled: false, position: 1, schemas: Vec::new() },
        }
    }
}

impl EgovSettings {
    pub const RANGES: &[SettingRange] = &[
        SettingRange { key: "strip_suffix_count", min: 0, max: 16 },
        SettingRange { key: "central_instance.position", min: 0, max: 16 },
    ];

    /// Operations of a caller that names none.
    pub fn operations() -> Vec<String> {
        Operation::ALL.map(|operation| operation.as_str().to_owned()).to_vec()
    }

    /// The topics that a notification topic stands for: itself, or one per schema of the central instance.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        if !self.central_instance.enabled {
            return vec![base.to_owned()];
        }
        let schemas = self.central_instance.schemas.iter();
        schemas.map(|schema| format!("{schema}-{base}")).collect()
    }

    /// What is wrong with these settings, as far as one section can tell.
    pub fn faults(&self) -> Vec<SettingFault> {
        let fault = |key: &str, what: String, remedy: &str| SettingFault {
            key: key.to_owned(),
            what,
            remedy: remedy.to_owned(),
        };
        let mut found = Vec::new();
        if self.locale_default.is_empty() || self.locale_default.contains(['/', '|']) {
            found.push(fault("locale_default", "not a valid locale".to_owned(), "write one like en_IN"));
        }
        let central = &self.central_instance;
        if central.enabled && central.schemas.is_empty() {
            found.push(fault(
                "central_instance.schemas",
                "a central instance without schemas has no notification topic".to_owned(),
                "list the schemas that exist, as in schemas = [\"pb\"], or set enabled = false",
            ));
        }
        for (at, schema) in central.schemas.iter().enumerate() {
            let key = format!("central_instance.schemas[{at}]");
            if let Some(wrong) = topic_name::fault(schema) {
                let what = format!("topic names begin with it, and {wrong}");
                found.push(fault(&key, what, topic_name::REMEDY));
            } else if schema.contains('.') {
                found.push(fault(
                    &key,
                    "a schema is one segment of a tenant".to_owned(),
                    "write it without dots",
                ));
            }
        }
        found
    }

    /// What a template must be to be of use here.
    pub fn template_rules(&self) -> TemplateRules {
        match self.flavour {
            Flavour::Digit => TemplateRules::default(),
            // Its SMS consumer sends nothing without an id, and cuts the text at a `#`.
            Flavour::Mgramseva => TemplateRules { sms_id_required: true, sms_forbidden: Some('#') },
        }
    }

    /// The place of a tenant's topics in [`EgovTopics`]; `None`: no listed schema is the tenant's.
    pub(super) fn topic_of(&self, tenant: &str) -> Option<usize> {
        let central = &self.central_instance;
        if !central.enabled {
            return Some(0);
        }
        let last = tenant.split('.').count() - 1;
        let schema = tenant.split('.').nth(central.position.min(last))?;
        central.schemas.iter().position(|it| it == schema)
    }
}

impl Flavour {
    pub const ALL: [Self; 2] = [Self::Digit, Self::Mgramseva];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Digit => "digit",
            Self::Mgramseva => "mgramseva",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_the_topics_of_its_schema() {
        let check = |position: usize, tenant: &str, expected: Option<usize>| {
            let settings = EgovSettings {
                central_instance: CentralInstance {
                    enabled: true,
                    position,
                    schemas: vec!["pb".to_owned(), "ka".to_owned()],
                },
                ..EgovSettings::default()
            };
            assert_eq!(settings.topic_of(tenant), expected, "{tenant} at {position}");
        };
        check(1, "pb", Some(0));
        check(1, "in.ka", Some(1));
        check(1, "in.ka.mysuru", Some(1));
        check(1, "pb.amritsar", None);
        check(0, "pb.amritsar", Some(0));
        check(9, "in.x.pb", Some(0));
        check(1, "", None);
    }
}
