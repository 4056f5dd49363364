//! What the contracts share about delivery. The keys are those of the section `[egov]`, whose texts and numbers are the
//! deployment's.

use serde::Deserialize;

use super::email::EmailStyle;
use super::flavour::Flavour;
use super::order::DeliveryStyle;
use crate::otp::NumberRule;

/// What a number without a country code must match if no rule is the default. Also the pattern of the default rule.
pub const NUMBER_PATTERN: &str = "^[6-9][0-9]{9}$";

/// The keys of `[egov]` that all contracts follow. Its other keys are ignored here.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub struct DeliverySettings {
    pub flavour: Flavour,
    /// No text message goes out without the id under which its text is registered (India: DLT). The flavour mgramseva
    /// always demands one.
    pub template_id_required: bool,
    /// `sender` of e-mails of the flavour mgramseva.
    pub mail_sender: String,
    pub locale_default: String,
    /// The number rules of tenants whose policy has none of its own.
    pub mobile_rules: Vec<NumberRule>,
}

impl Default for DeliverySettings {
    fn default() -> Self {
        Self {
            flavour: Flavour::Digit,
            template_id_required: false,
            mail_sender: String::new(),
            locale_default: "en_IN".to_owned(),
            mobile_rules: vec![NumberRule {
                country_code: "+91".to_owned(),
                regex: NUMBER_PATTERN.to_owned(),
                default: true,
            }],
        }
    }
}

impl DeliverySettings {
    /// Whether a text message needs the id of its template.
    pub fn sms_id_required(&self) -> bool {
        self.template_id_required || self.flavour.sms_id_required()
    }

    /// For a contract with one tenant.
    pub fn style(&self) -> DeliveryStyle<'_> {
        DeliveryStyle {
            email: EmailStyle { flavour: self.flavour, sender: &self.mail_sender },
            sms_id_required: self.sms_id_required(),
            locale_default: &self.locale_default,
            second_locale: None,
            strip_suffix_count: 0,
        }
    }
}
