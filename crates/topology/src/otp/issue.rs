//! Issues a code: a new challenge, a resend of the live one, or a refusal.
//!
//! Delivers nothing. The outcome says that a code may leave; the contract decides how.

use super::challenge::{Challenge, ChallengeState, ChallengeView, CodeRef};
use super::decide::{Decision, OtpCommand, Rules};
use super::derive::challenge_id;
use super::identity::Holder;
use super::keys::UnknownKey;
use super::lock;
use super::names::Purpose;
use super::notice::{Notice, NoticeKind, Refusal};
use super::policy::{NumberPrefix, Policy};
use super::reserved::RESERVED_MAX;
use super::subject::Subject;
use super::terms::{CodeTerms, Resend};
use super::time::LogTime;

pub(super) const TEN_MINUTES_MS: u64 = 10 * 60 * 1000;
/// The longest of the sliding windows.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Asks for a code.
#[derive(Clone, Debug)]
pub struct Issue {
    pub purpose: Purpose,
    pub exit: Exit,
    /// `None`: the digits and the lifetime of the policy, from now on.
    pub terms: Option<CodeTerms>,
    /// Whom the directory names as the holder of the identity. A live challenge of another one is superseded: its code does
    /// not pass to the next holder of a number.
    pub holder: Option<Holder>,
    /// Of the number to which the code goes.
    pub prefix: Option<NumberPrefix>,
    /// The subject held the delivery's place. So pause, limits and what bars it were judged when the place was reserved.
    pub is_reserved: bool,
    /// What forbids this delivery besides the state of the subject, which is looked at first.
    pub barred: Option<Refusal>,
}

/// How an issued code leaves the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By SMS or e-mail. Counts against limits and pause.
    Delivered,
    /// In the reply alone. Counts against nothing.
    Revealed,
    /// By SMS or e-mail, and in the reply. Counts against limits and pause.
    DeliveredAndRevealed,
    /// Not at all, although it must look like a delivery, because the recipient is unknown. Counts like a delivery. No
    /// code is accepted.
    Withheld,
}

#[derive(Clone, Debug, PartialEq)]
pub enum IssueOutcome {
    /// A code may leave. `send_number`: the number of this delivery of the challenge; 0 if the code is only revealed.
    Issued { challenge: ChallengeView, send_number: u8 },
    Refused {
        refusal: Refusal,
        /// The end of the current lock. `None`: no lock, or a hard lock.
        locked_until: Option<LogTime>,
    },
}

impl Exit {
    /// Whether the code goes out by SMS or e-mail.
    pub const fn delivers(self) -> bool {
        matches!(self, Self::Delivered | Self::DeliveredAndRevealed)
    }

    /// Whether the reply shows the code.
    pub const fn reveals(self) -> bool {
        matches!(self, Self::Revealed | Self::DeliveredAndRevealed)
    }

    /// Whether it is, or must look like, a delivery. Limits and pause count deliveries, not codes that are only revealed.
    pub const fn counts(self) -> bool {
        match self {
            Self::Delivered | Self::DeliveredAndRevealed | Self::Withheld => true,
            Self::Revealed => false,
        }
    }
}

impl OtpCommand for Issue {
    type Outcome = IssueOutcome;

    fn apply(
        &self,
        mut subject: Subject,
        now: LogTime,
        rules: &Rules<'_>,
    ) -> Result<Decision<IssueOutcome>, UnknownKey> {
        let live = subject
            .challenges
            .iter()
            .position(|challenge| challenge.code.purpose == self.purpose && challenge.is_live(now));
        let repeated = live.filter(|at| serves_again(&subject.challenges[*at], self, now));
        if let Some(refusal) = refusal(&subject, self, repeated, now, rules.policy) {
            return Ok(refuse(subject, self, refusal, now));
        }
        let counts = self.exit.counts();
        if counts {
            let over = subject.sends.partition_point(|sent| now.since(*sent) >= DAY_MS);
            subject.sends.drain(..over);
            subject.sends.push(now);
        }
        let mut notices = Vec::with_capacity(2);
        let at = match repeated {
            Some(at) => {
                repeat(&mut subject.challenges[at]);
                at
            }
            None => supersede(&mut subject, self, live, now, rules, &mut notices),
        };
        let challenge = &mut subject.challenges[at];
        challenge.prefix = self.prefix;
        challenge.sends = challenge.sends.saturating_add(u8::from(counts));
        let send_number = if counts { challenge.sends } else { 0 };
        let kind = match self.exit {
            Exit::Withheld => None,
            Exit::Delivered | Exit::Revealed | Exit::DeliveredAndRevealed if repeated.is_some() => {
                Some(NoticeKind::Resent)
            }
            Exit::Delivered | Exit::Revealed | Exit::DeliveredAndRevealed => Some(NoticeKind::Issued),
        };
        notices.extend(
            kind.map(|kind| Notice { send_number: Some(send_number), ..Notice::of(kind, challenge) }),
        );
        let outcome = IssueOutcome::Issued { challenge: ChallengeView::of(challenge), send_number };
        Ok(Decision { subject, outcome, notices })
    }
}

/// The first of lock, pause, limits and what bars it that forbids the issue. The limit per challenge counts deliveries of
/// that challenge, so it can only forbid `repeated`, the challenge that would be delivered again. A delivery that is under
/// way counts.
fn refusal(
    subject: &Subject,
    it: &Issue,
    repeated: Option<usize>,
    now: LogTime,
    policy: &Policy,
) -> Option<Refusal> {
    if subject.is_locked(now) {
        return Some(Refusal::Locked);
    }
    if !it.exit.counts() || it.is_reserved {
        return None;
    }
    let reserved = || subject.reserved.iter().filter(|it| it.holds_at(now));
    let mut last = subject.sends.last().into_iter().chain(reserved().map(|it| &it.at));
    if last.any(|last| now.since(*last) < policy.send_pause_ms) || reserved().count() >= RESERVED_MAX {
        return Some(Refusal::SendTooSoon);
    }
    let within = |window_ms: u64| {
        let sends = subject.sends.iter().rev();
        sends.take_while(|sent| now.since(**sent) < window_ms).count()
            + reserved().filter(|it| now.since(it.at) < window_ms).count()
    };
    let challenge_sends = repeated.map_or(0, |at| {
        let under_way = reserved().filter(|place| place.purpose == it.purpose).count();
        usize::from(subject.challenges[at].sends) + under_way
    });
    let reached = challenge_sends >= usize::from(policy.sends_per_challenge_max)
        || within(TEN_MINUTES_MS) >= usize::from(policy.sends_per_10_min_max)
        || within(DAY_MS) >= usize::from(policy.sends_per_day_max);
    if reached { Some(Refusal::SendLimit) } else { it.barred }
}

fn refuse(subject: Subject, it: &Issue, refusal: Refusal, now: LogTime) -> Decision<IssueOutcome> {
    let outcome = IssueOutcome::Refused { refusal, locked_until: lock::locked_until(&subject, now) };
    let notice = Notice { purpose: Some(it.purpose), ..Notice::bare(NoticeKind::Suppressed(refusal)) };
    Decision { subject, outcome, notices: vec![notice] }
}

/// Whether a live challenge can be sent again under the terms it was issued under: they are those that the request names,
/// or it names none and at least a third of its life is left; its holder is the same; it is a decoy exactly if this
/// delivery is withheld, and it has another code left if each resend shows another.
fn serves_again(challenge: &Challenge, it: &Issue, now: LogTime) -> bool {
    let lifetime = challenge.expires_at.since(challenge.issued_at);
    let left = challenge.expires_at.since(now);
    let fits = it.terms.map_or(left.saturating_mul(3) >= lifetime, |terms| challenge.terms() == terms);
    let has_code = match challenge.resend {
        Resend::Same => true,
        Resend::Rotate => challenge.code.rotation < u8::MAX,
    };
    fits && challenge.holder == it.holder && challenge.decoy == (it.exit == Exit::Withheld) && has_code
}

fn repeat(challenge: &mut Challenge) {
    match challenge.resend {
        Resend::Same => {}
        Resend::Rotate => challenge.code.rotation += 1,
    }
}

/// Replaces every challenge of the purpose by a new one, which inherits the wrong tries of a live one.
fn supersede(
    subject: &mut Subject,
    it: &Issue,
    live: Option<usize>,
    now: LogTime,
    rules: &Rules<'_>,
    notices: &mut Vec<Notice>,
) -> usize {
    let mut tries = 0;
    if let Some(at) = live {
        let old = &subject.challenges[at];
        tries = old.tries;
        notices.push(Notice::of(NoticeKind::Superseded, old));
    }
    subject.challenges.retain(|old| old.code.purpose != it.purpose);
    let policy = rules.policy;
    let terms = it.terms.unwrap_or(CodeTerms {
        digits: policy.digits,
        begins_at: now,
        expires_at: now.plus(policy.lifetime_ms),
    });
    let (key, _) = rules.keys.code().active(rules.origin.time);
    subject.challenges.push(Challenge {
        code: CodeRef {
            challenge: challenge_id(rules, it.purpose),
            purpose: it.purpose,
            key,
            digits: terms.digits,
            rotation: 0,
        },
        issued_at: terms.begins_at,
        expires_at: terms.expires_at,
        tries_max: policy.wrong_tries_max,
        tries,
        resend: policy.resend,
        sends: 0,
        state: ChallengeState::Live,
        decoy: it.exit == Exit::Withheld,
        expiry_reported: false,
        tenant: rules.tenant.into(),
        policy_version: policy.version,
        holder: it.holder,
        prefix: it.prefix,
    });
    subject.challenges.len() - 1
}
