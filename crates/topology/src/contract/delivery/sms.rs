//! SMS events, as the notification services of DIGIT and mGramSeva read them (docs/contracts/egov.md).

use super::message::CodeMessage;
use super::number::PhoneNumber;
use crate::contract::events::{EventKind, Events};
use crate::text::Template;
use crate::wire::json::writer::Plain;
use crate::wire::outbox::OutputTopic;

/// Publishes the text message of a delivery.
pub(super) fn publish_sms(
    events: &mut Events<'_>,
    topic: OutputTopic,
    message: &CodeMessage<'_>,
    phone: PhoneNumber<'_>,
    text: &Template,
) {
    let id = message.event_id(EventKind::SMS);
    let correlation_id = events.envelope().correlation_id;
    events.publish(topic, Some(message.key.as_bytes()), &id, EventKind::SMS, |object| {
        object
            .member("mobileNumber", phone.number)
            .member("message", text.with_variables(message.code, message.variables))
            .member("category", Plain("OTP"))
            .member("expiryTime", message.challenge.expires_at.ms())
            .member("countryCode", phone.country_code)
            .member("tenantId", message.tenant)
            .member("templateId", text.id())
            .member("locale", text.locale())
            .member("eventId", &*id)
            .member("correlationId", correlation_id);
    });
}
