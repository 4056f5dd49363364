//! `otp.generate`: a code of purpose `generate`, which the reply reveals. Nothing is delivered.

use super::errors::{GENERATE_KEY_BLANK, GENERATE_KEY_LENGTH, MosipError, STALE};
use super::request::KEY;
use super::session::{Errors, MosipSession, TENANT};
use crate::contract::analytics::{DeliveryRoute, Suppression};
use crate::contract::{Events, KnownSubject, ServeError, ServeOutcome};
use crate::otp::{Exit, Issue, IssueOutcome, Purpose, decide};

/// The length of a key, in characters.
const KEY_CHARS: std::ops::RangeInclusive<usize> = 3..=64;

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let known = match (check_key(mosip), known) {
        (Ok(()), Some(known)) => known,
        (Ok(()), None) => return Ok(mosip.fail(None, &[GENERATE_KEY_BLANK])),
        (Err(errors), known) => return Ok(mosip.fail(known, &errors)),
    };
    let session = &mosip.session;
    if session.is_stale_for_issue() {
        let (route, reason) = (DeliveryRoute::default(), Suppression::StaleRequest);
        session.report_suppressed(events, known.pseudonym, &route, Purpose::Generate, reason);
        return Ok(mosip.fail(Some(known), &[STALE]));
    }
    let command = Issue {
        purpose: Purpose::Generate,
        exit: Exit::Revealed,
        terms: None,
        holder: None,
        prefix: None,
        is_reserved: false,
        barred: None,
    };
    let rules = session.rules(known.who, TENANT);
    let decision = decide(known.subject, &command, session.pending.now, &rules)?;
    session.report(events, known.pseudonym, &decision.notices);
    Ok(match decision.outcome {
        IssueOutcome::Issued { challenge, .. } => {
            mosip.served(decision.subject, mosip.head.generated(challenge.code), "revealed")
        }
        IssueOutcome::Refused { refusal, .. } => match MosipError::refused(refusal) {
            Some(error) => mosip.refuse(Some(decision.subject), &[error]),
            None => mosip.served(decision.subject, mosip.head.not_generated(), "locked"),
        },
    })
}

pub(super) fn has_key_length(key: &str) -> bool {
    KEY_CHARS.contains(&key.chars().count())
}

fn check_key(mosip: &MosipSession<'_>) -> Result<(), Errors<'static>> {
    let request = mosip.admit()?;
    let key = KEY.read_trimmed(request).map_err(|error| vec![error])?;
    if key.is_empty() {
        Err(vec![GENERATE_KEY_BLANK])
    } else if !has_key_length(key) {
        Err(vec![GENERATE_KEY_LENGTH])
    } else {
        Ok(())
    }
}
