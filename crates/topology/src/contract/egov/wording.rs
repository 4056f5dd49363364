//! Which texts this contract has, the English ones that are built in, and where to find a tenant's.

use std::sync::Arc;

use super::settings::EgovSettings;
use crate::contract::Reads;
use crate::otp::{ContractName, Purpose};
use crate::state::StoreError;
use crate::text::{Template, TemplateKey, TemplateRules, Wanted, look_up, template_tenant};

/// The locale of the built-in texts.
const BUILT_IN_LOCALE: &str = "en_IN";

/// The texts, by the codes that DIGIT's module `egov-user` has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextCode {
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

/// The built-in texts, ready to render.
#[derive(Clone, Debug)]
pub struct BuiltIn([Arc<Template>; BUILT_IN.len()]);

/// Who reads the text, and in which language.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    pub tenant: &'a str,
    pub locale: &'a str,
}

impl BuiltIn {
    pub fn new() -> Self {
        Self(BUILT_IN.map(|(code, text)| {
            let key = TemplateKey {
                contract: ContractName::Egov.as_str(),
                tenant: "*",
                locale: BUILT_IN_LOCALE,
                code,
            };
            let template = Template::new(&key, text, None, &TemplateRules::default());
            Arc::new(template.expect("the built-in texts are good; a test renders them"))
        }))
    }

    /// Finds a text: the reader's language first, then the default one, then the built-in English. `None`: nothing is
    /// left.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find(
        &self,
        settings: &EgovSettings,
        reads: &dyn Reads,
        reader: &Reader<'_>,
        code: TextCode,
    ) -> Result<Option<Arc<Template>>, StoreError> {
        let wanted = Wanted {
            contract: ContractName::Egov.as_str(),
            tenant: template_tenant(reader.tenant, settings.strip_suffix_count),
            locale: reader.locale,
            locale_default: &settings.locale_default,
        };
        // A text that was stored under another flavour may lack the id that this one needs.
        let id_required = code.is_sms() && settings.template_rules().sms_id_required;
        let usable = |template: &Arc<Template>| !id_required || template.id().is_some();
        let found = look_up(&wanted, code.as_str(), |key| Ok(reads.template(key)?.filter(usable)))?;
        let built_in =
            || Some(self.0[code as usize].clone()).filter(|it| settings.built_in_templates && usable(it));
        Ok(found.or_else(built_in))
    }
}

impl TextCode {
    pub const fn as_str(self) -> &'static str {
        BUILT_IN[self as usize].0
    }

    fn is_sms(self) -> bool {
        self.as_str().starts_with("sms.")
    }

    pub fn sms(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Register => Self::SmsRegister,
            Purpose::Login => Self::SmsLogin,
            Purpose::PasswordReset => Self::SmsReset,
            Purpose::Generic | Purpose::Otp | Purpose::Generate | Purpose::SendOtp => Self::SmsGeneric,
        }
    }

    /// Subject and body.
    pub fn email(purpose: Purpose) -> (Self, Self) {
        match purpose {
            Purpose::Login => (Self::LoginSubject, Self::LoginBody),
            Purpose::PasswordReset => (Self::ResetSubject, Self::ResetBody),
            Purpose::Register | Purpose::Generic | Purpose::Otp | Purpose::Generate | Purpose::SendOtp => {
                (Self::GenericSubject, Self::GenericBody)
            }
        }
    }
}
