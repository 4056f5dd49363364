//! `create`: a code of purpose `generic`. It is revealed to a caller that may see codes, otherwise sent to the identity.

use super::errors::{ErrorReply, IDENTITY_MANDATORY, INVALID_OTP_REQUEST, Rejection, TENANT_MANDATORY};
use super::purpose::EgovPurpose;
use super::reply::OtpView;
use super::session::EgovSession;
use super::{reply, request};
use crate::contract::delivery::{
    CodeOrder, DeliveryOutcome, NUMBER_PATTERN, PhoneNumber, deliver, mail_address,
};
use crate::contract::{Events, KnownSubject, ServeError, Served};
use crate::otp::Exit;
use crate::wire::json::Json;

struct CreateFields<'a> {
    tenant: &'a str,
    identity: &'a str,
    locale: Option<&'a str>,
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    egov: &EgovSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<Served, ServeError> {
    let (fields, known) = match egov.admit(known, |otp| CreateFields::read(egov, otp)) {
        Ok(admitted) => admitted,
        Err(rejected) => return Ok(egov.fail(rejected.known, &rejected.error).into()),
    };
    let identity = known.who.identity();
    let locale = egov.info.locale().or(fields.locale);
    let exit = if egov.session.pending.request.caller.reveal_code { Exit::Revealed } else { Exit::Delivered };
    let mut order = CodeOrder {
        purpose: EgovPurpose::Generic.pinned(),
        exit,
        terms: None,
        withheld: None,
        holder: None,
        tenant: fields.tenant,
        topic: 0,
        phone: None,
        is_looked_up: false,
        email: None,
        locale: locale.unwrap_or(&egov.egov.settings.locale_default),
        texts: egov.egov.texts.of(EgovPurpose::Generic),
        variables: &[],
    };
    if exit.delivers() {
        order.phone = phone_of(egov, identity);
        order.email = Some(identity).filter(|it| order.phone.is_none() && mail_address(it).is_some());
    }
    match egov.topic_of(events, known.pseudonym, &order) {
        Ok(topic) => order.topic = topic,
        Err(error) => return Ok(egov.fail(Some(known), &error).into()),
    }
    if exit.delivers() && order.phone.is_none() && order.email.is_none() {
        return Ok(egov.fail(Some(known), &egov.reject(Rejection::IdentityUnreachable)).into());
    }
    let style = egov.egov.settings.delivery_style();
    let delivered = deliver(&egov.session, &style, known, &order, events)?;
    let (reply, outcome) = match delivered.outcome {
        DeliveryOutcome::Issued(challenge) => {
            let view = OtpView {
                challenge: challenge.code.challenge,
                identity: fields.identity,
                tenant: request::root_of(fields.tenant),
                validated: false,
            };
            if exit.reveals() {
                (reply::revealed(egov.info, &view, challenge.code), "revealed")
            } else {
                (reply::otp(egov.info, Some(&view)), "issued")
            }
        }
        DeliveryOutcome::Refused(refusal) => {
            return Ok(egov.refused(delivered.subject, Rejection::Refused(refusal)).into());
        }
        DeliveryOutcome::TextMissing => {
            return Ok(egov.refused(delivered.subject, Rejection::TemplateMissing).into());
        }
        DeliveryOutcome::AsksNumber(ask) => {
            return Ok(Served::AsksNumber { subject: delivered.subject, ask });
        }
    };
    Ok(egov.served(delivered.subject, reply, outcome).into())
}

impl<'a> CreateFields<'a> {
    fn read(egov: &EgovSession<'_>, otp: &'a Json<'a>) -> Result<Self, ErrorReply<'a>> {
        let reject = |rejection| egov.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let identity = request::IDENTITY.read_filled(otp).map_err(reject)?;
        let locale = request::otp_locale(otp).map_err(reject)?;
        match (tenant, identity) {
            (Some(tenant), Some(identity)) => Ok(Self { tenant, identity, locale }),
            (tenant, identity) => {
                let missing = [
                    tenant.is_none().then_some(TENANT_MANDATORY),
                    identity.is_none().then_some(IDENTITY_MANDATORY),
                ];
                Err(ErrorReply::invalid(INVALID_OTP_REQUEST, missing.into_iter().flatten().collect()))
            }
        }
    }
}

/// The identity as a phone number, if the rule for numbers without a country code accepts it.
fn phone_of<'a>(egov: &'a EgovSession<'_>, identity: &'a str) -> Option<PhoneNumber<'a>> {
    let rules = &egov.session.policy.number_rules;
    let judged = egov.egov.patterns.judge(rules, NUMBER_PATTERN, None, identity);
    judged.ok().map(|country_code| PhoneNumber { number: identity, country_code })
}
