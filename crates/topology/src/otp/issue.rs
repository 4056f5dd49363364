//! A code is wanted: a new challenge, a resend of the live one, or a refusal.
//!
//! Delivers nothing: that a code may leave is the outcome, how it does is the contract's.

use super::challenge::{Challenge, ChallengeState, Resend};
use super::command::{Exit, Issue, Rules};
use super::decision::{ChallengeView, Decision, Notice, NoticeKind, Outcome, Refusal};
use super::derive::challenge_id;
use super::keys::UnknownKey;
use super::lock;
use super::policy::Policy;
use super::subject::Subject;
use super::time::LogTime;

const TEN_MINUTES_MS: u64 = 10 * 60 * 1000;
/// The longest of the sliding windows.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1000;

pub(super) fn decide(
    mut subject: Subject,
    it: &Issue,
    now: LogTime,
    rules: &Rules<'_>,
) -> Result<Decision, UnknownKey> {
    let live = subject
        .challenges
        .iter()
        .position(|challenge| challenge.code.purpose == it.purpose && challenge.is_live(now));
    let repeated = live.filter(|at| serves_again(&subject.challenges[*at], it.exit, now));
    if let Some(refusal) = refusal(&subject, it, repeated, now, rules.policy) {
        return Ok(refuse(subject, it, refusal, now));
    }
    let counts = counts(it.exit);
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
        None => supersede(&mut subject, it, live, now, rules, &mut notices),
    };
    let challenge = &mut subject.challenges[at];
    challenge.sends = challenge.sends.saturating_add(u8::from(counts));
    let send_number = if counts { challenge.sends } else { 0 };
    let kind = match it.exit {
        Exit::Withheld => None,
        Exit::Delivered | Exit::Revealed if repeated.is_some() => Some(NoticeKind::Resent),
        Exit::Delivered | Exit::Revealed => Some(NoticeKind::Issued),
    };
    notices.extend(kind.map(|kind| Notice { send_number: Some(send_number), ..Notice::of(kind, challenge) }));
    let outcome = Outcome::Issued { challenge: ChallengeView::of(challenge), send_number };
    Ok(Decision { subject, outcome, notices })
}

/// Limits and pause count deliveries, not codes that are only revealed.
const fn counts(exit: Exit) -> bool {
    match exit {
        Exit::Delivered | Exit::Withheld => true,
        Exit::Revealed => false,
    }
}

/// The first of lock, pause and limits that stands in the way. The limit of a challenge counts its own deliveries, so
/// it stands only in the way of `repeated`, the challenge that would be delivered again.
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
    if !counts(it.exit) {
        return None;
    }
    let last = subject.sends.last();
    if last.is_some_and(|last| now.since(*last) < policy.send_pause_ms) {
        return Some(Refusal::SendTooSoon);
    }
    let within = |window_ms: u64| {
        let sends = subject.sends.iter().rev();
        sends.take_while(|sent| now.since(**sent) < window_ms).count()
    };
    let challenge_sends = repeated.map_or(0, |at| subject.challenges[at].sends);
    let reached = challenge_sends >= policy.sends_per_challenge_max
        || within(TEN_MINUTES_MS) >= usize::from(policy.sends_per_10_min_max)
        || within(DAY_MS) >= usize::from(policy.sends_per_day_max);
    reached.then_some(Refusal::SendLimit)
}

fn refuse(subject: Subject, it: &Issue, refusal: Refusal, now: LogTime) -> Decision {
    let outcome = Outcome::Refused { refusal, locked_until: lock::locked_until(&subject, now) };
    let notice = Notice { purpose: Some(it.purpose), ..Notice::bare(NoticeKind::Suppressed(refusal)) };
    Decision { subject, outcome, notices: vec![notice] }
}

/// Whether a live challenge serves again, under the terms it was issued under: at least a third of its life is left, it
/// is a decoy just if this delivery is withheld, and it has a code that was not shown if each resend shows another.
fn serves_again(challenge: &Challenge, exit: Exit, now: LogTime) -> bool {
    let lifetime = challenge.expires_at.since(challenge.issued_at);
    let left = challenge.expires_at.since(now);
    let has_code = match challenge.resend {
        Resend::Same => true,
        Resend::Rotate => challenge.code.rotation < u8::MAX,
    };
    left.saturating_mul(3) >= lifetime && challenge.decoy == (exit == Exit::Withheld) && has_code
}

fn repeat(challenge: &mut Challenge) {
    match challenge.resend {
        Resend::Same => {}
        Resend::Rotate => challenge.code.rotation += 1,
    }
}

/// Puts a new challenge in the place of whatever is known of the purpose; a live one bequeaths its wrong tries.
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
    let (key, _) = rules.keys.code().active(rules.origin.time);
    subject.challenges.push(Challenge {
        code: super::CodeRef {
            challenge: challenge_id(rules, it.purpose),
            purpose: it.purpose,
            key,
            digits: policy.digits,
            rotation: 0,
        },
        issued_at: now,
        expires_at: now.plus(policy.lifetime_ms),
        tries_max: policy.wrong_tries_max,
        tries,
        resend: policy.resend,
        sends: 0,
        state: ChallengeState::Live,
        decoy: it.exit == Exit::Withheld,
        expiry_told: false,
        tenant: rules.tenant.into(),
        policy_version: policy.version,
    });
    subject.challenges.len() - 1
}
