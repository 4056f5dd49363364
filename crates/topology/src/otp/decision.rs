//! What the rules answer, and the dispatcher.

use super::challenge::{Challenge, ChallengeId, ChallengeState, CodeRef};
use super::command::{Command, Rules};
use super::identity::Purpose;
use super::keys::UnknownKey;
use super::policy::PolicyVersion;
use super::subject::Subject;
use super::time::LogTime;
use super::{issue, look_up, release, verify};

/// The new state, the answer, and what is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub subject: Subject,
    pub outcome: Outcome,
    /// In the order in which they happened.
    pub notices: Vec<Notice>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A code may leave. `send_number` counts the challenge's deliveries, this one included; 0 if it is only revealed.
    Issued {
        challenge: ChallengeView,
        send_number: u8,
    },
    Refused {
        refusal: Refusal,
        locked_until: Option<LogTime>,
    },
    Verified(Verification),
    Found(Option<ChallengeView>),
    Released,
    Forgotten,
}

/// A challenge as an answer may show it: no code.
#[derive(Clone, Debug, PartialEq)]
pub struct ChallengeView {
    pub code: CodeRef,
    pub issued_at: LogTime,
    pub expires_at: LogTime,
    pub used: bool,
    pub decoy: bool,
}

/// Why nothing was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Locked,
    SendTooSoon,
    SendLimit,
}

/// The judgement of one typed code.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    pub verdict: Verdict,
    /// The challenge it was judged against, if any.
    pub challenge: Option<ChallengeId>,
    pub purpose: Option<Purpose>,
    /// The challenge's wrong tries so far with this one; `None` without a challenge.
    pub attempts: Option<u8>,
    /// The smaller of what challenge and lock leave after a wrong code; `None` where no live challenge was tried in
    /// vain: a used one leaves no tries to speak of.
    pub attempts_remaining: Option<u32>,
    /// End of the lock that stands after this event; `None` without one and for a hard lock.
    pub locked_until: Option<LogTime>,
}

/// Spec order: the first that applies counts.
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

/// Something the lifecycle stream tells.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub challenge: Option<ChallengeId>,
    pub purpose: Option<Purpose>,
    /// Of `issued` and `resent`: the delivery's number; 0 for a code that was only revealed.
    pub send_number: Option<u8>,
    /// Of `locked`: its end; `None` for a hard lock.
    pub locked_until: Option<LogTime>,
    /// Of `expired`: the terms of its challenge, which no request brings along.
    pub terms: Option<(Box<str>, PolicyVersion)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Issued,
    Resent,
    Superseded,
    Verified,
    Failed,
    Locked,
    Unlocked,
    Expired,
    Suppressed(Refusal),
    Forgotten,
}

impl Notice {
    /// Of a kind alone.
    pub(super) fn bare(kind: NoticeKind) -> Self {
        Self { kind, challenge: None, purpose: None, send_number: None, locked_until: None, terms: None }
    }

    pub(super) fn of(kind: NoticeKind, challenge: &Challenge) -> Self {
        Self {
            challenge: Some(challenge.code.challenge),
            purpose: Some(challenge.code.purpose),
            ..Self::bare(kind)
        }
    }
}

impl ChallengeView {
    pub(super) const fn of(challenge: &Challenge) -> Self {
        Self {
            code: challenge.code,
            issued_at: challenge.issued_at,
            expires_at: challenge.expires_at,
            used: matches!(challenge.state, ChallengeState::Used { .. }),
            decoy: challenge.decoy,
        }
    }
}

/// Decides one command against one subject at one time.
///
/// # Errors
/// A challenge lies under a key that the ring does not hold: the caller must not answer at all.
pub fn decide(
    mut subject: Subject,
    command: &Command<'_>,
    now: LogTime,
    rules: &Rules<'_>,
) -> Result<Decision, UnknownKey> {
    subject.last_time = subject.judged_at(now);
    let now = subject.last_time;
    match command {
        Command::Issue(it) => issue::decide(subject, it, now, rules),
        Command::Verify(it) => verify::decide(subject, it, now, rules),
        Command::LookUp(it) => Ok(look_up::decide(subject, it, now)),
        Command::Unlock => Ok(release::unlock(subject)),
        Command::Forget => Ok(release::forget()),
    }
}
