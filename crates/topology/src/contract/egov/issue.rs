//! What send and create have in common: texts first, then the decision, then the notifications.
//!
//! A text that is missing must be found out before a code is issued; but a subject that is locked or has had its
//! share is told so first.

use std::sync::Arc;

use super::errors::{Failure, Rejection};
use super::notice::{self, Delivery, EmailStyle, EmailTexts, Mobile};
use super::turn::Turn;
use super::wording::{Reader, TextCode};
use crate::contract::analytics::{self, Channel, Route, Suppression, number_prefix};
use crate::contract::{Events, Known, Trouble};
use crate::otp::{
    ChallengeView, Code, Command, Exit, Issue, Notice, NoticeKind, Outcome, Pseudonym, Purpose, Refusal,
    Subject, decide,
};
use crate::state::StoreError;
use crate::text::Template;

/// A code that is wanted, and where it is to go.
pub struct Order<'a> {
    pub purpose: Purpose,
    pub exit: Exit,
    pub tenant: &'a str,
    /// The place of the tenant's notification topics.
    pub topic: usize,
    pub mobile: Option<Mobile<'a>>,
    pub email: Option<&'a str>,
    pub locale: &'a str,
}

/// What came of it.
pub struct Issued {
    pub subject: Subject,
    pub outcome: Result<ChallengeView, Failure<'static>>,
}

/// The texts of one delivery.
#[derive(Default)]
struct Texts {
    sms: Option<Arc<Template>>,
    email: Option<EmailTexts>,
}

/// Issues a code and sends it on its way.
///
/// # Errors
/// See [`Trouble`].
pub fn serve(
    turn: &Turn<'_>,
    known: Known<'_>,
    order: &Order<'_>,
    events: &mut Events<'_>,
) -> Result<Issued, Trouble> {
    let email = order.email.filter(|address| notice::is_address(address));
    let Some(texts) = texts_of(turn, order, email)? else {
        return without_text(turn, known, order, events);
    };
    let Known { who, pseudonym, subject } = known;
    let decision = decide(subject, &order.command(), turn.inbound.now, &turn.rules(who, order.tenant))?;
    let (challenge, send_number) = match decision.outcome {
        Outcome::Issued { challenge, send_number } => (challenge, send_number),
        Outcome::Refused { refusal, .. } => {
            tell(turn, events, pseudonym, order, &texts, &decision.notices);
            return Ok(refused(turn, decision.subject, refusal));
        }
        Outcome::Verified(_) | Outcome::Found(_) | Outcome::Released | Outcome::Forgotten => {
            unreachable!("who asks for a code gets one or is refused")
        }
    };
    if order.exit == Exit::Delivered {
        let code = Code::derive(turn.reads.keys(), who, challenge.code)?;
        let delivery = Delivery {
            challenge: &challenge,
            code: code.digits(),
            send_number,
            tenant: order.tenant,
            key: &pseudonym.to_hex(),
        };
        deliver(turn, events, order, &texts, email, &delivery);
    }
    tell(turn, events, pseudonym, order, &texts, &decision.notices);
    match order.exit {
        Exit::Delivered if order.email.is_some() && email.is_none() => {
            let route = Route { channels: Some(&[Channel::Email]), ..Route::default() };
            turn.tell_suppressed(events, pseudonym, &route, order.purpose, Suppression::BadAddress);
        }
        Exit::Withheld => {
            let reason = Suppression::UnknownRecipient;
            turn.tell_suppressed(events, pseudonym, &order.destination(), order.purpose, reason);
        }
        Exit::Delivered | Exit::Revealed => {}
    }
    Ok(Issued { subject: decision.subject, outcome: Ok(challenge) })
}

/// Nothing can be issued; but if it would be refused anyhow, that is the answer.
fn without_text(
    turn: &Turn<'_>,
    known: Known<'_>,
    order: &Order<'_>,
    events: &mut Events<'_>,
) -> Result<Issued, Trouble> {
    let Known { who, pseudonym, subject } = known;
    let rules = turn.rules(who, order.tenant);
    let decision = decide(subject.clone(), &order.command(), turn.inbound.now, &rules)?;
    if let Outcome::Refused { refusal, .. } = decision.outcome {
        tell(turn, events, pseudonym, order, &Texts::default(), &decision.notices);
        return Ok(refused(turn, decision.subject, refusal));
    }
    let reason = Suppression::TemplateMissing;
    turn.tell_suppressed(events, pseudonym, &order.destination(), order.purpose, reason);
    Ok(Issued { subject, outcome: Err(turn.reject(Rejection::TemplateMissing)) })
}

impl<'a> Order<'a> {
    fn command(&self) -> Command<'static> {
        Command::Issue(Issue { purpose: self.purpose, exit: self.exit })
    }

    /// Where the code was to go.
    pub fn destination(&self) -> Route<'a> {
        Route {
            channels: None,
            country_code: self.mobile.and_then(|it| it.country_code),
            prefix: self.mobile.and_then(|it| number_prefix(it.number)),
            locale: None,
        }
    }
}

/// `None`: one that is needed is missing.
fn texts_of(turn: &Turn<'_>, order: &Order<'_>, email: Option<&str>) -> Result<Option<Texts>, StoreError> {
    let mut texts = Texts::default();
    if order.exit == Exit::Revealed {
        return Ok(Some(texts));
    }
    let reader = Reader { tenant: order.tenant, locale: order.locale };
    let find = |code| turn.egov.built_in.find(&turn.egov.settings, turn.reads, &reader, code);
    if order.mobile.is_some() {
        texts.sms = find(TextCode::sms(order.purpose))?;
        if texts.sms.is_none() {
            return Ok(None);
        }
    }
    if email.is_some() {
        let (subject, body) = TextCode::email(order.purpose);
        let (Some(subject), Some(body)) = (find(subject)?, find(body)?) else {
            return Ok(None);
        };
        texts.email = Some(EmailTexts { subject, body });
    }
    Ok(Some(texts))
}

fn deliver(
    turn: &Turn<'_>,
    events: &mut Events<'_>,
    order: &Order<'_>,
    texts: &Texts,
    email: Option<&str>,
    delivery: &Delivery<'_>,
) {
    let topics = &turn.egov.topics;
    if let (Some(mobile), Some(text)) = (order.mobile, &texts.sms) {
        notice::publish_sms(events, topics.sms[order.topic], delivery, mobile, text);
    }
    if let (Some(address), Some(texts)) = (email, &texts.email) {
        let settings = &turn.egov.settings;
        let style = EmailStyle { flavour: settings.flavour, sender: &settings.mail_sender };
        notice::publish_email(events, topics.email[order.topic], delivery, address, texts, style);
    }
}

/// Tells the notices of a decision. The rules tell nothing of a code that is withheld: it only looks like a delivery.
fn tell(
    turn: &Turn<'_>,
    events: &mut Events<'_>,
    pseudonym: Pseudonym,
    order: &Order<'_>,
    texts: &Texts,
    notices: &[Notice],
) {
    let destination = order.destination();
    let locale = texts.sms.as_deref().or(texts.email.as_ref().map(|it| &*it.body)).map(Template::locale);
    let about = turn.about(Some(pseudonym));
    for notice in notices {
        let route = match notice.kind {
            NoticeKind::Issued | NoticeKind::Resent => {
                Route { channels: Some(texts.channels()), locale, ..destination }
            }
            NoticeKind::Suppressed(_) => destination,
            NoticeKind::Superseded
            | NoticeKind::Verified
            | NoticeKind::Failed
            | NoticeKind::Locked
            | NoticeKind::Unlocked
            | NoticeKind::Expired
            | NoticeKind::Forgotten => Route::default(),
        };
        analytics::lifecycle(events, turn.egov.topics.lifecycle, &about, &route, notice);
    }
}

impl Texts {
    fn channels(&self) -> &'static [Channel] {
        match (self.sms.is_some(), self.email.is_some()) {
            (true, true) => &[Channel::Sms, Channel::Email],
            (true, false) => &[Channel::Sms],
            (false, true) => &[Channel::Email],
            (false, false) => &[],
        }
    }
}

fn refused(turn: &Turn<'_>, subject: Subject, refusal: Refusal) -> Issued {
    Issued { subject, outcome: Err(turn.reject(Rejection::Refused(refusal))) }
}
