//! SMS and e-mail events, as DIGIT's and mGramSeva's own notification services read them (spec/egov.md).

use std::sync::Arc;

use serde::Serialize;

use super::settings::Flavour;
use crate::contract::{EventKind, Events};
use crate::otp::ChallengeView;
use crate::text::{Rendered, Template};
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
    let id = format!("{}-sms-{}", delivery.challenge.code.challenge, delivery.send_number);
    let correlation_id = events.envelope().correlation_id;
    let body = Sms {
        mobile_number: mobile.number,
        message: text.with(delivery.code),
        category: "OTP",
        expiry_time: delivery.challenge.expires_at.ms(),
        country_code: mobile.country_code,
        tenant_id: delivery.tenant,
        template_id: text.id(),
        locale: text.locale(),
        event_id: &id,
        correlation_id,
    };
    events.publish(topic, Some(delivery.key.as_bytes()), &id, EventKind::SMS, &body);
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
    let id = format!("{}-email-{}", delivery.challenge.code.challenge, delivery.send_number);
    let key = Some(delivery.key.as_bytes());
    let subject = texts.subject.with(delivery.code);
    let body = texts.body.with(delivery.code);
    match style.flavour {
        Flavour::Digit => {
            let email =
                Email { email_to: [address], subject, body, is_html: false, tenant_id: delivery.tenant };
            let request_info = NoRequestInfo {};
            events.publish(topic, key, &id, EventKind::EMAIL, &DigitEmail { request_info, email });
        }
        Flavour::Mgramseva => {
            let sender = style.sender;
            let email = FlatEmail { email: address, subject, body, sender };
            events.publish(topic, key, &id, EventKind::EMAIL, &email);
        }
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sms<'a> {
    mobile_number: &'a str,
    message: Rendered<'a>,
    category: &'a str,
    expiry_time: u64,
    country_code: Option<&'a str>,
    tenant_id: &'a str,
    template_id: Option<&'a str>,
    locale: &'a str,
    event_id: &'a str,
    correlation_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DigitEmail<'a> {
    request_info: NoRequestInfo,
    email: Email<'a>,
}

/// An empty object: the consumer reads the member, not what is in it.
#[derive(Serialize)]
struct NoRequestInfo {}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Email<'a> {
    email_to: [&'a str; 1],
    subject: Rendered<'a>,
    body: Rendered<'a>,
    #[serde(rename = "isHTML")]
    is_html: bool,
    tenant_id: &'a str,
}

#[derive(Serialize)]
struct FlatEmail<'a> {
    email: &'a str,
    subject: Rendered<'a>,
    body: Rendered<'a>,
    sender: &'a str,
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
