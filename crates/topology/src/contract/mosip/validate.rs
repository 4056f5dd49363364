//! `otp.validate`: judges a code that `otp.generate` revealed. Exactly one event on `otp-validation-result` each.

use super::errors::{KEY_BLANK, KEY_LENGTH, MosipError, NO_OTP, OTP_BLANK, OTP_NOT_NUMERIC, STALE};
use super::generate::has_key_length;
use super::request::{KEY, OTP};
use super::session::{Errors, MosipSession, TENANT};
use crate::contract::analytics::Judgement;
use crate::contract::{Events, KnownSubject, Reply, ServeError, ServeOutcome};
use crate::otp::{ChallengeId, Purpose, Subject, Verdict, Verify, decide};

/// A code to judge, of a request whose members are good.
pub(super) struct TypedCode<'a> {
    pub known: KnownSubject<'a>,
    pub purpose: Purpose,
    pub code: &'a str,
}

/// How a judged code is answered.
#[expect(clippy::large_enum_variant, reason = "it lives on the stack, once for each request")]
pub(super) enum Judged {
    /// The right code of this challenge.
    Right(Subject, ChallengeId),
    Refused(ServeOutcome),
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let (code, known) = match (code_of(mosip), known) {
        (Ok(code), Some(known)) => (code, known),
        (Ok(_), None) => return Ok(invalid(mosip, None, &[KEY_BLANK], events)),
        (Err(errors), known) => return Ok(invalid(mosip, known, &errors, events)),
    };
    let typed = TypedCode { known, purpose: Purpose::Generate, code };
    Ok(match judge(mosip, typed, events)? {
        Judged::Right(subject, _) => mosip.served(subject, successful(mosip), "verified"),
        Judged::Refused(outcome) => outcome,
    })
}

/// The errors of a key and a code, all of them. `key` has no surrounding blanks.
pub(super) fn faults(key: &str, code: &str) -> Errors<'static> {
    let is_numeric = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
    let found = [
        key.is_empty().then_some(KEY_BLANK),
        (!key.is_empty() && !has_key_length(key)).then_some(KEY_LENGTH),
        code.is_empty().then_some(OTP_BLANK),
        (!is_numeric).then_some(OTP_NOT_NUMERIC),
    ];
    found.into_iter().flatten().collect()
}

pub(super) fn invalid(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
    errors: &[MosipError<'_>],
    events: &mut Events<'_>,
) -> ServeOutcome {
    let pseudonym = known.as_ref().map(|it| it.pseudonym);
    mosip.session.report_result(events, pseudonym, Judgement::InvalidRequest);
    mosip.fail(known, errors)
}

pub(super) fn successful(mosip: &MosipSession<'_>) -> Reply {
    mosip.head.status("success", "VALIDATION_SUCCESSFUL")
}

/// Judges a code and reports it.
///
/// # Errors
/// See [`ServeError`].
pub(super) fn judge(
    mosip: &MosipSession<'_>,
    typed: TypedCode<'_>,
    events: &mut Events<'_>,
) -> Result<Judged, ServeError> {
    let TypedCode { known, purpose, code } = typed;
    let session = &mosip.session;
    let pseudonym = known.pseudonym;
    if session.is_stale() {
        session.report_result(events, Some(pseudonym), Judgement::StaleRequest);
        return Ok(Judged::Refused(mosip.fail(Some(known), &[STALE])));
    }
    let command = Verify { purpose: Some(purpose), code, terms: None };
    let rules = session.rules(known.who, TENANT);
    let decision = decide(known.subject, &command, session.pending.now, &rules)?;
    let (subject, verification) = (decision.subject, decision.outcome);
    session.report_result(events, Some(pseudonym), Judgement::Judged(&verification));
    session.report(events, pseudonym, &decision.notices);
    let is_locked = subject.is_locked(session.pending.now);
    let (message, outcome) = match (verification.verdict, verification.challenge) {
        (Verdict::Accepted, Some(challenge)) => return Ok(Judged::Right(subject, challenge)),
        (Verdict::Locked, _) => ("USER_BLOCKED", "locked"),
        (Verdict::WrongCode, _) if is_locked => ("USER_BLOCKED", "locked"),
        (Verdict::WrongCode, _) => ("VALIDATION_UNSUCCESSFUL", "wrong_code"),
        (Verdict::Expired, _) => ("OTP_EXPIRED", "expired"),
        (
            Verdict::Accepted
            | Verdict::NoChallenge
            | Verdict::AlreadyUsed
            | Verdict::Ended
            | Verdict::NotYetValid
            | Verdict::Mismatch,
            _,
        ) => return Ok(Judged::Refused(mosip.refuse(Some(subject), &[NO_OTP]))),
    };
    let reply = mosip.head.status("failure", message);
    Ok(Judged::Refused(mosip.served(subject, reply, outcome)))
}

fn code_of<'a>(mosip: &MosipSession<'a>) -> Result<&'a str, Errors<'static>> {
    let request = mosip.admit()?;
    let key = KEY.read_trimmed(request).map_err(|error| vec![error])?;
    let code = OTP.read(request).map_err(|error| vec![error])?;
    let faults = faults(key, code);
    if faults.is_empty() { Ok(code) } else { Err(faults) }
}
