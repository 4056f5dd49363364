//! The stream `otp-validation-result`, in one shape for all contracts (docs/interface.md). Every field is present; one
//! that does not apply is null. Contains no code, number or address.

use crate::contract::events::{About, EventKind, Events};
use crate::otp::{ChallengeId, LogTime, PolicyVersion, Pseudonym, Purpose, Verdict, Verification};
use crate::wire::json::writer::Plain;
use crate::wire::outbox::OutputTopic;

/// How a verification ended.
#[derive(Clone, Copy, Debug)]
pub enum Judgement<'a> {
    /// The rules judged it.
    Judged(&'a Verification),
    /// The request was past its deadline.
    StaleRequest,
    /// The request could not be judged, or its caller may not verify.
    InvalidRequest,
}

/// Publishes the result of a verification. Every verification has exactly one.
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

#[cfg(test)]
mod tests {
    use super::super::testing::{ABOUT, published, published_from};
    use super::*;

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
    fn an_id_may_begin_with_the_coordinates_of_a_topic_with_a_long_name() {
        let coordinates = format!("{}/2147483647/9223372036854775807", "t".repeat(249));
        let found = published_from(&coordinates, |events| {
            validation_result(events, OutputTopic(0), &ABOUT, Judgement::InvalidRequest);
        });
        assert!(found.contains(&format!("\"eventId\":\"{coordinates}-result\"")), "{found}");
    }
}
