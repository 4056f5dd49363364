//! The bodies of replies. The published samples name the members of a refusal differently for each operation.

use super::errors::Fault;
use super::operation::Operation;
use crate::contract::{Envelope, Reply};
use crate::otp::{ChallengeId, CodeRef};
use crate::wire::json::writer::{Object, Plain};

const PATH: &str = "/v1/otp";
const BODY_BYTES: usize = 256;

/// The reply to a `GENERATE`. `revealed`: what its code is derived from, if the reply shows it.
pub(super) fn generated(revealed: Option<CodeRef>) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES);
    let place = Object::write(&mut body, |object| {
        object.member("status", 200_u16).member("message", Plain("OTP is successfully generated"));
        revealed.map(|code| (object.secret("otp"), code))
    });
    match place {
        Some((at, code)) => Reply::with_code(body, at, code),
        None => Reply::plain(body),
    }
}

/// The reply to a `VALIDATE`.
pub(super) fn verified() -> Reply {
    whole(|object| {
        object.member("status", 200_u16).member("message", Plain("OTP is successfully verified"));
    })
}

/// `operation`: `None` if the request names none; its reply has the shape of `GENERATE`. `challenge`: which it is about.
pub(super) fn refused(
    operation: Option<Operation>,
    fault: Fault,
    challenge: Option<ChallengeId>,
    envelope: &Envelope<'_>,
) -> Reply {
    let (number, sentence, _) = fault.row();
    let trace = trace_id(challenge, envelope);
    let (message_name, details_name) = match operation {
        Some(Operation::Generate) | None => ("error-message", "error-details"),
        Some(Operation::Validate) => ("errorMessage", "errorDetails"),
    };
    whole(|object| {
        object
            .member("timestamp", envelope.time.ms())
            .member("status", 422_u16)
            .member("errorCode", number)
            .member(message_name, Plain("UNPROCESSABLE_ENTITY"))
            .member("traceID", &*trace)
            .member(details_name, sentence)
            .member("path", Plain(PATH));
    })
}

/// No text is configured that could carry the code.
pub(super) fn failed(envelope: &Envelope<'_>) -> Reply {
    let trace = trace_id(None, envelope);
    whole(|object| {
        object
            .member("timestamp", envelope.time.ms())
            .member("status", 500_u16)
            .member("error-message", Plain("Internal Server Error"))
            .member("traceID", &*trace)
            .member("error-details", Plain("No message text is configured"))
            .member("path", Plain(PATH));
    })
}

/// The trace id of `traceparent` (W3C: version, trace id, parent id, flags), else the challenge's id, else the reply's.
fn trace_id(challenge: Option<ChallengeId>, envelope: &Envelope<'_>) -> String {
    let traceparent = envelope.traceparent.and_then(|it| std::str::from_utf8(it).ok());
    let traced = traceparent
        .and_then(|it| it.split('-').nth(1))
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    match (traced, challenge) {
        (Some(id), _) => id.to_owned(),
        (None, Some(challenge)) => challenge.to_string(),
        (None, None) => envelope.response_id(),
    }
}

fn whole(members: impl FnOnce(&mut Object<'_>)) -> Reply {
    let mut body = Vec::with_capacity(BODY_BYTES);
    Object::write(&mut body, members);
    Reply::plain(body)
}
