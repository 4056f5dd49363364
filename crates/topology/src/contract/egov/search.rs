//! `search`: what became of a challenge, without its code.

use super::errors::{
    Failure, IDENTITY_MANDATORY, INVALID_SEARCH, Rejection, TENANT_MANDATORY, UUID_MANDATORY,
};
use super::reply::OtpView;
use super::turn::Turn;
use super::{reply, request, root_of};
use crate::contract::{Events, Known, Served, Trouble};
use crate::otp::{Command, LookUp, Outcome, decide};
use crate::wire::json::Json;

struct Ask<'a> {
    tenant: &'a str,
    identity: &'a str,
    challenge: &'a str,
}

/// Publishes nothing: a look is no event.
///
/// # Errors
/// See [`Trouble`].
pub fn serve(turn: &Turn<'_>, known: Option<Known<'_>>, _events: &mut Events<'_>) -> Result<Served, Trouble> {
    let ask = turn.otp.map_err(|it| turn.reject(it)).and_then(|otp| Ask::read(turn, otp));
    let (ask, known) = match (ask, known) {
        (Ok(ask), Some(known)) => (ask, known),
        (Ok(_), None) => return Ok(turn.fail(None, &turn.reject(Rejection::InvalidRequest("otp.tenantId")))),
        (Err(failure), known) => return Ok(turn.fail(known, &failure)),
    };
    if turn.is_stale() {
        return Ok(turn.fail(Some(known), &turn.reject(Rejection::StaleRequest)));
    }
    let command = Command::LookUp(LookUp { challenge: ask.challenge });
    let rules = turn.rules(known.who, ask.tenant);
    let decision = decide(known.subject, &command, turn.inbound.now, &rules)?;
    let found = match decision.outcome {
        Outcome::Found(found) => found,
        Outcome::Issued { .. }
        | Outcome::Refused { .. }
        | Outcome::Verified(_)
        | Outcome::Released
        | Outcome::Forgotten => unreachable!("a look-up is answered by what was found"),
    };
    let view = found.map(|challenge| OtpView::of(&challenge, ask.identity, root_of(ask.tenant)));
    let outcome = if view.is_some() { "found" } else { "not_found" };
    Ok(turn.answer(decision.subject, reply::otp(turn.info, view.as_ref()), outcome))
}

impl<'a> Ask<'a> {
    fn read(turn: &Turn<'_>, otp: &'a Json<'a>) -> Result<Self, Failure<'a>> {
        let reject = |rejection| turn.reject(rejection);
        let challenge = request::UUID.read_filled(otp).map_err(reject)?;
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let identity = request::IDENTITY.read_filled(otp).map_err(reject)?;
        match (challenge, tenant, identity) {
            (Some(challenge), Some(tenant), Some(identity)) => Ok(Self { tenant, identity, challenge }),
            (challenge, tenant, identity) => {
                let missing = [
                    challenge.is_none().then_some(UUID_MANDATORY),
                    tenant.is_none().then_some(TENANT_MANDATORY),
                    identity.is_none().then_some(IDENTITY_MANDATORY),
                ];
                Err(Failure::invalid(INVALID_SEARCH, missing.into_iter().flatten().collect()))
            }
        }
    }
}
