//! E-mail events, as the notification services of DIGIT and mGramSeva read them (docs/contracts/egov.md).

use std::sync::Arc;

use super::flavour::Flavour;
use super::message::CodeMessage;
use crate::contract::events::{EventKind, Events};
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

/// Whether mail services accept this address. DIGIT's loses the rest of its poll at one bad address.
///
/// The local part is ASCII without characters that need quotes (RFC 5321 §4.1.2). The domain has letters, digits,
/// hyphens and dots, and outside ASCII also combining marks.
pub fn is_address(address: &str) -> bool {
    const ADDRESS_BYTES_MAX: usize = 254;
    const LOCAL_BYTES_MAX: usize = 64;
    let Some((local, domain)) = address.rsplit_once('@') else {
        return false;
    };
    let local_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let domain_char = |c: char| {
        c.is_alphanumeric() || c == '-' || c == '.' || !(c.is_ascii() || c.is_whitespace() || c.is_control())
    };
    let dots_apart = |part: &str| part.split('.').all(|label| !label.is_empty());
    let label = |label: &str| !label.starts_with('-') && !label.ends_with('-');
    address.len() <= ADDRESS_BYTES_MAX
        && local.len() <= LOCAL_BYTES_MAX
        && local.chars().all(local_char)
        && domain.chars().all(domain_char)
        && dots_apart(local)
        && dots_apart(domain)
        && domain.split('.').all(label)
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
    fn an_address_is_one_that_mail_services_take() {
        let check = |address: &str, good: bool| assert_eq!(is_address(address), good, "{address:?}");
        check("asha@example.org", true);
        check("asha.k+otp@mail.example.org", true);
        check("asha@bücher.example", true);
        check("asha@localhost", true);
        check("asha@हिन्दी.भारत", true);
        check("asha@exam\u{a0}ple.org", false);
        check("asha@example\u{85}.org", false);
        check("äsha@example.org", false);
        check("asha", false);
        check("@example.org", false);
        check("asha@", false);
        check("asha kumar@example.org", false);
        check("asha@exam ple.org", false);
        check("asha@example.org\r\nBcc: x@y.z", false);
        check("asha@example..org", false);
        check(".asha@example.org", false);
        check("asha@example.org,b@c.d", false);
        check("<asha@example.org>", false);
        check("a@b@c.d", false);
        check(&format!("{}@example.org", "a".repeat(65)), false);
    }
}
