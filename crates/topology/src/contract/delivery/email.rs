//! E-mail events, as the notification services of DIGIT and mGramSeva read them (docs/contracts/egov.md).

use std::borrow::Cow;
use std::sync::Arc;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use super::flavour::Flavour;
use super::message::CodeMessage;
use crate::contract::events::{EventKind, Events};
use crate::otp::has_invisible;
use crate::text::{Rendered, Template};
use crate::wire::json::writer::{Object, WriteJson};
use crate::wire::outbox::OutputTopic;

/// Subject and body of an e-mail.
#[derive(Clone, Debug)]
pub(super) struct EmailTexts {
    pub subject: Arc<Template>,
    pub body: Arc<Template>,
}

/// The shape of an e-mail event.
#[derive(Clone, Copy, Debug)]
pub struct EmailStyle<'a> {
    pub flavour: Flavour,
    /// `sender` of mGramSeva's e-mails.
    pub sender: &'a str,
}

/// Publishes the e-mail of a delivery.
pub(super) fn publish_email(
    events: &mut Events<'_>,
    topic: OutputTopic,
    message: &CodeMessage<'_>,
    address: &str,
    texts: &EmailTexts,
    style: EmailStyle<'_>,
) {
    let id = message.event_id(EventKind::EMAIL);
    let key = Some(message.key.as_bytes());
    let subject = texts.subject.with_variables(message.code, message.variables);
    let body = texts.body.with_variables(message.code, message.variables);
    events.publish(topic, key, &id, EventKind::EMAIL, |object| match style.flavour {
        Flavour::Digit => {
            let email = DigitEmail { address, subject, body, tenant: message.tenant };
            object.member("requestInfo", EmptyObject).member("email", email);
        }
        Flavour::Mgramseva => {
            object
                .member("email", address)
                .member("subject", subject)
                .member("body", body)
                .member("sender", style.sender);
        }
    });
}

/// The address as every mail service takes it: in ASCII, an internationalized domain as its A-labels (`xn--…`). `None`:
/// no mail service takes it. `JavaMail`, which DIGIT's uses, refuses other letters than ASCII's and marks in a domain, and one
/// refusal loses the rest of its poll.
///
/// The local part has no characters that need quotes (RFC 5321 §4.1.2). The domain is one by UTS 46.
pub fn mail_address(address: &str) -> Option<Cow<'_, str>> {
    const ADDRESS_BYTES_MAX: usize = 254;
    const LOCAL_BYTES_MAX: usize = 64;
    let (local, domain) = address.rsplit_once('@')?;
    let local_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_local = local.len() <= LOCAL_BYTES_MAX
        && local.chars().all(local_char)
        && local.split('.').all(|atom| !atom.is_empty());
    // UTS 46 drops invisible characters: the domain would be another one than its reader believes.
    if !is_local || has_invisible(domain) {
        return None;
    }
    let ascii = Uts46::new().to_ascii(
        domain.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    let ascii = ascii.ok()?;
    let sent = if domain.is_ascii() { address.into() } else { Cow::Owned([local, "@", &*ascii].concat()) };
    Some(sent).filter(|sent| sent.len() <= ADDRESS_BYTES_MAX)
}

/// `email` of DIGIT's event.
struct DigitEmail<'a> {
    address: &'a str,
    subject: Rendered<'a>,
    body: Rendered<'a>,
    tenant: &'a str,
}

impl WriteJson for DigitEmail<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object
                .member("emailTo", [self.address].as_slice())
                .member("subject", self.subject)
                .member("body", self.body)
                .member("isHTML", false)
                .member("tenantId", self.tenant);
        });
    }
}

/// The consumer needs the member and reads nothing in it.
struct EmptyObject;

impl WriteJson for EmptyObject {
    fn write_json(&self, out: &mut Vec<u8>) {
        Object::write(out, |_| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_goes_out_as_mail_services_take_it() {
        let check = |address: &str, expected: Option<&str>| {
            assert_eq!(mail_address(address).as_deref(), expected, "{address:?}");
        };
        let same = |address: &str| check(address, Some(address));
        let refused = |address: &str| check(address, None);
        same("asha@example.org");
        same("asha.k+otp@mail.example.org");
        same("Asha@Example.ORG");
        same("asha@localhost");
        same("asha@xn--exmple-cua.org");
        same("asha@ab--cd.example.org");
        check("idn@exämple.org", Some("idn@xn--exmple-cua.org"));
        check("asha@bücher.example", Some("asha@xn--bcher-kva.example"));
        check("asha@BÜCHER.example", Some("asha@xn--bcher-kva.example"));
        check("asha@हिन्दी.भारत", Some("asha@xn--j2bd4cyah0f.xn--h2brj9c"));
        check("asha@例え。jp", Some("asha@xn--r8jz45g.jp"));
        for character in
            "\u{200b}\u{ad}\u{2060}\u{feff}\u{fffd}\u{202e}\u{200d}\u{fe0f}\u{a0}\u{85}\u{2028}".chars()
        {
            refused(&format!("asha@exam{character}ple.org"));
            refused(&format!("asha@exämple{character}.org"));
            refused(&format!("as{character}ha@example.org"));
        }
        for bad in ["xn--a", "a_b.org", "example.org.", ".org", "-a.org", "a-.org", "\u{301}a.org"] {
            refused(&format!("asha@{bad}"));
        }
        refused("asha@[127.0.0.1]");
        refused("äsha@example.org");
        refused("asha");
        refused("@example.org");
        refused("asha@");
        refused("asha kumar@example.org");
        refused("asha@exam ple.org");
        refused("asha@example.org\r\nBcc: x@y.z");
        refused("asha@example..org");
        refused(".asha@example.org");
        refused("asha.@example.org");
        refused("asha@example.org,b@c.d");
        refused("<asha@example.org>");
        refused("a@b@c.d");
        refused(&format!("{}@example.org", "a".repeat(65)));
        refused(&format!("a@{}.org", "ü".repeat(60)));
        refused(&format!("a@{}.org", ["a"; 126].join(".")));
    }
}
