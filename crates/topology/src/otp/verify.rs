//! Verifies a typed code: check, count and consume in one step.

use super::challenge::{Challenge, ChallengeId, ChallengeState};
use super::decide::{Decision, OtpCommand, Rules};
use super::derive::Code;
use super::keys::UnknownKey;
use super::lock;
use super::names::Purpose;
use super::notice::{Notice, NoticeKind};
use super::subject::Subject;
use super::terms::CodeTerms;
use super::time::LogTime;

/// Judges a typed code.
#[derive(Clone, Debug)]
pub struct Verify<'a> {
    /// `None`: the most recent live challenge.
    pub purpose: Option<Purpose>,
    /// As typed. Compared in constant time and never stored.
    pub code: &'a str,
    /// What the challenge must have been issued under, if the request repeats it.
    pub terms: Option<CodeTerms>,
}

/// The judgement of one typed code.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    pub verdict: Verdict,
    /// The challenge it was judged against, if there is one.
    pub challenge: Option<ChallengeId>,
    pub purpose: Option<Purpose>,
    /// Wrong tries of the challenge so far, this one included; `None` without a challenge.
    pub attempts: Option<u8>,
    /// The smaller of what challenge and lock leave; `None` if the code could not be tried, or was right.
    pub attempts_remaining: Option<u32>,
    /// The end of the lock after this verification. `None`: no lock, or a hard lock.
    pub locked_until: Option<LogTime>,
}

/// In the order of precedence: the first that applies is the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Locked,
    NoChallenge,
    AlreadyUsed,
    Ended,
    NotYetValid,
    Expired,
    Mismatch,
    WrongCode,
}

impl OtpCommand for Verify<'_> {
    type Outcome = Verification;

    fn apply(
        &self,
        mut subject: Subject,
        now: LogTime,
        rules: &Rules<'_>,
    ) -> Result<Decision<Verification>, UnknownKey> {
        let target = target(&subject, self, now);
        let verdict = match target {
            _ if subject.is_locked(now) => Verdict::Locked,
            None => Verdict::NoChallenge,
            Some(at) => judge(&subject.challenges[at], self, now, rules)?,
        };
        let mut notices = Vec::new();
        let attempts_remaining = match (target, verdict) {
            (Some(at), Verdict::Accepted) => {
                let challenge = &mut subject.challenges[at];
                challenge.state = ChallengeState::Used { at: now };
                notices.push(Notice::of(NoticeKind::Verified, challenge));
                subject.consecutive_wrong = 0;
                None
            }
            (Some(at), Verdict::WrongCode) => {
                count(&mut subject, at, now, rules, &mut notices);
                let ended = !subject.challenges[at].is_live(now);
                Some(if ended { 0 } else { tries_left(&subject, at, rules) })
            }
            (Some(at), Verdict::NotYetValid | Verdict::Mismatch) => Some(tries_left(&subject, at, rules)),
            (Some(_) | None, _) => None,
        };
        let judged = target.map(|at| &subject.challenges[at]);
        let outcome = Verification {
            verdict,
            challenge: judged.map(|challenge| challenge.code.challenge),
            purpose: judged.map(|challenge| challenge.code.purpose),
            attempts: judged.map(|challenge| challenge.tries),
            attempts_remaining,
            locked_until: lock::locked_until(&subject, now),
        };
        Ok(Decision { subject, outcome, notices })
    }
}

/// The challenge of the named purpose; without one the last live challenge, else the last that is remembered.
fn target(subject: &Subject, it: &Verify<'_>, now: LogTime) -> Option<usize> {
    let last = |wanted: &dyn Fn(&Challenge) -> bool| subject.challenges.iter().rposition(wanted);
    match it.purpose {
        Some(purpose) => last(&|it| it.code.purpose == purpose && it.is_remembered(now)),
        None => last(&|it| it.is_live(now)).or_else(|| last(&|it| it.is_remembered(now))),
    }
}

/// The first reason against the code, in the order of [`Verdict`].
fn judge(
    challenge: &Challenge,
    it: &Verify<'_>,
    now: LogTime,
    rules: &Rules<'_>,
) -> Result<Verdict, UnknownKey> {
    match challenge.state {
        ChallengeState::Used { .. } => return Ok(Verdict::AlreadyUsed),
        ChallengeState::Ended { .. } => return Ok(Verdict::Ended),
        ChallengeState::Live => {}
    }
    // A window of the request's own is compared with the append time of the record itself: a subject's time, which never
    // goes back, may have passed its begin.
    if it.terms.is_some() && rules.origin.time < challenge.issued_at {
        return Ok(Verdict::NotYetValid);
    }
    if !challenge.is_live(now) {
        return Ok(Verdict::Expired);
    }
    if it.terms.is_some_and(|terms| terms != challenge.terms()) {
        return Ok(Verdict::Mismatch);
    }
    let right = Code::derive(rules.keys, rules.who, challenge.code)?.matches(it.code);
    Ok(if right & !challenge.decoy { Verdict::Accepted } else { Verdict::WrongCode })
}

/// Counts a wrong code against the challenge and against the subject.
fn count(subject: &mut Subject, at: usize, now: LogTime, rules: &Rules<'_>, notices: &mut Vec<Notice>) {
    let challenge = &mut subject.challenges[at];
    challenge.tries = challenge.tries.saturating_add(1);
    if challenge.tries >= challenge.tries_max {
        challenge.state = ChallengeState::Ended { at: now };
        notices.push(Notice::of(NoticeKind::Failed, challenge));
    }
    if lock::count_wrong_try(subject, now, rules.policy) {
        notices.push(Notice {
            locked_until: lock::locked_until(subject, now),
            ..Notice::of(NoticeKind::Locked, &subject.challenges[at])
        });
    }
}

/// The smaller of what challenge and lock leave.
fn tries_left(subject: &Subject, at: usize, rules: &Rules<'_>) -> u32 {
    let challenge = &subject.challenges[at];
    let own = challenge.tries_max.saturating_sub(challenge.tries);
    lock::tries_left(subject, rules.policy).min(own.into())
}
