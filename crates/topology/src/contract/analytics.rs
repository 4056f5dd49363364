//! The two analytic streams, in one shape for all contracts: `otp-validation-result` and `otp-lifecycle`
//! (docs/interface.md). Every field is present; what does not apply is null. No code, number or address is in them.

use super::{EventKind, Events};
use crate::otp::{
    ChallengeId, ContractName, LogTime, Notice, NoticeKind, PolicyVersion, Pseudonym, Purpose, Refusal,
    Verdict, Verification,
};
use crate::wire::json::writer::{Plain, WriteJson};
use crate::wire::outbox::OutputTopic;

/// What an analytic event is about, whatever happened.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub contract: ContractName,
    /// As the request gave it; `None` if it gave none.
    pub tenant: Option<&'a str>,
    /// `None` if the request does not say whose.
    pub subject: Option<Pseudonym>,
    pub request_id: Option<&'a str>,
    pub caller: Option<&'a str>,
    pub client_ref: Option<&'a str>,
    pub policy_version: Option<PolicyVersion>,
}

/// A way by which a code travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    Sms,
    Email,
}

/// Where a code went, or would have gone. Holds no number and no address.
#[derive(Clone, Copy, Debug, Default)]
pub struct Route<'a> {
    pub channels: Option<&'a [Channel]>,
    pub country_code: Option<&'a str>,
    /// See [`number_prefix`].
    pub prefix: Option<&'a str>,
    /// Of the template.
    pub locale: Option<&'a str>,
}

/// Why a notification was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    SendTooSoon,
    SendLimit,
    Locked,
    StaleRequest,
    UnknownRecipient,
    TemplateMissing,
    BadAddress,
}

/// What became of a verification.
#[derive(Clone, Copy, Debug)]
pub enum Judgement<'a> {
    /// The rules judged it.
    Judged(&'a Verification),
    /// It came past its deadline.
    StaleRequest,
    /// It could not be judged, or the caller may not verify.
    InvalidRequest,
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
        }
    }
}

impl Suppression {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SendTooSoon => "send_too_soon",
            Self::SendLimit => "send_limit",
            Self::Locked => "locked",
            Self::StaleRequest => "stale_request",
            Self::UnknownRecipient => "unknown_recipient",
            Self::TemplateMissing => "template_missing",
            Self::BadAddress => "bad_address",
        }
    }
}

/// The first four digits of a national number; `None` if it does not begin with four digits.
pub fn number_prefix(number: &str) -> Option<&str> {
    number.get(..4).filter(|prefix| prefix.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Publishes a notice of the rules on the lifecycle stream.
pub fn lifecycle(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &Route<'_>,
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
            locked_until: (notice.kind == NoticeKind::Locked).then_some(notice.locked_until),
        },
    );
}

/// Tells that a challenge expired, as the sweep found it: no request and no caller belong to it.
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
    lifecycle(events, topic, &about, &Route::default(), notice);
}

/// Tells on the lifecycle stream that something was not sent, for a reason that is no rule's.
pub fn suppressed(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &Route<'_>,
    purpose: Option<Purpose>,
    reason: Suppression,
) {
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

/// Publishes the one result of a verification.
pub fn validation_result(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    judgement: Judgement<'_>,
) {
    let (result, reason) = judgement.names();
    let judged = match judgement {
        Judgement::Judged(verification) => Some(verification),
        Judgement::StaleRequest | Judgement::InvalidRequest => None,
    };
    let id = events.id("result");
    let subject = about.subject.map(Pseudonym::to_hex);
    let occurred_at = events.envelope().time.ms();
    let key = subject.as_ref().map(|it| it.as_bytes());
    events.publish(topic, key, &id, EventKind::VALIDATION_RESULT, |object| {
        object
            .member("eventId", &*id)
            .member("contract", Plain(about.contract.as_str()))
            .member("tenantId", about.tenant)
            .member("subject", subject)
            .member("challengeId", judged.and_then(|it| it.challenge).map(ChallengeId::to_uuid))
            .member("requestId", about.request_id)
            .member("purpose", judged.and_then(|it| it.purpose).map(Purpose::as_str).map(Plain))
            .member("caller", about.caller)
            .member("clientRef", about.client_ref)
            .member("result", Plain(result))
            .member("reason", Plain(reason))
            .member("attempts", judged.and_then(|it| it.attempts))
            .member("attemptsRemaining", judged.and_then(|it| it.attempts_remaining))
            .member("lockedUntil", judged.and_then(|it| it.locked_until).map(LogTime::ms))
            .member("policyVersion", about.policy_version.map(PolicyVersion::to_hex))
            .member("occurredAt", occurred_at);
    });
}

impl Judgement<'_> {
    /// `result` and `reason`.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::StaleRequest => ("rejected", "stale_request"),
            Self::InvalidRequest => ("rejected", "invalid_request"),
            Self::Judged(it) => match it.verdict {
                Verdict::Accepted => ("accepted", "verified"),
                Verdict::Locked => ("rejected", "locked"),
                Verdict::NoChallenge => ("rejected", "no_challenge"),
                Verdict::AlreadyUsed => ("rejected", "already_used"),
                Verdict::Ended => ("rejected", "ended"),
                Verdict::NotYetValid => ("rejected", "not_yet_valid"),
                Verdict::Expired => ("rejected", "expired"),
                Verdict::Mismatch => ("rejected", "mismatch"),
                Verdict::WrongCode => ("rejected", "wrong_code"),
            },
        }
    }
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
    /// Of `locked` alone: its end, or none for a hard lock.
    locked_until: Option<Option<LogTime>>,
}

fn publish_lifecycle(
    events: &mut Events<'_>,
    topic: OutputTopic,
    about: &About<'_>,
    route: &Route<'_>,
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
            .member("prefix", route.prefix)
            .member("locale", route.locale)
            .member("sendNumber", facts.send_number)
            .member("reason", facts.reason.map(Suppression::as_str).map(Plain));
        if let Some(end) = facts.locked_until {
            object.member("lockedUntil", end.map(LogTime::ms));
        }
        object
            .member("policyVersion", about.policy_version.map(PolicyVersion::to_hex))
            .member("occurredAt", occurred_at);
    });
}

/// One request tells each kind at most once for a purpose, and each reason of `suppressed` at most once.
fn lifecycle_id(events: &Events<'_>, facts: &LifecycleFacts) -> String {
    match facts.reason.map(Suppression::as_str).or(facts.purpose.map(Purpose::as_str)) {
        Some(detail) => [events.envelope().event_base, facts.kind, detail].join("-"),
        None => events.id(facts.kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Envelope;
    use crate::wire::outbox::Outbox;

    const ABOUT: About<'_> = About {
        contract: ContractName::Egov,
        tenant: Some("pb.amritsar"),
        subject: Some(Pseudonym([0xab; 16])),
        request_id: Some("r-1"),
        caller: Some("egov"),
        client_ref: None,
        policy_version: Some(PolicyVersion([1; 8])),
    };

    fn published(write: impl FnOnce(&mut Events<'_>)) -> String {
        published_from("base", write)
    }

    fn published_from(event_base: &str, write: impl FnOnce(&mut Events<'_>)) -> String {
        let mut outbox = Outbox::default();
        let envelope = Envelope {
            source: "otp-stream",
            time: LogTime::from_ms(1_700_000_000_000),
            correlation_id: "c",
            causation_id: "r-1",
            traceparent: None,
            tracestate: None,
            event_base,
        };
        write(&mut Events::new(&mut outbox, &[1], envelope));
        assert_eq!(outbox.len(), 1);
        let event = outbox.iter().next().expect("one event");
        let header = |name: &str| {
            let found = event.headers().find(|(it, _)| *it == name).and_then(|(_, value)| value);
            String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
        };
        let value = String::from_utf8_lossy(event.value().unwrap_or_default()).into_owned();
        let key = String::from_utf8_lossy(event.key().unwrap_or_default()).into_owned();
        format!("{key} {} {} {value}", header("ce_id"), header("ce_type"))
    }

    #[test]
    fn every_field_of_a_result_is_there() {
        let verification = Verification {
            verdict: Verdict::WrongCode,
            challenge: Some(ChallengeId([0; 16])),
            purpose: Some(Purpose::Login),
            attempts: Some(2),
            attempts_remaining: Some(3),
            locked_until: None,
        };
        let topic = OutputTopic(0);
        let found = published(|events| {
            validation_result(events, topic, &ABOUT, Judgement::Judged(&verification));
        });
        let expected = "abababababababababababababababab base-result org.digit.otp.validation-result.v1 \
            {\"eventId\":\"base-result\",\"contract\":\"egov\",\"tenantId\":\"pb.amritsar\",\
            \"subject\":\"abababababababababababababababab\",\
            \"challengeId\":\"00000000-0000-0000-0000-000000000000\",\"requestId\":\"r-1\",\"purpose\":\"login\",\
            \"caller\":\"egov\",\"clientRef\":null,\"result\":\"rejected\",\"reason\":\"wrong_code\",\"attempts\":2,\
            \"attemptsRemaining\":3,\"lockedUntil\":null,\"policyVersion\":\"0101010101010101\",\
            \"occurredAt\":1700000000000}";
        assert_eq!(found, expected);
        let nobody = About { tenant: None, subject: None, ..ABOUT };
        let found = published(|events| validation_result(events, topic, &nobody, Judgement::InvalidRequest));
        assert!(found.starts_with(" base-result "), "{found}");
        assert!(found.contains("\"subject\":null,\"challengeId\":null"), "{found}");
    }

    #[test]
    fn an_expired_challenge_brings_its_own_terms() {
        let notice = Notice {
            kind: NoticeKind::Expired,
            challenge: Some(ChallengeId([0; 16])),
            purpose: Some(Purpose::Login),
            send_number: None,
            locked_until: None,
            terms: Some(("pb.moga".into(), PolicyVersion([2; 8]))),
        };
        let found = published(|events| expired(events, OutputTopic(0), Pseudonym([0xab; 16]), &notice));
        let expected = "abababababababababababababababab base-expired-login org.digit.otp.expired.v1 \
            {\"eventId\":\"base-expired-login\",\"type\":\"expired\",\"contract\":\"egov\",\"tenantId\":\"pb.moga\",\
            \"subject\":\"abababababababababababababababab\",\
            \"challengeId\":\"00000000-0000-0000-0000-000000000000\",\"requestId\":null,\"purpose\":\"login\",\
            \"caller\":null,\"clientRef\":null,\"channels\":null,\"countryCode\":null,\"prefix\":null,\
            \"locale\":null,\"sendNumber\":null,\"reason\":null,\"policyVersion\":\"0202020202020202\",\
            \"occurredAt\":1700000000000}";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_lock_tells_its_end_and_a_hard_one_that_it_has_none() {
        let check = |kind: NoticeKind, locked_until: Option<u64>, expected: Option<&str>| {
            let locked_until = locked_until.map(LogTime::from_ms);
            let notice = Notice {
                kind,
                challenge: None,
                purpose: Some(Purpose::Login),
                send_number: None,
                locked_until,
                terms: None,
            };
            let found = published(|events| {
                lifecycle(events, OutputTopic(0), &ABOUT, &Route::default(), &notice);
            });
            let at = found.find("\"lockedUntil\":").map(|at| &found[at..]);
            assert_eq!(at.and_then(|rest| rest.split(',').next()), expected, "{found}");
        };
        check(NoticeKind::Locked, Some(7), Some("\"lockedUntil\":7"));
        check(NoticeKind::Locked, None, Some("\"lockedUntil\":null"));
        check(NoticeKind::Failed, None, None);
    }

    #[test]
    fn an_id_may_begin_with_the_coordinates_of_a_topic_with_a_long_name() {
        let coordinates = format!("{}/2147483647/9223372036854775807", "t".repeat(249));
        let found = published_from(&coordinates, |events| {
            validation_result(events, OutputTopic(0), &ABOUT, Judgement::InvalidRequest);
        });
        assert!(found.contains(&format!("\"eventId\":\"{coordinates}-result\"")), "{found}");
    }

    #[test]
    fn a_prefix_has_four_digits() {
        let check = |number: &str, expected: Option<&str>| assert_eq!(number_prefix(number), expected);
        check("9123456789", Some("9123"));
        check("912", None);
        check("+919123456789", None);
        check("asha", None);
        check("ह12", None);
    }
}
