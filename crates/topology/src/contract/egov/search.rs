//! `search`: what happened to a challenge, without its code.

use super::errors::{
    ErrorReply, IDENTITY_MANDATORY, INVALID_SEARCH, Rejection, TENANT_MANDATORY, UUID_MANDATORY,
};
use super::reply::OtpView;
use super::session::EgovSession;
use super::{reply, request};
use crate::contract::{KnownSubject, ServeError, ServeOutcome};
use crate::otp::{LookUp, decide};
use crate::wire::json::Json;

struct SearchFields<'a> {
    tenant: &'a str,
    identity: &'a str,
    challenge: &'a str,
}

/// Publishes no event: a look-up changes nothing.
///
/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    egov: &EgovSession<'_>,
    known: Option<KnownSubject<'_>>,
) -> Result<ServeOutcome, ServeError> {
    let (fields, known) = match egov.admit(known, |otp| SearchFields::read(egov, otp)) {
        Ok(admitted) => admitted,
        Err(rejected) => return Ok(egov.fail(rejected.known, &rejected.error)),
    };
    if egov.session.is_stale() {
        return Ok(egov.fail(Some(known), &egov.reject(Rejection::StaleRequest)));
    }
    let command = LookUp { challenge: fields.challenge };
    let rules = egov.session.rules(known.who, fields.tenant);
    let decision = decide(known.subject, &command, egov.session.pending.now, &rules)?;
    let tenant = request::root_of(fields.tenant);
    let view = decision.outcome.map(|challenge| OtpView::of(&challenge, fields.identity, tenant));
    let outcome = if view.is_some() { "found" } else { "not_found" };
    Ok(egov.served(decision.subject, reply::otp(egov.info, view.as_ref()), outcome))
}

impl<'a> SearchFields<'a> {
    fn read(egov: &EgovSession<'_>, otp: &'a Json<'a>) -> Result<Self, ErrorReply<'a>> {
        let reject = |rejection| egov.reject(rejection);
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
                Err(ErrorReply::invalid(INVALID_SEARCH, missing.into_iter().flatten().collect()))
            }
        }
    }
}
