//! The texts of this contract: which templates a context has, and the built-in English of the context `auth-otp`.

use std::sync::Arc;

use crate::contract::delivery::{DeliverySettings, OrderTexts, WantedText};
use crate::otp::ContractName;
use crate::text::{Template, TemplateKey, TemplateRules, VARIABLES};

const SMS: &str = "-sms-template";
const EMAIL_SUBJECT: &str = "-email-subject-template";
const EMAIL_BODY: &str = "-email-content-template";

/// The context that has built-in texts.
const BUILT_IN_CONTEXT: &str = "auth-otp";
const BUILT_IN_BODY: &str = "Please find the otp $otp";
const BUILT_IN_SUBJECT: &str = "Otp message";
/// The language of the built-in texts.
const BUILT_IN_LANGUAGE: &str = "eng";

#[derive(Debug)]
pub(super) struct MosipTexts {
    body: Arc<Template>,
    subject: Arc<Template>,
}

/// The codes of the templates of one context.
pub(super) struct ContextCodes {
    sms: String,
    email_subject: String,
    email_body: String,
    has_built_in: bool,
}

impl ContextCodes {
    pub(super) fn of(context: &str) -> Self {
        let code = |suffix| [context, suffix].concat();
        Self {
            sms: code(SMS),
            email_subject: code(EMAIL_SUBJECT),
            email_body: code(EMAIL_BODY),
            has_built_in: context == BUILT_IN_CONTEXT,
        }
    }
}

impl MosipTexts {
    pub(super) fn new() -> Self {
        let built_in = |suffix: &str, text: &str| {
            let code = [BUILT_IN_CONTEXT, suffix].concat();
            let contract = ContractName::Mosip.as_str();
            let key = TemplateKey { contract, tenant: "*", locale: BUILT_IN_LANGUAGE, code: &code };
            let rules = TemplateRules { is_subject: is_subject(&code), ..TemplateRules::of(VARIABLES) };
            let template = Template::new(&key, text, None, &rules);
            Arc::new(template.expect("the built-in texts are good; a test renders them"))
        };
        Self { body: built_in(SMS, BUILT_IN_BODY), subject: built_in(EMAIL_SUBJECT, BUILT_IN_SUBJECT) }
    }

    pub(super) fn of<'a>(&'a self, codes: &'a ContextCodes) -> OrderTexts<'a> {
        let wanted =
            |code, built_in| WantedText { code, built_in: Some(built_in).filter(|_| codes.has_built_in) };
        OrderTexts {
            sms: wanted(&codes.sms, &self.body),
            email_subject: wanted(&codes.email_subject, &self.subject),
            email_body: wanted(&codes.email_body, &self.body),
        }
    }
}

/// What a template must be whose key ends with this code.
pub(super) fn rules(code: &str, delivery: &DeliverySettings) -> TemplateRules {
    let is_sms = code.ends_with(SMS);
    TemplateRules {
        syntax: VARIABLES,
        is_subject: is_subject(code),
        id_required: is_sms && delivery.sms_id_required(),
        forbidden: delivery.flavour.sms_forbidden().filter(|_| is_sms),
    }
}

/// The context that a template's code belongs to. `None`: no `sendotp` uses such a code.
pub fn context_of(code: &str) -> Option<&str> {
    let context = [SMS, EMAIL_SUBJECT, EMAIL_BODY].iter().find_map(|suffix| code.strip_suffix(suffix))?;
    (!context.is_empty()).then_some(context)
}

fn is_subject(code: &str) -> bool {
    code.ends_with(EMAIL_SUBJECT)
}
