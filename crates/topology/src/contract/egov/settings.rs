//! What a deployment decides about this contract, as plain values: the keys of `[egov]`.

use super::operation::Operation;
use crate::otp::MobileRule;
use crate::text::TemplateRules;
use crate::wire::outbox::OutputTopic;

/// Keys of `[egov]` (docs/interface.md).
#[derive(Clone, Debug, PartialEq)]
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
    /// `None`: not enabled.
    pub central_instance: Option<CentralInstance>,
}

/// What differs between the deployments, together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flavour {
    #[default]
    Digit,
    Mgramseva,
}

/// One installation for many states: notifications go to topics of the tenant's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CentralInstance {
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
            central_instance: None,
        }
    }
}

impl EgovSettings {
    /// Operations of a caller that names none.
    pub fn operations() -> Vec<String> {
        Operation::ALL.map(|operation| operation.as_str().to_owned()).to_vec()
    }

    /// The topics that a notification topic stands for: itself, or one per schema of the central instance.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        match &self.central_instance {
            None => vec![base.to_owned()],
            Some(central) => {
                let schemas = central.schemas.iter();
                schemas.map(|schema| format!("{schema}-{base}")).collect()
            }
        }
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
        let Some(central) = &self.central_instance else {
            return Some(0);
        };
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
                central_instance: Some(CentralInstance {
                    position,
                    schemas: vec!["pb".to_owned(), "ka".to_owned()],
                }),
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
