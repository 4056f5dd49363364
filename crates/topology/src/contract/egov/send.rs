//! `send`: a code by SMS for register, login and passwordreset; with the directory also by e-mail.

use super::errors::{
    ErrorReply, INVALID_OTP_REQUEST, MOBILE_MANDATORY, Rejection, TENANT_MANDATORY, TYPE_MANDATORY, WrongUser,
};
use super::purpose::EgovPurpose;
use super::session::EgovSession;
use super::{reply, request};
use crate::contract::analytics::{Channel, DeliveryRoute};
use crate::contract::delivery::{
    CodeOrder, DeliveryOutcome, NUMBER_PATTERN, PhoneNumber, StoredNumber, default_rule, deliver, rule_of,
};
use crate::contract::directory::{DirectorySearch, DirectoryUser, find};
use crate::contract::{Events, KnownSubject, ServeError, Served};
use crate::otp::{CanonicalSubject, Exit, Pseudonym};
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
    /// The user of the directory, by the stored number.
    Stored(DirectoryUser, StoredNumber),
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    egov: &EgovSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<Served, ServeError> {
    let (fields, known) = match egov.admit(known, |otp| SendFields::read(egov, otp)) {
        Ok(admitted) => admitted,
        Err(rejected) => return Ok(egov.fail(rejected.known, &rejected.error).into()),
    };
    let mut order = CodeOrder {
        purpose: fields.purpose.pinned(),
        exit: Exit::Delivered,
        terms: None,
        withheld: None,
        holder: None,
        tenant: fields.tenant,
        topic: 0,
        phone: Some(PhoneNumber { number: fields.number, country_code: fields.country_code }),
        // A `register` goes to the number of the request, whatever the directory says.
        is_looked_up: egov.egov.settings.user_check && fields.purpose != EgovPurpose::Register,
        email: None,
        locale: "",
        texts: egov.egov.texts.of(fields.purpose),
        variables: &[],
    };
    match egov.topic_of(events, known.pseudonym, &order) {
        Ok(topic) => order.topic = topic,
        Err(error) => return Ok(egov.fail(Some(known), &error).into()),
    }
    let stored = match recipient(egov, &fields, known.who)? {
        Ok(Recipient::Given) => None,
        Ok(Recipient::Stored(user, number)) => Some((user, number)),
        Err(wrong) if egov.session.policy.conceal_existence => {
            order.exit = Exit::Withheld;
            order.withheld = Some(wrong.suppression());
            None
        }
        Err(wrong) => {
            report_wrong(egov, events, known.pseudonym, &order, wrong);
            return Ok(egov.fail(Some(known), &wrong.into()).into());
        }
    };
    if let Some((user, number)) = &stored {
        order.phone = Some(number.phone());
        order.email = user.email.as_deref();
        let keys = egov.session.reads.keys();
        order.holder = user.id.as_deref().map(|id| keys.holder(egov.session.contract, id));
    }
    let stored_locale = stored.as_ref().and_then(|(user, _)| request::usable_locale(user.locale.as_deref()?));
    let locale = egov.info.locale().or(stored_locale).or(fields.locale);
    order.locale = locale.unwrap_or(&egov.egov.settings.locale_default);
    let style = egov.egov.settings.delivery_style();
    let delivered = deliver(&egov.session, &style, known, &order, events)?;
    let outcome = match delivered.outcome {
        DeliveryOutcome::Issued(challenge) if challenge.decoy => "withheld",
        DeliveryOutcome::Issued(_) => "issued",
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
    Ok(egov.served(delivered.subject, reply::sent(egov.info), outcome).into())
}

impl<'a> SendFields<'a> {
    fn read(egov: &'a EgovSession<'a>, otp: &'a Json<'a>) -> Result<Self, ErrorReply<'a>> {
        let reject = |rejection| egov.reject(rejection);
        let tenant = request::TENANT.read_filled(otp).map_err(reject)?;
        let user_check = egov.egov.settings.user_check;
        let identity = request::identity_field(egov.operation, otp, user_check);
        let number = identity.read_filled(otp).map_err(reject)?;
        let kind = request::TYPE.read(otp).map_err(reject)?;
        let user_type = request::USER_TYPE.read_filled(otp).map_err(reject)?;
        let country_code = request::COUNTRY_CODE.read_filled(otp).map_err(reject)?;
        let locale = request::otp_locale(otp).map_err(reject)?;
        let purpose = if kind.is_empty() { Some(EgovPurpose::Register) } else { EgovPurpose::sendable(kind) };
        let rules = &egov.session.policy.number_rules;
        // With a look-up, a name or the number of a reset need not be a number at all.
        let is_reset = purpose == Some(EgovPurpose::PasswordReset);
        let is_any_identity = user_check && (is_reset || identity == request::USER_NAME);
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
    let (nobody, no_number, bad_number) = match fields.purpose {
        EgovPurpose::Register => {
            return Ok(if user.is_some() { Err(WrongUser::Exists) } else { Ok(Recipient::Given) });
        }
        EgovPurpose::PasswordReset => (WrongUser::NoReset, WrongUser::NoMobile, WrongUser::BadResetNumber),
        // A login without a stored number has nowhere to send to.
        EgovPurpose::Login | EgovPurpose::Generic => {
            (WrongUser::NoLogin, WrongUser::NoLogin, WrongUser::BadLoginNumber)
        }
    };
    let Some(user) = user else { return Ok(Err(nobody)) };
    let Some(number) = &user.mobile else { return Ok(Err(no_number)) };
    // The country of a stored number that has none is the default rule's, not the caller's. A caller who owns the same
    // number in another country would get a code for an account that is not theirs.
    let rules = &egov.session.policy.number_rules;
    let number = egov.egov.patterns.canonical(rules, NUMBER_PATTERN, user.country_code.as_deref(), number);
    Ok(number.map(|number| Recipient::Stored(user, number)).ok_or(bad_number))
}

/// Reports that nothing is sent to a user who is not the right one. That a number is taken is no fault of a delivery.
fn report_wrong(
    egov: &EgovSession<'_>,
    events: &mut Events<'_>,
    subject: Pseudonym,
    order: &CodeOrder<'_>,
    wrong: WrongUser,
) {
    let channels: Option<&[Channel]> = match wrong {
        WrongUser::Exists => return,
        WrongUser::BadLoginNumber | WrongUser::BadResetNumber => Some(&[Channel::Sms]),
        WrongUser::NoLogin | WrongUser::NoReset | WrongUser::NoMobile => None,
    };
    let route = DeliveryRoute { channels, ..order.destination() };
    egov.session.report_suppressed(events, subject, &route, order.purpose, wrong.suppression());
}
