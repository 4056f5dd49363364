//! When wrong tries lock a subject (docs/interface.md, `lockAfter`, `hardLockAfter`).

use super::challenge::ChallengeState;
use super::policy::Policy;
use super::subject::{Lock, Subject};
use super::time::LogTime;

/// Counts one wrong try. Returns whether it locks the subject; then all live challenges end.
pub(super) fn count_wrong_try(subject: &mut Subject, now: LogTime, policy: &Policy) -> bool {
    subject.consecutive_wrong = subject.consecutive_wrong.saturating_add(1);
    let wrong = subject.consecutive_wrong;
    subject.lock = if wrong >= policy.hard_lock_after {
        Lock::UntilReleased
    } else if wrong.is_multiple_of(lock_after(policy)) {
        Lock::Until(now.plus(policy.lock_ms))
    } else {
        return false;
    };
    for challenge in subject.challenges.iter_mut().filter(|it| it.is_live(now)) {
        challenge.state = ChallengeState::Ended { at: now };
    }
    true
}

/// How many more wrong tries lock the subject.
pub(super) fn tries_left(subject: &Subject, policy: &Policy) -> u32 {
    let wrong = subject.consecutive_wrong;
    let soft = lock_after(policy) - wrong % lock_after(policy);
    let hard = policy.hard_lock_after.saturating_sub(wrong).max(1);
    soft.min(hard)
}

/// The end of the current lock. `None`: no lock, or a hard lock.
pub(super) fn locked_until(subject: &Subject, now: LogTime) -> Option<LogTime> {
    match subject.lock {
        Lock::None | Lock::UntilReleased => None,
        Lock::Until(end) => (now < end).then_some(end),
    }
}

/// Bounds keep the rule above zero. In a policy that was built by hand, zero counts as one.
fn lock_after(policy: &Policy) -> u32 {
    policy.lock_after.max(1)
}
