//! The stream `otp-lifecycle`, in one shape for all contracts (docs/interface.md). Every field is present; one that does
//! not apply is null. Contains no code, number or address.

use super::signal::{SignalKind, Tally, TallyKind};
use crate::contract::events::{About, EventKind, Events};
use crate::otp::{
    ChallengeId, LogTime, Notice, NoticeKind, NumberPrefix, PolicyVersion, Pseudonym, Purpose, Refusal,
};
use crate::wire::json::writer::{Plain, WriteJson};
use crate::wire::outbox::OutputTopic;

/// A way to send a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Sms,
    Email,
}

/// Where a code went, or would have gone. Contains no number and no address.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryRoute<'a> {
    pub channels: Option<&'a [Channel]>,
    pub country_code: Option<&'a str>,
    /// Of the national number.
    pub prefix: Option<NumberPrefix>,
    /// Of the template.
    pub locale: Option<&'a str>,
}

/// Why a notification was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    SendTooSoon,
    SendLimit,
    /// The number got as many deliveries as it may have in an hour.
    NumberLimit,
    Locked,
    StaleRequest,
    UnknownRecipient,
    /// A `register` of somebody who exists, where existence is concealed.
    KnownRecipient,
    TemplateMissing,
    /// An e-mail address or a number of the directory to which nothing can be sent.
    BadAddress,
    DestinationNotAllowed,
    PrefixLimit,
    TenantLimit,
}

impl WriteJson for Channel {
    fn write_json(&self, out: &mut Vec<u8>) {
        let name = match self {
            Self::Sms => "sms",
            Self::Email => "email",
        };
        Plain(name).write_json(out);
    }
}

impl From<Refusal> for Suppression {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked => Self::Locked,
            Refusal::SendTooSoon => Self::SendTooSoon,
            Refusal::SendLimit => Self::SendLimit,
            Refusal::DestinationNotAllowed => Self::DestinationNotAllowed,
            Refusal::PrefixLimit => Self::PrefixLimit,
            Refusal::TenantLimit => Self::TenantLimit,
            Refusal::NumberLimit => Self::NumberLimit,
        }
    }
}

impl Suppression {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SendTooSoon => "send_too_soon",
            Self::SendLimit => "send_limit",
            Self::NumberLimit => "number_limit",
            Self::Locked => "locked",
            Self::StaleRequest => "stale_request",
            Self::UnknownRecipient => "unknown_recipient",
            Self::KnownRecipient => "known_recipient",
            Self::TemplateMissing => "template_missing",
            Self::BadAddress => "bad_address",
            Self::DestinationNotAllowed => "destination_not_allowed",
            Self::PrefixLimit => "prefix_limit",
            Self::TenantLimit => "tenant_limit",
        }
    }
}

/// Publishes a notice of the rules on the lifecycle stream.
pub fn lifecycle(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &DeliveryRoute<'_>,
    notice: &Notice,
) {
    let kind = lifecycle_name(notice.kind);
    let reason = match notice.kind {
        NoticeKind::Suppressed(refusal) => Some(Suppression::from(refusal)),
        NoticeKind::Issued
        | NoticeKind::Resent
        | NoticeKind::Superseded
        | NoticeKind::Verified
        | NoticeKind::Failed
        | NoticeKind::Locked
        | NoticeKind::Unlocked
        | NoticeKind::Expired
        | NoticeKind::Forgotten => None,
    };
    let mut about = *about;
    if let Some((tenant, policy_version)) = &notice.terms {
        about.tenant = Some(tenant);
        about.policy_version = Some(*policy_version);
    }
    if let Some(kind) = SignalKind::of(notice.kind) {
        let prefix = route.prefix.or(notice.prefix);
        events.tally(Tally { prefix, what: TallyKind::Signal(kind) });
    }
    publish_lifecycle(
        events,
        topic,
        &about,
        route,
        &LifecycleFacts {
            kind,
            reason,
            challenge: notice.challenge,
            purpose: notice.purpose,
            send_number: notice.send_number,
            locked_until: notice.locked_until,
        },
    );
}

/// Publishes that a challenge expired. The sweep found it, so there is no request and no caller.
pub fn expired(events: &mut Events<'_>, topic: OutputTopic, subject: Pseudonym, notice: &Notice) {
    let Some(purpose) = notice.purpose else { return };
    let about = About {
        contract: purpose.contract(),
        tenant: None,
        subject: Some(subject),
        request_id: None,
        caller: None,
        client_ref: None,
        policy_version: None,
    };
    lifecycle(events, topic, &about, &DeliveryRoute::default(), notice);
}

/// Publishes that something was not sent, for a reason that is not a refusal of the rules.
pub fn suppressed(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &DeliveryRoute<'_>,
    purpose: Option<Purpose>,
    reason: Suppression,
) {
    events.tally(Tally { prefix: route.prefix, what: TallyKind::Signal(SignalKind::Suppressed) });
    publish_lifecycle(
        events,
        topic,
        about,
        route,
        &LifecycleFacts {
            kind: "suppressed",
            reason: Some(reason),
            challenge: None,
            purpose,
            send_number: None,
            locked_until: None,
        },
    );
}

const fn lifecycle_name(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Issued => "issued",
        NoticeKind::Resent => "resent",
        NoticeKind::Superseded => "superseded",
        NoticeKind::Verified => "verified",
        NoticeKind::Failed => "failed",
        NoticeKind::Locked => "locked",
        NoticeKind::Unlocked => "unlocked",
        NoticeKind::Expired => "expired",
        NoticeKind::Suppressed(_) => "suppressed",
        NoticeKind::Forgotten => "forgotten",
    }
}

struct LifecycleFacts {
    kind: &'static str,
    reason: Option<Suppression>,
    challenge: Option<ChallengeId>,
    purpose: Option<Purpose>,
    send_number: Option<u8>,
    /// Of `locked`: the end of the lock; `None` for a hard lock.
    locked_until: Option<LogTime>,
}

fn publish_lifecycle(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &DeliveryRoute<'_>,
    facts: &LifecycleFacts,
) {
    let id = lifecycle_id(events, facts);
    let subject = about.subject.map(Pseudonym::to_hex);
    let occurred_at = events.envelope().time.ms();
    let key = subject.as_ref().map(|it| it.as_bytes());
    events.publish(topic, key, &id, EventKind(facts.kind), |object| {
        object
            .member("eventId", &*id)
            .member("type", Plain(facts.kind))
            .member("contract", Plain(about.contract.as_str()))
            .member("tenantId", about.tenant)
            .member("subject", subject)
            .member("challengeId", facts.challenge.map(ChallengeId::to_uuid))
            .member("requestId", about.request_id)
            .member("purpose", facts.purpose.map(Purpose::as_str).map(Plain))
            .member("caller", about.caller)
            .member("clientRef", about.client_ref)
            .member("channels", route.channels)
            .member("countryCode", route.country_code)
            .member("prefix", route.prefix.map(NumberPrefix::digits))
            .member("locale", route.locale)
            .member("sendNumber", facts.send_number)
            .member("reason", facts.reason.map(Suppression::as_str).map(Plain))
            .member("lockedUntil", facts.locked_until.map(LogTime::ms))
            .member("policyVersion", about.policy_version.map(PolicyVersion::to_hex))
            .member("occurredAt", occurred_at);
    });
}

/// One request reports each kind at most once per purpose, and each reason of `suppressed` at most once.
fn lifecycle_id(events: &Events<'_>, facts: &LifecycleFacts) -> String {
    match facts.reason.map(Suppression::as_str).or(facts.purpose.map(Purpose::as_str)) {
        Some(detail) => [events.envelope().event_base, facts.kind, detail].join("-"),
        None => events.id(facts.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ABOUT, published};
    use super::*;

    #[test]
    fn an_expired_challenge_has_its_own_tenant_and_policy_version() {
        let notice = Notice {
            kind: NoticeKind::Expired,
            challenge: Some(ChallengeId([0; 16])),
            purpose: Some(Purpose::Login),
            send_number: None,
            locked_until: None,
            terms: Some(("pb.moga".into(), PolicyVersion([2; 8]))),
            prefix: NumberPrefix::of("9123"),
        };
        let found = published(|events| expired(events, OutputTopic(0), Pseudonym([0xab; 16]), &notice));
        let expected = "abababababababababababababababab base-expired-login org.digit.otp.expired.v1 \
            {\"eventId\":\"base-expired-login\",\"type\":\"expired\",\"contract\":\"egov\",\"tenantId\":\"pb.moga\",\
            \"subject\":\"abababababababababababababababab\",\
            \"challengeId\":\"00000000-0000-0000-0000-000000000000\",\"requestId\":null,\"purpose\":\"login\",\
            \"caller\":null,\"clientRef\":null,\"channels\":null,\"countryCode\":null,\"prefix\":null,\
            \"locale\":null,\"sendNumber\":null,\"reason\":null,\"lockedUntil\":null,\"policyVersion\":\"0202020202020202\",\
            \"occurredAt\":1700000000000}";
        assert_eq!(found, expected);
    }

    #[test]
    fn every_event_says_until_when_its_subject_is_locked() {
        let check = |kind: NoticeKind, locked_until: Option<u64>, expected: &str| {
            let locked_until = locked_until.map(LogTime::from_ms);
            let notice = Notice {
                kind,
                challenge: None,
                purpose: Some(Purpose::Login),
                send_number: None,
                locked_until,
                terms: None,
                prefix: None,
            };
            let found = published(|events| {
                lifecycle(events, OutputTopic(0), &ABOUT, &DeliveryRoute::default(), &notice);
            });
            assert!(found.contains(&format!(",\"lockedUntil\":{expected},\"policyVersion\"")), "{found}");
        };
        check(NoticeKind::Locked, Some(7), "7");
        check(NoticeKind::Locked, None, "null");
        check(NoticeKind::Failed, None, "null");
        check(NoticeKind::Suppressed(Refusal::Locked), None, "null");
    }
}
