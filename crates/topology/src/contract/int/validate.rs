//! `VALIDATE`: judges a typed code by the window that is stored. Exactly one event on `otp-validation-result` each.

use super::errors::{Fault, fault_of};
use super::reply;
use super::session::{IntSession, TENANT};
use crate::contract::analytics::Judgement;
use crate::contract::{Events, KnownSubject, ServeError, ServeOutcome};
use crate::otp::{Purpose, Verify, decide};

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    int: &IntSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let session = &int.session;
    let pseudonym = known.as_ref().map(|it| it.pseudonym);
    let admitted = int.admit().and_then(|fields| Ok((fields.code(int.body())?, fields)));
    let ((code, fields), known) = match (admitted, known) {
        (Ok(admitted), Some(known)) => (admitted, known),
        (Ok(_), None) => unreachable!("a request with a good mobile has a subject"),
        (Err(fault), known) => {
            session.report_result(events, pseudonym, Judgement::InvalidRequest);
            return Ok(int.fail(known, fault));
        }
    };
    if session.is_stale() {
        session.report_result(events, pseudonym, Judgement::StaleRequest);
        return Ok(int.fail(Some(known), Fault::StaleRequest));
    }
    let command = Verify { purpose: Some(Purpose::Otp), code: &code, terms: Some(fields.terms) };
    let rules = session.rules(known.who, TENANT);
    let decision = decide(known.subject, &command, session.pending.now, &rules)?;
    let verification = decision.outcome;
    session.report_result(events, pseudonym, Judgement::Judged(&verification));
    session.report(events, known.pseudonym, &decision.notices);
    let is_locked = decision.subject.is_locked(session.pending.now);
    Ok(match fault_of(verification.verdict, is_locked) {
        None => int.served(decision.subject, reply::verified(), "verified"),
        Some(fault) => int.refuse(Some(decision.subject), fault, verification.challenge),
    })
}
