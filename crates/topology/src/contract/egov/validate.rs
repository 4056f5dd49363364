//! `validate`: judges a typed code. Every failure looks the same. The reason goes to `otp-validation-result`, exactly one
//! event for each request.

use super::errors::{
    ErrorReply, IDENTITY_MANDATORY, INVALID_VALIDATION, OTP_MANDATORY, Rejection, TENANT_MANDATORY,
    TYPE_MANDATORY,
};
use super::purpose::EgovPurpose;
use super::reply::OtpView;
use super::session::EgovSession;
use super::{reply, request};
use crate::contract::analytics::Judgement;
use crate::contract::{Events, KnownSubject, ServeError, ServeOutcome};
use crate::otp::{Verdict, Verify, decide};
use crate::wire::json::Json;

struct ValidateFields<'a> {
    tenant: &'a str,
    identity: &'a str,
    code: &'a str,
    purpose: Option<EgovPurpose>,
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    egov: &EgovSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let pseudonym = known.as_ref().map(|it| it.pseudonym);
    let (fields, known) = match egov.admit(known, |otp| ValidateFields::read(egov, otp)) {
        Ok(admitted) => admitted,
        Err(rejected) => {
            egov.session.report_result(events, pseudonym, Judgement::InvalidRequest);
            return Ok(egov.fail(rejected.known, &rejected.error));
        }
    };
    if egov.session.is_stale() {
        egov.session.report_result(events, pseudonym, Judgement::StaleRequest);
        return Ok(egov.fail(Some(known), &egov.reject(Rejection::StaleRequest)));
    }
    let command = Verify { purpose: fields.purpose.map(EgovPurpose::pinned), code: fields.code, terms: None };
    let rules = egov.session.rules(known.who, fields.tenant);
    let decision = decide(known.subject, &command, egov.session.pending.now, &rules)?;
    let verification = decision.outcome;
    let judgement = Judgement::Judged(&verification);
    egov.session.report_result(events, pseudonym, judgement);
    egov.session.report(events, known.pseudonym, &decision.notices);
    let reply = match (verification.verdict, verification.challenge) {
        (Verdict::Accepted, Some(challenge)) => {
            let tenant = request::root_of(fields.tenant);
            let view = OtpView { challenge, identity: fields.identity, tenant, validated: true };
            reply::otp(egov.info, Some(&view))
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
        ) => reply::failed(egov.info, &ErrorReply::not_validated()),
    };
    let (_, reason) = judgement.names();
    Ok(egov.served(decision.subject, reply, reason))
}

impl<'a> ValidateFields<'a> {
    fn read(egov: &EgovSession<'_>, otp: &'a Json<'a>) -> Result<Self, ErrorReply<'a>> {
        let reject = |rejection| egov.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let identity = request::IDENTITY.read_filled(otp).map_err(reject)?;
        let code = request::OTP.read_filled(otp).map_err(reject)?;
        let kind = request::TYPE.read(otp).map_err(reject)?;
        let purpose = EgovPurpose::verifiable(kind);
        let is_unknown_kind = !kind.is_empty() && purpose.is_none();
        match (tenant, identity, code) {
            (Some(tenant), Some(identity), Some(code)) if !is_unknown_kind => {
                Ok(Self { tenant, identity, code, purpose })
            }
            (tenant, identity, code) => {
                let missing = [
                    tenant.is_none().then_some(TENANT_MANDATORY),
                    identity.is_none().then_some(IDENTITY_MANDATORY),
                    code.is_none().then_some(OTP_MANDATORY),
                    is_unknown_kind.then_some(TYPE_MANDATORY),
                ];
                Err(ErrorReply::invalid(INVALID_VALIDATION, missing.into_iter().flatten().collect()))
            }
        }
    }
}
