//! `validate`: a typed code is judged. Every failure looks the same; the reason goes to `otp-validation-result`, one
//! event for each request, whatever comes of it.

use super::errors::{
    Failure, IDENTITY_MANDATORY, INVALID_VALIDATION, OTP_MANDATORY, Rejection, TENANT_MANDATORY,
    TYPE_MANDATORY,
};
use super::operation::verifiable;
use super::reply::OtpView;
use super::turn::Turn;
use super::{reply, request, root_of};
use crate::contract::analytics::{self, Judgement, Route};
use crate::contract::{Events, Known, Served, Trouble};
use crate::otp::{Command, Outcome, Purpose, Verdict, Verify, decide};
use crate::wire::json::Json;

struct Ask<'a> {
    tenant: &'a str,
    identity: &'a str,
    code: &'a str,
    purpose: Option<Purpose>,
}

/// # Errors
/// See [`Trouble`].
pub fn serve(turn: &Turn<'_>, known: Option<Known<'_>>, events: &mut Events<'_>) -> Result<Served, Trouble> {
    let ask = turn.otp.map_err(|it| turn.reject(it)).and_then(|otp| Ask::read(turn, otp));
    let pseudonym = known.as_ref().map(|it| it.pseudonym);
    let (ask, known) = match (ask, known) {
        (Ok(ask), Some(known)) => (ask, known),
        (ask, known) => {
            let tenant = Rejection::InvalidRequest("otp.tenantId");
            let failure = ask.err().unwrap_or_else(|| turn.reject(tenant));
            turn.tell_result(events, pseudonym, Judgement::InvalidRequest);
            return Ok(turn.fail(known, &failure));
        }
    };
    if turn.is_stale() {
        turn.tell_result(events, pseudonym, Judgement::StaleRequest);
        return Ok(turn.fail(Some(known), &turn.reject(Rejection::StaleRequest)));
    }
    let command = Command::Verify(Verify { purpose: ask.purpose, code: ask.code });
    let rules = turn.rules(known.who, ask.tenant);
    let decision = decide(known.subject, &command, turn.inbound.now, &rules)?;
    let verification = match decision.outcome {
        Outcome::Verified(verification) => verification,
        Outcome::Issued { .. }
        | Outcome::Refused { .. }
        | Outcome::Found(_)
        | Outcome::Released
        | Outcome::Forgotten => unreachable!("a verification is answered by a verification"),
    };
    let judgement = Judgement::Judged(&verification);
    turn.tell_result(events, pseudonym, judgement);
    let about = turn.about(pseudonym);
    for notice in &decision.notices {
        let topic = turn.egov.topics.lifecycle;
        analytics::lifecycle(events, topic, &about, &Route::default(), notice);
    }
    let reply = match (verification.verdict, verification.challenge) {
        (Verdict::Accepted, Some(challenge)) => {
            let view =
                OtpView { challenge, identity: ask.identity, tenant: root_of(ask.tenant), validated: true };
            reply::otp(turn.info, Some(&view))
        }
        (
            Verdict::Accepted
            | Verdict::Locked
            | Verdict::NoChallenge
            | Verdict::AlreadyUsed
            | Verdict::Ended
            | Verdict::NotYetValid
            | Verdict::Expired
            | Verdict::Mismatch
            | Verdict::WrongCode,
            Some(_) | None,
        ) => reply::failed(turn.info, &Failure::not_validated()),
    };
    let (_, reason) = judgement.names();
    Ok(turn.answer(decision.subject, reply, reason))
}

impl<'a> Ask<'a> {
    fn read(turn: &Turn<'_>, otp: &'a Json<'a>) -> Result<Self, Failure<'a>> {
        let reject = |rejection| turn.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let identity = request::IDENTITY.read_filled(otp).map_err(reject)?;
        let code = request::OTP.read_filled(otp).map_err(reject)?;
        let kind = request::TYPE.read(otp).map_err(reject)?;
        let purpose = verifiable(kind);
        let unknown_kind = !kind.is_empty() && purpose.is_none();
        match (tenant, identity, code) {
            (Some(tenant), Some(identity), Some(code)) if !unknown_kind => {
                Ok(Self { tenant, identity, code, purpose })
            }
            (tenant, identity, code) => {
                let missing = [
                    tenant.is_none().then_some(TENANT_MANDATORY),
                    identity.is_none().then_some(IDENTITY_MANDATORY),
                    code.is_none().then_some(OTP_MANDATORY),
                    unknown_kind.then_some(TYPE_MANDATORY),
                ];
                Err(Failure::invalid(INVALID_VALIDATION, missing.into_iter().flatten().collect()))
            }
        }
    }
}
