//! `create`: a code of purpose `generic`, revealed to a caller who may see codes, else delivered to the identity.

use super::errors::{Failure, IDENTITY_MANDATORY, INVALID_OTP_REQUEST, Rejection, TENANT_MANDATORY};
use super::issue::{self, Order};
use super::notice::{Mobile, is_address};
use super::reply::OtpView;
use super::turn::Turn;
use super::{reply, request, root_of};
use crate::contract::analytics::Suppression;
use crate::contract::{Events, Known, Served, Trouble};
use crate::otp::{Exit, Purpose};
use crate::wire::json::Json;

struct Ask<'a> {
    tenant: &'a str,
    identity: &'a str,
    locale: Option<&'a str>,
}

/// # Errors
/// See [`Trouble`].
pub fn serve(turn: &Turn<'_>, known: Option<Known<'_>>, events: &mut Events<'_>) -> Result<Served, Trouble> {
    let ask = turn.otp.map_err(|it| turn.reject(it)).and_then(|otp| Ask::read(turn, otp));
    let (ask, known) = match (ask, known) {
        (Ok(ask), Some(known)) => (ask, known),
        (Ok(_), None) => return Ok(turn.fail(None, &turn.reject(Rejection::InvalidRequest("otp.tenantId")))),
        (Err(failure), known) => return Ok(turn.fail(known, &failure)),
    };
    let identity = known.who.identity();
    let locale = turn.info.locale().or(ask.locale);
    let mut order = Order {
        purpose: Purpose::Generic,
        exit: if turn.inbound.request.caller.reveal_code { Exit::Revealed } else { Exit::Delivered },
        tenant: ask.tenant,
        topic: 0,
        mobile: None,
        email: None,
        locale: locale.unwrap_or(&turn.egov.settings.locale_default),
    };
    if order.exit == Exit::Delivered {
        order.mobile = mobile(turn, identity);
        order.email = Some(identity).filter(|it| order.mobile.is_none() && is_address(it));
    }
    if turn.is_stale() {
        let reason = Suppression::StaleRequest;
        turn.tell_suppressed(events, known.pseudonym, &order.destination(), order.purpose, reason);
        return Ok(turn.fail(Some(known), &turn.reject(Rejection::StaleRequest)));
    }
    match turn.egov.settings.topic_of(ask.tenant) {
        Some(topic) => order.topic = topic,
        None => return Ok(turn.fail(Some(known), &turn.reject(Rejection::TenantUnknown))),
    }
    if order.exit == Exit::Delivered && order.mobile.is_none() && order.email.is_none() {
        return Ok(turn.fail(Some(known), &turn.reject(Rejection::IdentityUnreachable)));
    }
    let issued = issue::serve(turn, known, &order, events)?;
    let (reply, outcome) = match issued.outcome {
        Ok(challenge) => {
            let view = OtpView {
                challenge: challenge.code.challenge,
                identity: ask.identity,
                tenant: root_of(ask.tenant),
                validated: false,
            };
            match order.exit {
                Exit::Revealed => (reply::revealed(turn.info, &view, challenge.code), "revealed"),
                Exit::Delivered | Exit::Withheld => (reply::otp(turn.info, Some(&view)), "issued"),
            }
        }
        Err(failure) => (reply::failed(turn.info, &failure), failure.outcome),
    };
    Ok(turn.answer(issued.subject, reply, outcome))
}

impl<'a> Ask<'a> {
    fn read(turn: &Turn<'_>, otp: &'a Json<'a>) -> Result<Self, Failure<'a>> {
        let reject = |rejection| turn.reject(rejection);
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
                Err(Failure::invalid(INVALID_OTP_REQUEST, missing.into_iter().flatten().collect()))
            }
        }
    }
}

/// The identity as a number, if the rule for numbers without a country code takes it.
fn mobile<'a>(turn: &'a Turn<'_>, identity: &'a str) -> Option<Mobile<'a>> {
    let judged = turn.egov.patterns.judge(&turn.policy.mobile_rules, None, identity);
    judged.ok().map(|country_code| Mobile { number: identity, country_code })
}
