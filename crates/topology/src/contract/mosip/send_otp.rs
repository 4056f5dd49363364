//! `sendotp`: a code of purpose `sendotp` by SMS, e-mail, or both.

use super::errors::{
    BAD_CHANNEL, BAD_USER_ID_TYPE, BAD_VARIABLE, MosipError, NO_CONTEXT, NO_TEMPLATE, NO_USER,
    SEVERAL_CHANNELS, STALE,
};
use super::recipient::{Addresses, Recipient, UserIdType, recipient};
use super::request::{self, APP_ID, CONTEXT, USER_ID, USER_ID_TYPE, Variables};
use super::session::{Errors, MosipSession, TENANT};
use super::texts::ContextCodes;
use crate::contract::analytics::{DeliveryRoute, Suppression};
use crate::contract::delivery::{
    CodeOrder, DeliveryOutcome, FoundTexts, WantedChannels, deliver_texts, is_variable,
};
use crate::contract::{Events, KnownSubject, ServeError, Served};
use crate::otp::{Exit, Purpose};

/// A way to send a code, by its name in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Email,
    Phone,
}

/// The members of a request that passed the checks.
struct SendFields<'a> {
    kind: UserIdType,
    channels: Vec<Channel>,
    context: &'a str,
    variables: Variables<'a>,
}

/// # Errors
/// See [`ServeError`].
pub(super) fn serve(
    mosip: &MosipSession<'_>,
    known: Option<KnownSubject<'_>>,
    events: &mut Events<'_>,
) -> Result<Served, ServeError> {
    let (fields, known) = match (SendFields::read(mosip), known) {
        (Ok(fields), Some(known)) => (fields, known),
        (Ok(_), None) => return Ok(mosip.fail(None, &[NO_USER]).into()),
        (Err(errors), known) => return Ok(mosip.fail(known, &errors).into()),
    };
    let session = &mosip.session;
    if session.is_stale_for_issue() {
        suppressed(mosip, &known, Suppression::StaleRequest, events);
        return Ok(mosip.fail(Some(known), &[STALE]).into());
    }
    let found = recipient(mosip, known.who, fields.kind)?;
    let nobody = Addresses { phone: None, email: None };
    let addresses = found
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|recipient| recipient.addresses(mosip, known.who.identity(), &fields.channels));
    let (exit, addresses) = match addresses {
        Ok(addresses) => (Exit::Delivered, addresses),
        // Of a userId that is no address, too: with an entry it would get a code.
        Err(_) if session.policy.conceal_existence => (Exit::Withheld, nobody),
        Err(error) => {
            if !matches!(found, Ok(Recipient::Given)) {
                suppressed(mosip, &known, Suppression::UnknownRecipient, events);
            }
            return Ok(mosip.fail(Some(known), &[error]).into());
        }
    };
    send(mosip, &fields, known, exit, &addresses, events)
}

fn send(
    mosip: &MosipSession<'_>,
    fields: &SendFields<'_>,
    known: KnownSubject<'_>,
    exit: Exit,
    addresses: &Addresses<'_>,
    events: &mut Events<'_>,
) -> Result<Served, ServeError> {
    let codes = ContextCodes::of(fields.context);
    let variables: Vec<(&str, &str)> =
        fields.variables.named.iter().map(|(name, value)| (*name, &**value)).collect();
    let order = CodeOrder {
        purpose: Purpose::SendOtp,
        exit,
        terms: None,
        withheld: (exit == Exit::Withheld).then_some(Suppression::UnknownRecipient),
        holder: None,
        tenant: TENANT,
        topic: 0,
        phone: addresses.phone,
        // Of a userId that is an address, too: with an entry the code would go to that one's.
        is_looked_up: true,
        email: addresses.email,
        locale: mosip.mosip.settings.primary(),
        texts: mosip.mosip.texts.of(&codes),
        variables: &variables,
    };
    let style = mosip.mosip.style();
    // Those of the request, also where nobody has an address: what a text is wanting tells nothing about who exists.
    let wanted = WantedChannels {
        sms: fields.channels.contains(&Channel::Phone),
        email: fields.channels.contains(&Channel::Email),
    };
    let texts = FoundTexts::find(&mosip.session, &style, &order, wanted)?;
    if texts.as_ref().is_some_and(|texts| !fields.variables.are_fit(texts)) {
        return Ok(mosip.fail(Some(known), &[BAD_VARIABLE]).into());
    }
    let delivered = deliver_texts(&mosip.session, &style, known, &order, texts, events)?;
    let subject = delivered.subject;
    let outcome = match delivered.outcome {
        DeliveryOutcome::Issued(challenge) => {
            let outcome = if challenge.decoy { "withheld" } else { "issued" };
            mosip.served(subject, mosip.head.status("success", "OTP had been sent successfully"), outcome)
        }
        DeliveryOutcome::Refused(refusal) => match MosipError::refused(refusal) {
            Some(error) => mosip.refuse(Some(subject), &[error]),
            None => mosip.served(subject, mosip.head.status("failure", "USER_BLOCKED"), "locked"),
        },
        DeliveryOutcome::TextMissing => mosip.refuse(Some(subject), &[NO_TEMPLATE]),
        DeliveryOutcome::AsksNumber(ask) => return Ok(Served::AsksNumber { subject, ask }),
    };
    Ok(outcome.into())
}

fn suppressed(
    mosip: &MosipSession<'_>,
    known: &KnownSubject<'_>,
    reason: Suppression,
    events: &mut Events<'_>,
) {
    let route = DeliveryRoute::default();
    mosip.session.report_suppressed(events, known.pseudonym, &route, Purpose::SendOtp, reason);
}

impl<'a> SendFields<'a> {
    /// Shapes first, then the checks in their order; the first that fails answers.
    fn read(mosip: &MosipSession<'a>) -> Result<Self, Errors<'a>> {
        let request = mosip.admit()?;
        let read = || {
            USER_ID.read(request)?;
            let texts = [APP_ID.read(request)?, USER_ID_TYPE.read(request)?, CONTEXT.read_trimmed(request)?];
            Ok((texts, request::channels(request)?, request::variables(request)?))
        };
        let ([app_id, kind, context], channels, variables) = read().map_err(|error| vec![error])?;
        Self::check(mosip, app_id, kind, context, &channels)
            .map(|(kind, channels)| Self { kind, channels, context, variables })
            .map_err(|error| vec![error])
    }

    fn check(
        mosip: &MosipSession<'_>,
        app_id: &'a str,
        kind: &str,
        context: &str,
        channels: &[&str],
    ) -> Result<(UserIdType, Vec<Channel>), MosipError<'a>> {
        check_app(mosip, app_id)?;
        let kind = match kind {
            "UIN" => UserIdType::Uin,
            "USERID" => UserIdType::UserId,
            _ => return Err(BAD_USER_ID_TYPE),
        };
        if context.is_empty() {
            return Err(NO_CONTEXT);
        }
        let channels = channels.iter().map(|name| Channel::parse(name)).collect::<Option<Vec<_>>>();
        let mut channels = channels.filter(|channels| !channels.is_empty()).ok_or(BAD_CHANNEL)?;
        channels.sort_by_key(|channel| *channel as u8);
        channels.dedup();
        let is_single = mosip.mosip.settings.single_channel_app_ids.iter().any(|it| it == app_id);
        if is_single && channels.len() > 1 {
            return Err(SEVERAL_CHANNELS);
        }
        Ok((kind, channels))
    }
}

/// # Errors
/// The app is none of the deployment's.
pub(super) fn check_app<'a>(mosip: &MosipSession<'_>, app_id: &'a str) -> Result<(), MosipError<'a>> {
    let is_known = mosip.mosip.settings.app_ids.iter().any(|it| it == app_id);
    if is_known { Ok(()) } else { Err(MosipError::unknown_app(app_id)) }
}

impl Channel {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "email" => Some(Self::Email),
            "phone" => Some(Self::Phone),
            _ => None,
        }
    }
}

impl Variables<'_> {
    /// Whether the values of all variables that the texts name may stand in a message.
    fn are_fit(&self, texts: &FoundTexts) -> bool {
        let is_fit = |name: &str| {
            let value = self.named.iter().find(|(it, _)| *it == name);
            !self.unfit.contains(&name) && value.is_none_or(|(_, value)| is_variable(value))
        };
        texts.variables().all(is_fit)
    }
}
