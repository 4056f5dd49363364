//! The text of this contract, and its built-in English.

use std::sync::Arc;

use crate::contract::delivery::{DeliverySettings, OrderTexts, WantedText};
use crate::otp::ContractName;
use crate::text::{PERCENT, Template, TemplateKey, TemplateRules};

const SMS: &str = "sms.int.otp.msg";
const BUILT_IN: &str = "Your OTP is %s.";
/// The locale of the built-in text.
const BUILT_IN_LOCALE: &str = "en_IN";

#[derive(Debug)]
pub(super) struct IntTexts {
    built_in: Arc<Template>,
}

impl IntTexts {
    pub(super) fn new() -> Self {
        let contract = ContractName::Int.as_str();
        let key = TemplateKey { contract, tenant: "*", locale: BUILT_IN_LOCALE, code: SMS };
        let built_in = Template::new(&key, BUILT_IN, None, &TemplateRules::of(PERCENT));
        Self { built_in: Arc::new(built_in.expect("the built-in text is good; a test renders it")) }
    }

    /// The contract sends text messages only.
    pub(super) fn order(&self) -> OrderTexts<'_> {
        let sms = WantedText { code: SMS, built_in: Some(&self.built_in) };
        OrderTexts { sms, email_subject: sms, email_body: sms }
    }
}

/// Every text is a text message.
pub(super) fn rules(delivery: &DeliverySettings) -> TemplateRules {
    TemplateRules {
        id_required: delivery.sms_id_required(),
        forbidden: delivery.flavour.sms_forbidden(),
        ..TemplateRules::of(PERCENT)
    }
}
