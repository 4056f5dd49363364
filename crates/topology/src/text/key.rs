//! The key of a template: `<contract>/<tenant or *>/<locale>/<code>`.

/// Longest key that is read, in bytes.
const KEY_BYTES_MAX: usize = 512;

/// The parts of a template's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateKey<'a> {
    pub contract: &'a str,
    /// A tenant, or `*` for all tenants of the contract.
    pub tenant: &'a str,
    pub locale: &'a str,
    /// Such as `sms.login.otp.msg`.
    pub code: &'a str,
}

impl<'a> TemplateKey<'a> {
    /// `None` if it does not have exactly four parts, or a part is empty or has a control character.
    pub fn parse(key: &'a str) -> Option<Self> {
        if key.len() > KEY_BYTES_MAX || key.contains(char::is_control) {
            return None;
        }
        let mut parts = key.split('/');
        let parsed = Self {
            contract: parts.next()?,
            tenant: parts.next()?,
            locale: parts.next()?,
            code: parts.next()?,
        };
        let all = [parsed.contract, parsed.tenant, parsed.locale, parsed.code];
        let complete = parts.next().is_none() && all.iter().all(|part| !part.is_empty());
        complete.then_some(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_four_parts() {
        let check = |key: &str, good: bool| assert_eq!(TemplateKey::parse(key).is_some(), good, "{key}");
        check("egov/pb/hi_IN/sms.login.otp.msg", true);
        check("egov/*/en_IN/email.login.otp.sub", true);
        check("egov/pb/hi_IN", false);
        check("egov//hi_IN/sms.login.otp.msg", false);
        check("egov/pb/hi_IN/sms.login.otp.msg/more", false);
        check("egov/pb/hi_IN/sms\n", false);
        check(&format!("egov/{}/hi_IN/sms", "p".repeat(600)), false);
    }
}
