//! `send`: a code by SMS for register, login and passwordreset; with the directory also by e-mail.

use super::errors::{
    ErrorReply, INVALID_OTP_REQUEST, MOBILE_MANDATORY, Rejection, TENANT_MANDATORY, TYPE_MANDATORY, WrongUser,
};
use super::purpose::EgovPurpose;
use super::session::EgovSession;
use super::{reply, request};
use crate::contract::analytics::Suppression;
use crate::contract::delivery::{
    CodeOrder, DeliveryOutcome, NUMBER_PATTERN, PhoneNumber, default_rule, deliver, rule_of,
};
use crate::contract::directory::{DirectorySearch, DirectoryUser, find};
use crate::contract::{Events, KnownSubject, ServeError, ServeOutcome};
use crate::otp::{CanonicalSubject, Exit};
use crate::wire::json::Json;

/// The fields of a request that passed validation.
struct SendFields<'a> {
    tenant: &'a str,
    number: &'a str,
    /// The caller's, else the rule's.
    country_code: Option<&'a str>,
    purpose: EgovPurpose,
    user_type: Option<&'a str>,
    locale: Option<&'a str>,
}

/// Who gets the code.
enum Recipient {
    /// The number of the request: there was no look-up, or a `register` found that nobody has the number.
    Given,
    /// The stored number.
    Stored(DirectoryUser),
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    egov: &EgovSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<ServeOutcome, ServeError> {
    let (fields, known) = match egov.admit(known, |otp| SendFields::read(egov, otp)) {
        Ok(admitted) => admitted,
        Err(rejected) => return Ok(egov.fail(rejected.known, &rejected.error)),
    };
    let mut order = CodeOrder {
        purpose: fields.purpose.pinned(),
        exit: Exit::Delivered,
        terms: None,
        tenant: fields.tenant,
        topic: 0,
        phone: Some(PhoneNumber { number: fields.number, country_code: fields.country_code }),
        email: None,
        locale: "",
        texts: egov.egov.texts.of(fields.purpose),
        variables: &[],
    };
    match egov.topic_of(events, known.pseudonym, &order) {
        Ok(topic) => order.topic = topic,
        Err(error) => return Ok(egov.fail(Some(known), &error)),
    }
    let stored = match recipient(egov, &fields, known.who)? {
        Ok(Recipient::Given) => None,
        Ok(Recipient::Stored(user)) => Some(user),
        Err(_) if egov.session.policy.conceal_existence => {
            order.exit = Exit::Withheld;
            None
        }
        Err(wrong) => {
            if wrong != WrongUser::Exists {
                let (route, reason) = (order.destination(), Suppression::UnknownRecipient);
                egov.session.report_suppressed(events, known.pseudonym, &route, order.purpose, reason);
            }
            return Ok(egov.fail(Some(known), &wrong.into()));
        }
    };
    if let Some(user) = &stored {
        order.phone = user.mobile.as_deref().map(|number| PhoneNumber {
            number,
            country_code: user.country_code.as_deref().or(fields.country_of_stored(egov)),
        });
        order.email = user.email.as_deref();
    }
    let stored_locale = stored.as_ref().and_then(|user| request::usable_locale(user.locale.as_deref()?));
    let locale = egov.info.locale().or(stored_locale).or(fields.locale);
    order.locale = locale.unwrap_or(&egov.egov.settings.locale_default);
    let style = egov.egov.settings.delivery_style();
    let delivered = deliver(&egov.session, &style, known, &order, events)?;
    let outcome = match delivered.outcome {
        DeliveryOutcome::Issued(_) if order.exit == Exit::Withheld => "withheld",
        DeliveryOutcome::Issued(_) => "issued",
        DeliveryOutcome::Refused(refusal) => {
            return Ok(egov.refused(delivered.subject, Rejection::Refused(refusal)));
        }
        DeliveryOutcome::TextMissing => {
            return Ok(egov.refused(delivered.subject, Rejection::TemplateMissing));
        }
    };
    Ok(egov.served(delivered.subject, reply::sent(egov.info), outcome))
}

impl<'a> SendFields<'a> {
    fn read(egov: &'a EgovSession<'a>, otp: &'a Json<'a>) -> Result<Self, ErrorReply<'a>> {
        let reject = |rejection| egov.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let number = request::MOBILE.read_filled(otp).map_err(reject)?;
        let kind = request::TYPE.read(otp).map_err(reject)?;
        let user_type = request::USER_TYPE.read_filled(otp).map_err(reject)?;
        let country_code = request::COUNTRY_CODE.read_filled(otp).map_err(reject)?;
        let locale = request::otp_locale(otp).map_err(reject)?;
        let purpose = if kind.is_empty() { Some(EgovPurpose::Register) } else { EgovPurpose::sendable(kind) };
        let rules = &egov.session.policy.number_rules;
        // With a look-up, a reset may name its user by something that is not a number.
        let is_any_identity = egov.egov.settings.user_check && purpose == Some(EgovPurpose::PasswordReset);
        let judged = match (tenant, number) {
            (Some(_), Some(_)) if is_any_identity => {
                let rule = country_code.and_then(|it| rule_of(rules, it)).or(default_rule(rules));
                Ok(rule.map(|rule| rule.country_code.as_str()).or(country_code))
            }
            (Some(_), Some(number)) => egov.egov.patterns.judge(rules, NUMBER_PATTERN, country_code, number),
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
                Err(ErrorReply::invalid(INVALID_OTP_REQUEST, missing.into_iter().flatten().collect()))
            }
        }
    }

    /// The country of a stored number that has none: the default rule's, not the caller's. A caller who owns the same
    /// number in another country would get a code for an account that is not theirs.
    fn country_of_stored(&self, egov: &'a EgovSession<'_>) -> Option<&'a str> {
        let rule = default_rule(&egov.session.policy.number_rules);
        rule.map(|rule| rule.country_code.as_str()).or(self.country_code)
    }

    fn is_employee(&self) -> bool {
        self.user_type.is_some_and(|it| it.eq_ignore_ascii_case("EMPLOYEE"))
    }
}

fn recipient(
    egov: &EgovSession<'_>,
    fields: &SendFields<'_>,
    who: &CanonicalSubject,
) -> Result<Result<Recipient, WrongUser>, ServeError> {
    if !egov.egov.settings.user_check {
        return Ok(Ok(Recipient::Given));
    }
    let search = DirectorySearch {
        tenant: if fields.is_employee() { fields.tenant } else { who.tenant_root() },
        user_type: fields.user_type,
        active_only: fields.purpose != EgovPurpose::Register,
    };
    let user = egov.session.reads.directory(who)?.and_then(|record| find(&record, &search));
    Ok(match fields.purpose {
        EgovPurpose::Register => match user {
            None => Ok(Recipient::Given),
            Some(_) => Err(WrongUser::Exists),
        },
        EgovPurpose::PasswordReset => match user {
            None => Err(WrongUser::NoReset),
            Some(user) if user.mobile.is_none() => Err(WrongUser::NoMobile),
            Some(user) => Ok(Recipient::Stored(user)),
        },
        EgovPurpose::Login | EgovPurpose::Generic => {
            // A login without a stored number has nowhere to send to.
            let reachable = user.filter(|user| user.mobile.is_some());
            reachable.map(Recipient::Stored).ok_or(WrongUser::NoLogin)
        }
    })
}
