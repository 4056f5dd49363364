//! SMS and e-mail events, as DIGIT's and mGramSeva's own notification services read them (docs/contracts/egov.md).

use std::sync::Arc;

use super::settings::Flavour;
use crate::contract::{EventKind, Events};
use crate::otp::ChallengeView;
use crate::text::{Rendered, Template};
use crate::wire::json::writer::{Object, Plain, WriteJson};
use crate::wire::outbox::OutputTopic;

/// A number to send to. The two parts are never joined.
#[derive(Clone, Copy)]
pub struct Mobile<'a> {
    pub number: &'a str,
    pub country_code: Option<&'a str>,
}

/// Subject and body of an e-mail.
#[derive(Clone, Debug)]
pub struct EmailTexts {
    pub subject: Arc<Template>,
    pub body: Arc<Template>,
}

/// One delivery of one challenge.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    pub challenge: &'a ChallengeView,
    /// The digits.
    pub code: &'a str,
    pub send_number: u8,
    /// As the request gave it.
    pub tenant: &'a str,
    /// The record key: the subject's pseudonym.
    pub key: &'a str,
}

/// Publishes the text message of a delivery.
pub fn publish_sms(
    events: &mut Events<'_>,
    topic: OutputTopic,
    delivery: &Delivery<'_>,
    mobile: Mobile<'_>,
    text: &Template,
) {
    let id = delivery.event_id(EventKind::SMS);
    let correlation_id = events.envelope().correlation_id;
    events.publish(topic, Some(delivery.key.as_bytes()), &id, EventKind::SMS, |object| {
        object
            .member("mobileNumber", mobile.number)
            .member("message", text.with(delivery.code))
            .member("category", Plain("OTP"))
            .member("expiryTime", delivery.challenge.expires_at.ms())
            .member("countryCode", mobile.country_code)
            .member("tenantId", delivery.tenant)
            .member("templateId", text.id())
            .member("locale", text.locale())
            .member("eventId", &*id)
            .member("correlationId", correlation_id);
    });
}

/// Publishes the e-mail of a delivery.
pub fn publish_email(
    events: &mut Events<'_>,
    topic: OutputTopic,
    delivery: &Delivery<'_>,
    address: &str,
    texts: &EmailTexts,
    style: EmailStyle<'_>,
) {
    let id = delivery.event_id(EventKind::EMAIL);
    let key = Some(delivery.key.as_bytes());
    let subject = texts.subject.with(delivery.code);
    let body = texts.body.with(delivery.code);
    events.publish(topic, key, &id, EventKind::EMAIL, |object| match style.flavour {
        Flavour::Digit => {
            let email = DigitEmail { address, subject, body, tenant: delivery.tenant };
            object.member("requestInfo", NoRequestInfo).member("email", email);
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

impl Delivery<'_> {
    /// Each number of a challenge's delivery has one event of a kind.
    fn event_id(&self, kind: EventKind) -> String {
        let mut number = itoa::Buffer::new();
        let number = number.format(self.send_number);
        [&self.challenge.code.challenge.to_uuid(), kind.0, number].join("-")
    }
}

/// What an e-mail event looks like.
#[derive(Clone, Copy)]
pub struct EmailStyle<'a> {
    pub flavour: Flavour,
    pub sender: &'a str,
}

/// Whether a mail service can take this address: one bad address costs DIGIT's the rest of its poll. Local part ASCII
/// and without what needs quoting (RFC 5321 §4.1.2), domain of letters, digits, hyphens and dots; in a script other than
/// ASCII also of marks, which many a name has.
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

/// An empty object: the consumer reads the member, not what is in it.
struct NoRequestInfo;

impl WriteJson for NoRequestInfo {
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
