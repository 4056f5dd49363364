//! Sends a code: the texts first, then the decision, then the events.
//!
//! A missing text must be found before a code is issued. But a refusal by the rules comes first: a subject that is locked
//! or over its limits gets that reply. Knows no contract: texts and style come with the order.
//!
//! ```text
//! CodeOrder ─▶ FoundTexts ─▶ number_limit ─▶ barred ─▶ otp::decide ─▶ sms, email, lifecycle
//! ```

mod barred;
mod central_instance;
mod email;
mod flavour;
mod message;
mod number;
mod number_limit;
mod order;
mod settings;
mod sms;
mod stored_number;
mod texts;
mod variables;

pub use central_instance::CentralInstance;
pub use email::{EmailStyle, mail_address};
pub use flavour::Flavour;
pub use number::{BadNumber, NumberPatterns, PhoneNumber, default_rule, rule_of};
pub use order::{CodeOrder, DeliveryStyle, OrderTexts, WantedText};
pub use settings::{DeliverySettings, NUMBER_PATTERN};
pub use stored_number::StoredNumber;
pub use texts::{FoundTexts, WantedChannels};
pub use variables::is_variable;

use super::analytics::{self, Channel, DeliveryRoute, Suppression, Tally, TallyKind};
use super::events::Events;
use super::port::{KnownSubject, NumberAsk, ServeError};
use super::session::Session;
use crate::otp::{
    ChallengeView, Code, Exit, IssueOutcome, Notice, NoticeKind, Pseudonym, Refusal, Subject, decide,
};
use message::CodeMessage;
use number_limit::{NumberStanding, standing};

/// What an order gave.
pub struct Delivered {
    pub subject: Subject,
    pub outcome: DeliveryOutcome,
}

pub enum DeliveryOutcome {
    Issued(ChallengeView),
    Refused(Refusal),
    /// Nothing was issued, because a text is missing.
    TextMissing,
    /// Nothing was issued: the home of the number must grant the delivery first. Nothing was published either.
    AsksNumber(NumberAsk),
}

/// Issues a code and sends it.
///
/// # Errors
/// See [`ServeError`].
pub fn deliver(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    known: KnownSubject<'_>,
    order: &CodeOrder<'_>,
    events: &mut Events<'_>,
) -> Result<Delivered, ServeError> {
    let texts = FoundTexts::find(session, style, order, WantedChannels::of(order))?;
    deliver_texts(session, style, known, order, texts, events)
}

/// As [`deliver`], with the texts of the order. `None`: one is missing.
///
/// # Errors
/// See [`ServeError`].
pub fn deliver_texts(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    known: KnownSubject<'_>,
    order: &CodeOrder<'_>,
    texts: Option<FoundTexts>,
    events: &mut Events<'_>,
) -> Result<Delivered, ServeError> {
    let Some(texts) = texts else {
        return refuse_or(session, known, order, Instead::MissText, events);
    };
    let is_reserved = match standing(session, order, known.who) {
        NumberStanding::Free { is_reserved } => is_reserved,
        NumberStanding::Unasked(ask) => {
            return refuse_or(session, known, order, Instead::Ask(ask), events);
        }
        NumberStanding::Spent => return refuse_or(session, known, order, Instead::RefuseNumber, events),
    };
    let KnownSubject { who, pseudonym, subject } = known;
    let (order, barred) = barred::judged(session, who, order)?;
    let order = &order;
    let email = order.good_email();
    let email = email.as_deref();
    let rules = session.rules(who, order.tenant);
    let decision = decide(subject, &order.command(is_reserved, barred), session.pending.now, &rules)?;
    let (challenge, send_number) = match decision.outcome {
        IssueOutcome::Issued { challenge, send_number } => (challenge, send_number),
        IssueOutcome::Refused { refusal, .. } => {
            report(session, events, pseudonym, order, &texts, &decision.notices);
            return Ok(Delivered { subject: decision.subject, outcome: DeliveryOutcome::Refused(refusal) });
        }
    };
    if order.exit.counts() {
        events.tally(Tally { prefix: order.prefix(), what: TallyKind::Delivery });
    }
    if order.exit.delivers() {
        let code = Code::derive(session.reads.keys(), who, challenge.code)?;
        let message = CodeMessage {
            challenge: &challenge,
            code: code.digits(),
            variables: order.variables,
            send_number,
            tenant: order.tenant,
            key: &pseudonym.to_hex(),
        };
        publish(session, style, events, order, &texts, email, &message);
    }
    report(session, events, pseudonym, order, &texts, &decision.notices);
    match order.exit {
        Exit::Delivered | Exit::DeliveredAndRevealed if order.email.is_some() && email.is_none() => {
            let route = DeliveryRoute { channels: Some(&[Channel::Email]), ..DeliveryRoute::default() };
            session.report_suppressed(events, pseudonym, &route, order.purpose, Suppression::BadAddress);
        }
        Exit::Withheld => {
            let reason = order.withheld.expect("who withholds a code says why");
            session.report_suppressed(events, pseudonym, &order.destination(), order.purpose, reason);
        }
        Exit::Delivered | Exit::Revealed | Exit::DeliveredAndRevealed => {}
    }
    Ok(Delivered { subject: decision.subject, outcome: DeliveryOutcome::Issued(challenge) })
}

/// What happens to a delivery that cannot be made now, unless the rules refuse it anyway.
enum Instead {
    MissText,
    Ask(NumberAsk),
    RefuseNumber,
}

/// Nothing can be issued now. If the rules would refuse it anyway, the refusal is the outcome.
fn refuse_or(
    session: &Session<'_>,
    known: KnownSubject<'_>,
    order: &CodeOrder<'_>,
    instead: Instead,
    events: &mut Events<'_>,
) -> Result<Delivered, ServeError> {
    let KnownSubject { who, pseudonym, subject } = known;
    let (order, barred) = barred::judged(session, who, order)?;
    let order = &order;
    let rules = session.rules(who, order.tenant);
    // A refusal by the number ends a delivery whose place was held: its limits were judged.
    let is_reserved = matches!(instead, Instead::RefuseNumber) && session.holds_place();
    let decision = decide(subject.clone(), &order.command(is_reserved, barred), session.pending.now, &rules)?;
    if let IssueOutcome::Refused { refusal, .. } = decision.outcome {
        report(session, events, pseudonym, order, &FoundTexts::default(), &decision.notices);
        return Ok(Delivered { subject: decision.subject, outcome: DeliveryOutcome::Refused(refusal) });
    }
    let (reason, outcome) = match instead {
        Instead::Ask(ask) => return Ok(Delivered { subject, outcome: DeliveryOutcome::AsksNumber(ask) }),
        Instead::MissText => (Suppression::TemplateMissing, DeliveryOutcome::TextMissing),
        Instead::RefuseNumber => (Suppression::NumberLimit, DeliveryOutcome::Refused(Refusal::NumberLimit)),
    };
    session.report_suppressed(events, pseudonym, &order.destination(), order.purpose, reason);
    Ok(Delivered { subject, outcome })
}

fn publish(
    session: &Session<'_>,
    style: &DeliveryStyle<'_>,
    events: &mut Events<'_>,
    order: &CodeOrder<'_>,
    texts: &FoundTexts,
    email: Option<&str>,
    message: &CodeMessage<'_>,
) {
    let topics = &session.pending.request.caller.topics;
    if let (Some(phone), Some(text)) = (order.phone, &texts.sms) {
        sms::publish_sms(events, topics.sms[order.topic], message, phone, text);
    }
    if let (Some(address), Some(texts)) = (email, &texts.email) {
        email::publish_email(events, topics.email[order.topic], message, address, texts, style.email);
    }
}

/// Reports the notices of a decision. The rules report nothing of a code that is withheld.
fn report(
    session: &Session<'_>,
    events: &mut Events<'_>,
    pseudonym: Pseudonym,
    order: &CodeOrder<'_>,
    texts: &FoundTexts,
    notices: &[Notice],
) {
    let destination = order.destination();
    let about = session.about(Some(pseudonym));
    for notice in notices {
        let route = match notice.kind {
            NoticeKind::Issued | NoticeKind::Resent => {
                DeliveryRoute { channels: Some(texts.channels()), locale: texts.locale(), ..destination }
            }
            NoticeKind::Suppressed(_) => destination,
            NoticeKind::Superseded
            | NoticeKind::Verified
            | NoticeKind::Failed
            | NoticeKind::Locked
            | NoticeKind::Unlocked
            | NoticeKind::Expired
            | NoticeKind::Forgotten => DeliveryRoute::default(),
        };
        analytics::lifecycle(events, session.pending.request.caller.topics.lifecycle, &about, &route, notice);
    }
}
