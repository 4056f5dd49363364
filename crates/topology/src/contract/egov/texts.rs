//! The texts of this contract, by the codes that DIGIT's module `egov-user` has for them, and their built-in English.

use std::sync::Arc;

use super::purpose::EgovPurpose;
use crate::contract::delivery::{OrderTexts, WantedText};
use crate::otp::ContractName;
use crate::text::{PERCENT, Template, TemplateKey, TemplateRules};

/// The locale of the built-in texts.
const BUILT_IN_LOCALE: &str = "en_IN";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextCode {
    SmsRegister,
    SmsLogin,
    SmsReset,
    SmsGeneric,
    LoginSubject,
    LoginBody,
    ResetSubject,
    ResetBody,
    GenericSubject,
    GenericBody,
}

/// Code and built-in text, in the order of [`TextCode`].
const BUILT_IN: [(&str, &str); 10] = [
    ("sms.register.otp.msg", "Dear Citizen, Your OTP to complete your DIGIT Registration is %s."),
    ("sms.login.otp.msg", "Dear Citizen, Your Login OTP is %s."),
    ("sms.pwd.reset.otp.msg", "Dear Citizen, Your OTP for recovering password is %s."),
    ("sms.generic.otp.msg", "Your OTP is %s."),
    ("email.login.otp.sub", "Login OTP"),
    ("email.login.otp.body", "Dear Citizen, Your Login OTP is %s."),
    ("email.pwd.reset.otp.sub", "Password Reset"),
    ("email.pwd.reset.otp.body", "Your OTP for recovering password is %s."),
    ("email.generic.otp.sub", "OTP"),
    ("email.generic.otp.body", "Your OTP is %s."),
];

/// The texts, with the built-in ones ready to render.
#[derive(Debug)]
pub(super) struct EgovTexts {
    /// `None`: the deployment does not fall back to them.
    built_in: Option<[Arc<Template>; BUILT_IN.len()]>,
}

/// Whether a template with this code is ever used.
pub fn is_text_code(code: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == code)
}

/// Whether the text of a template with this code becomes a text message.
pub(super) fn is_sms(code: &str) -> bool {
    code.starts_with("sms.")
}

/// Whether the text of a template with this code becomes the subject of an e-mail.
pub(super) fn is_subject(code: &str) -> bool {
    code.ends_with(".sub")
}

impl EgovTexts {
    pub(super) fn new(with_built_in: bool) -> Self {
        Self { built_in: with_built_in.then(built_in) }
    }

    /// The texts that carry a code of this purpose.
    pub(super) fn of(&self, purpose: EgovPurpose) -> OrderTexts<'_> {
        let (sms, email_subject, email_body) = match purpose {
            EgovPurpose::Register => (TextCode::SmsRegister, TextCode::GenericSubject, TextCode::GenericBody),
            EgovPurpose::Login => (TextCode::SmsLogin, TextCode::LoginSubject, TextCode::LoginBody),
            EgovPurpose::PasswordReset => (TextCode::SmsReset, TextCode::ResetSubject, TextCode::ResetBody),
            EgovPurpose::Generic => (TextCode::SmsGeneric, TextCode::GenericSubject, TextCode::GenericBody),
        };
        OrderTexts {
            sms: self.wanted(sms),
            email_subject: self.wanted(email_subject),
            email_body: self.wanted(email_body),
        }
    }

    fn wanted(&self, code: TextCode) -> WantedText<'_> {
        let built_in = self.built_in.as_ref().map(|it| &it[code as usize]);
        WantedText { code: BUILT_IN[code as usize].0, built_in }
    }
}

fn built_in() -> [Arc<Template>; BUILT_IN.len()] {
    BUILT_IN.map(|(code, text)| {
        let contract = ContractName::Egov.as_str();
        let key = TemplateKey { contract, tenant: "*", locale: BUILT_IN_LOCALE, code };
        let rules = TemplateRules { is_subject: is_subject(code), ..TemplateRules::of(PERCENT) };
        let template = Template::new(&key, text, None, &rules);
        Arc::new(template.expect("the built-in texts are good; a test renders them"))
    })
}
