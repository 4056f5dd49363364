//! What an operator may see of a subject: its challenges, tries, lock and send limits.
//!
//! Shows no code, no identity and nothing that was derived from either. Decides nothing: the rules of `issue`, `verify` and
//! `lock` do.

use super::challenge::{Challenge, ChallengeState};
use super::issue::{DAY_MS, TEN_MINUTES_MS};
use super::lock;
use super::names::Purpose;
use super::policy::Policy;
use super::subject::{Lock, Subject};
use super::time::LogTime;

/// A subject at one time, under the policy of one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectReport {
    /// The time at which it was judged.
    pub as_of: LogTime,
    /// Those that are live, or ended no longer than 24 hours ago; in the order of issue, oldest first.
    pub challenges: Vec<ChallengeReport>,
    /// Since the last success or unlock, across challenges.
    pub consecutive_wrong: u32,
    /// How many more wrong tries lock the subject.
    pub tries_left: u32,
    /// [`Lock::None`]: a lock that has passed is none.
    pub lock: Lock,
    pub sends: SendReport,
}

/// One challenge, without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeReport {
    pub purpose: Purpose,
    /// As the issuing request gave it.
    pub tenant: Box<str>,
    pub end: ChallengeEnd,
    pub issued_at: LogTime,
    pub expires_at: LogTime,
    pub tries: u8,
    pub tries_max: u8,
    /// Deliveries so far.
    pub sends: u8,
    /// It went to nobody, because its recipient is unknown and a caller must not notice that.
    pub is_decoy: bool,
}

/// Whether and how a challenge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeEnd {
    Live,
    Used(LogTime),
    /// Out of tries, or ended by a lock.
    Ended(LogTime),
    Expired(LogTime),
}

/// The deliveries of a subject, of all challenges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendReport {
    pub last: Option<LogTime>,
    pub in_10_min: usize,
    pub in_10_min_max: u8,
    pub in_day: usize,
    pub in_day_max: u8,
    pub per_challenge_max: u8,
    /// The earliest time at which pause, limits and lock allow a new challenge to be delivered. `None`: not before an unlock.
    pub next_at: Option<LogTime>,
}

impl SubjectReport {
    /// `now`: a time before the subject's last one counts as that.
    pub fn of(subject: &Subject, policy: &Policy, now: LogTime) -> Self {
        let now = subject.judged_at(now);
        let remembered = subject.challenges.iter().filter(|it| it.is_remembered(now));
        Self {
            as_of: now,
            challenges: remembered.map(|it| ChallengeReport::of(it, now)).collect(),
            consecutive_wrong: subject.consecutive_wrong,
            tries_left: lock::tries_left(subject, policy),
            lock: if subject.is_locked(now) { subject.lock } else { Lock::None },
            sends: SendReport::of(subject, policy, now),
        }
    }
}

impl ChallengeReport {
    fn of(challenge: &Challenge, now: LogTime) -> Self {
        let end = match challenge.state {
            ChallengeState::Used { at } => ChallengeEnd::Used(at),
            ChallengeState::Ended { at } => ChallengeEnd::Ended(at),
            ChallengeState::Live if challenge.is_live(now) => ChallengeEnd::Live,
            ChallengeState::Live => ChallengeEnd::Expired(challenge.expires_at),
        };
        Self {
            purpose: challenge.code.purpose,
            tenant: challenge.tenant.clone(),
            end,
            issued_at: challenge.issued_at,
            expires_at: challenge.expires_at,
            tries: challenge.tries,
            tries_max: challenge.tries_max,
            sends: challenge.sends,
            is_decoy: challenge.decoy,
        }
    }
}

impl SendReport {
    fn of(subject: &Subject, policy: &Policy, now: LogTime) -> Self {
        let sends = &subject.sends;
        let within = |window_ms: u64| sends.iter().rev().take_while(|it| now.since(**it) < window_ms).count();
        // The delivery that must leave its window before the next one has room.
        let room_at = |window_ms: u64, max: u8| {
            let at = sends.len().checked_sub(usize::from(max));
            at.and_then(|at| sends.get(at)).map(|sent| sent.plus(window_ms))
        };
        let last = sends.last().copied();
        let limits = [
            last.map(|it| it.plus(policy.send_pause_ms)),
            room_at(TEN_MINUTES_MS, policy.sends_per_10_min_max),
            room_at(DAY_MS, policy.sends_per_day_max),
            lock::locked_until(subject, now),
        ];
        let next = limits.into_iter().flatten().fold(now, LogTime::max);
        Self {
            last,
            in_10_min: within(TEN_MINUTES_MS),
            in_10_min_max: policy.sends_per_10_min_max,
            in_day: within(DAY_MS),
            in_day_max: policy.sends_per_day_max,
            per_challenge_max: policy.sends_per_challenge_max,
            next_at: (subject.lock != Lock::UntilReleased).then_some(next),
        }
    }
}
