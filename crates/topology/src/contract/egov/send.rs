//! `send`: a code by SMS for register, login and passwordreset; with the directory also by e-mail.

use super::directory::{Search, User, find};
use super::errors::{
    Failure, INVALID_OTP_REQUEST, MOBILE_MANDATORY, Rejection, TENANT_MANDATORY, TYPE_MANDATORY, WrongUser,
};
use super::issue::{self, Order};
use super::mobile::{default_rule, rule_of};
use super::notice::Mobile;
use super::operation::sendable;
use super::turn::Turn;
use super::{reply, request};
use crate::contract::analytics::Suppression;
use crate::contract::{Events, Known, Served, Trouble};
use crate::otp::{CanonicalSubject, Exit, Purpose};
use crate::wire::json::Json;

/// A request that passed validation.
struct Ask<'a> {
    tenant: &'a str,
    number: &'a str,
    /// The caller's, else the rule's.
    country_code: Option<&'a str>,
    purpose: Purpose,
    user_type: Option<&'a str>,
    locale: Option<&'a str>,
}

/// Who gets the code, by the directory.
enum Recipient {
    /// Nobody was looked up, or nobody may exist: the number of the request.
    Given,
    /// The stored number.
    Stored(User),
}

/// # Errors
/// See [`Trouble`].
pub fn serve(turn: &Turn<'_>, known: Option<Known<'_>>, events: &mut Events<'_>) -> Result<Served, Trouble> {
    let ask = turn.otp.map_err(|it| turn.reject(it)).and_then(|otp| Ask::read(turn, otp));
    let (ask, known) = match (ask, known) {
        (Ok(ask), Some(known)) => (ask, known),
        // A tenant that no subject can have: nothing before its first dot, or a separator in it.
        (Ok(_), None) => return Ok(turn.fail(None, &turn.reject(Rejection::InvalidRequest("otp.tenantId")))),
        (Err(failure), known) => return Ok(turn.fail(known, &failure)),
    };
    let given = Mobile { number: ask.number, country_code: ask.country_code };
    let mut order = Order {
        purpose: ask.purpose,
        exit: Exit::Delivered,
        tenant: ask.tenant,
        topic: 0,
        mobile: Some(given),
        email: None,
        locale: "",
    };
    if turn.is_stale() {
        let reason = Suppression::StaleRequest;
        turn.tell_suppressed(events, known.pseudonym, &order.destination(), ask.purpose, reason);
        return Ok(turn.fail(Some(known), &turn.reject(Rejection::StaleRequest)));
    }
    match turn.egov.settings.topic_of(ask.tenant) {
        Some(topic) => order.topic = topic,
        None => return Ok(turn.fail(Some(known), &turn.reject(Rejection::TenantUnknown))),
    }
    let found = recipient(turn, &ask, known.who)?;
    let stored = match found {
        Ok(Recipient::Given) => None,
        Ok(Recipient::Stored(user)) => Some(user),
        Err(_) if turn.policy.conceal_existence => {
            order.exit = Exit::Withheld;
            None
        }
        Err(wrong) => {
            if wrong != WrongUser::Exists {
                let reason = Suppression::UnknownRecipient;
                turn.tell_suppressed(events, known.pseudonym, &order.destination(), ask.purpose, reason);
            }
            return Ok(turn.fail(Some(known), &wrong.into()));
        }
    };
    if let Some(user) = &stored {
        order.mobile = user.mobile.as_deref().map(|number| Mobile {
            number,
            country_code: user.country_code.as_deref().or(ask.country_of_stored(turn)),
        });
        order.email = user.email.as_deref();
    }
    let stored_locale = stored.as_ref().and_then(|user| request::usable_locale(user.locale.as_deref()?));
    let locale = turn.info.locale().or(stored_locale).or(ask.locale);
    order.locale = locale.unwrap_or(&turn.egov.settings.locale_default);
    let issued = issue::serve(turn, known, &order, events)?;
    let (reply, outcome) = match (issued.outcome, order.exit) {
        (Ok(_), Exit::Withheld) => (reply::sent(turn.info), "withheld"),
        (Ok(_), Exit::Delivered | Exit::Revealed) => (reply::sent(turn.info), "issued"),
        (Err(failure), _) => (reply::failed(turn.info, &failure), failure.outcome),
    };
    Ok(turn.answer(issued.subject, reply, outcome))
}

impl<'a> Ask<'a> {
    fn read(turn: &'a Turn<'a>, otp: &'a Json<'a>) -> Result<Self, Failure<'a>> {
        let reject = |rejection| turn.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let number = request::MOBILE.read_filled(otp).map_err(reject)?;
        let kind = request::TYPE.read(otp).map_err(reject)?;
        let user_type = request::USER_TYPE.read_filled(otp).map_err(reject)?;
        let country_code = request::COUNTRY_CODE.read_filled(otp).map_err(reject)?;
        let locale = request::otp_locale(otp).map_err(reject)?;
        let purpose = if kind.is_empty() { Some(Purpose::Register) } else { sendable(kind) };
        let rules = &turn.policy.mobile_rules;
        // A reset may name its user by something that is no number, as long as the directory knows better.
        let any_identity = turn.egov.settings.user_check && purpose == Some(Purpose::PasswordReset);
        let judged = match (tenant, number) {
            (Some(_), Some(_)) if any_identity => {
                let rule = country_code.and_then(|it| rule_of(rules, it)).or(default_rule(rules));
                Ok(rule.map(|rule| rule.country_code.as_str()).or(country_code))
            }
            (Some(_), Some(number)) => turn.egov.patterns.judge(rules, country_code, number),
            (Some(_) | None, Some(_) | None) => Ok(None),
        };
        match (tenant, number, purpose, judged) {
            (Some(tenant), Some(number), Some(purpose), Ok(country_code)) => {
                Ok(Self { tenant, number, country_code, purpose, user_type, locale })
            }
            (tenant, number, purpose, judged) => {
                let missing = [
                    tenant.is_none().then_some(TENANT_MANDATORY),
                    number.is_none().then_some(MOBILE_MANDATORY),
                    purpose.is_none().then_some(TYPE_MANDATORY),
                    judged.err().map(Into::into),
                ];
                Err(Failure::invalid(INVALID_OTP_REQUEST, missing.into_iter().flatten().collect()))
            }
        }
    }

    /// The country of a stored number that has none: the default rule's. Not what the caller says: a caller who owns
    /// the same number in another country would get a code for an account that is not theirs.
    fn country_of_stored(&self, turn: &'a Turn<'_>) -> Option<&'a str> {
        let rule = default_rule(&turn.policy.mobile_rules);
        rule.map(|rule| rule.country_code.as_str()).or(self.country_code)
    }

    fn is_employee(&self) -> bool {
        self.user_type.is_some_and(|it| it.eq_ignore_ascii_case("EMPLOYEE"))
    }
}

fn recipient(
    turn: &Turn<'_>,
    ask: &Ask<'_>,
    who: &CanonicalSubject,
) -> Result<Result<Recipient, WrongUser>, Trouble> {
    if !turn.egov.settings.user_check {
        return Ok(Ok(Recipient::Given));
    }
    let search = Search {
        tenant: if ask.is_employee() { ask.tenant } else { who.tenant_root() },
        user_type: ask.user_type,
        active_only: ask.purpose != Purpose::Register,
    };
    let user = turn.reads.directory(who)?.and_then(|record| find(&record, &search));
    Ok(match ask.purpose {
        Purpose::Register => match user {
            None => Ok(Recipient::Given),
            Some(_) => Err(WrongUser::Exists),
        },
        Purpose::PasswordReset => match user {
            None => Err(WrongUser::NoReset),
            Some(user) if user.mobile.is_none() => Err(WrongUser::NoMobile),
            Some(user) => Ok(Recipient::Stored(user)),
        },
        Purpose::Login | Purpose::Generic | Purpose::Otp | Purpose::Generate | Purpose::SendOtp => {
            // A login without a stored number has nowhere to send to.
            let reachable = user.filter(|user| user.mobile.is_some());
            reachable.map(Recipient::Stored).ok_or(WrongUser::NoLogin)
        }
    })
}
