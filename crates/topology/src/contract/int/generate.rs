//! `GENERATE`: a code for a window of the request's own. It is revealed to a caller that may see codes, otherwise sent to
//! the mobile.

use super::errors::Fault;
use super::reply;
use super::request::{self, IntFields};
use super::session::{IntSession, TENANT};
use crate::contract::analytics::Suppression;
use crate::contract::delivery::{CodeOrder, DeliveryOutcome, PhoneNumber, default_rule, deliver};
use crate::contract::{Events, KnownSubject, ServeError, Served};
use crate::otp::{Exit, Purpose};

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    int: &IntSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<Served, ServeError> {
    let admitted = int.admit().and_then(|fields| match request::has_code(int.body()) {
        false => Ok(fields),
        true => Err(Fault::Malformed("generatedOtp is not a member of GENERATE")),
    });
    let (fields, known) = match (admitted, known) {
        (Ok(fields), Some(known)) => (fields, known),
        (Ok(_), None) => unreachable!("a request with a good mobile has a subject"),
        (Err(fault), known) => return Ok(int.fail(known, fault).into()),
    };
    let order = order(int, &fields);
    if let Err(fault) = judge_window(int, &fields) {
        if fault == Fault::StaleRequest {
            let (route, reason) = (order.destination(), Suppression::StaleRequest);
            int.session.report_suppressed(events, known.pseudonym, &route, order.purpose, reason);
        }
        return Ok(int.fail(Some(known), fault).into());
    }
    let delivered = deliver(&int.session, &int.int.delivery.style(), known, &order, events)?;
    let outcome = match delivered.outcome {
        DeliveryOutcome::Issued(challenge) => {
            let (revealed, outcome) =
                if order.exit.reveals() { (Some(challenge.code), "revealed") } else { (None, "issued") };
            int.served(delivered.subject, reply::generated(revealed), outcome)
        }
        DeliveryOutcome::Refused(refusal) => int.refuse(Some(delivered.subject), refusal.into(), None),
        DeliveryOutcome::TextMissing => {
            int.served(delivered.subject, reply::failed(&int.envelope), "template_missing")
        }
        DeliveryOutcome::AsksNumber(ask) => {
            return Ok(Served::AsksNumber { subject: delivered.subject, ask });
        }
    };
    Ok(outcome.into())
}

/// Whether a code could still be used, and soon enough.
fn judge_window(int: &IntSession<'_>, fields: &IntFields<'_>) -> Result<(), Fault> {
    let pending = int.session.pending;
    let terms = fields.terms;
    if int.session.is_stale() {
        Err(Fault::StaleRequest)
    } else if pending.now > terms.expires_at {
        Err(Fault::WindowOver)
    } else if terms.begins_at > pending.now.plus(int.int.settings.skew_s * 1000) {
        Err(Fault::TooFarAhead)
    } else if pending.wall > terms.expires_at {
        Err(Fault::StaleRequest)
    } else {
        Ok(())
    }
}

fn order<'a>(int: &'a IntSession<'_>, fields: &'a IntFields<'_>) -> CodeOrder<'a> {
    let policy = &int.session.policy;
    let exit = match (int.session.pending.request.caller.reveal_code, policy.deliver) {
        (true, true) => Exit::DeliveredAndRevealed,
        (true, false) => Exit::Revealed,
        (false, _) => Exit::Delivered,
    };
    let country_code = default_rule(&policy.number_rules).map(|rule| rule.country_code.as_str());
    CodeOrder {
        purpose: Purpose::Otp,
        exit,
        terms: Some(fields.terms),
        withheld: None,
        holder: None,
        tenant: TENANT,
        topic: 0,
        phone: exit.delivers().then_some(PhoneNumber { number: &fields.mobile, country_code }),
        is_looked_up: false,
        email: None,
        locale: &int.int.delivery.locale_default,
        texts: int.int.texts.order(),
        variables: &[],
    }
}
