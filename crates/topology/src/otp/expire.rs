//! What the sweep does to a subject: tells what expired, forgets what is over.
//!
//! Correctness never depends on it: every record is judged by time when it is used, and what is removed here has been
//! without effect for a grace period. A wrong-try count and a hard lock stay for ever.

use super::challenge::{Challenge, ChallengeState};
use super::decision::{Notice, NoticeKind};
use super::issue::DAY_MS;
use super::remembered::REMEMBERED_MS;
use super::subject::{Lock, Subject};
use super::time::LogTime;

/// How long what is over outlives its end: the sweep watermark may be ahead of a request's own log time.
const GRACE_MS: u64 = 15 * 60 * 1000;

/// The next log time at which the sweep has something to do; `None`: nothing ever by itself (a hard lock, a count).
pub fn due_at(subject: &Subject) -> Option<LogTime> {
    let challenges = subject.challenges.iter();
    let tells = challenges.clone().filter_map(tell_at);
    let first = [
        tells.min(),
        challenges.map(challenge_over_at).min(),
        subject.sends.iter().copied().map(send_over_at).min(),
        subject.remembered.iter().map(|it| remembered_over_at(it.at)).min(),
        lock_over_at(subject.lock),
    ];
    let next = first.into_iter().flatten().min();
    next.or_else(|| subject.is_bare().then(|| subject.last_time.plus(GRACE_MS)))
}

/// Removes what is over at the sweep watermark and says what expired. `None`: nothing is left, delete the record.
pub fn expire(mut subject: Subject, watermark: LogTime) -> (Option<Subject>, Vec<Notice>) {
    let mut notices = Vec::new();
    for challenge in &mut subject.challenges {
        if tell_at(challenge).is_some_and(|at| watermark >= at) {
            challenge.expiry_told = true;
            notices.push(Notice {
                terms: Some((challenge.tenant.clone(), challenge.policy_version)),
                ..Notice::of(NoticeKind::Expired, challenge)
            });
        }
    }
    subject.challenges.retain(|it| watermark < challenge_over_at(it));
    subject.sends.retain(|it| watermark < send_over_at(*it));
    subject.remembered.retain(|it| watermark < remembered_over_at(it.at));
    if lock_over_at(subject.lock).is_some_and(|at| watermark >= at) {
        subject.lock = Lock::None;
    }
    let over = subject.is_bare() && watermark >= subject.last_time.plus(GRACE_MS);
    ((!over).then_some(subject), notices)
}

/// From when on it is told that a challenge expired.
fn tell_at(challenge: &Challenge) -> Option<LogTime> {
    let silent = challenge.expiry_told || challenge.state != ChallengeState::Live;
    (!silent).then(|| challenge.expires_at.plus(1))
}

fn challenge_over_at(challenge: &Challenge) -> LogTime {
    challenge.ended_at().plus(DAY_MS + GRACE_MS)
}

fn send_over_at(sent: LogTime) -> LogTime {
    sent.plus(DAY_MS + GRACE_MS)
}

fn remembered_over_at(served: LogTime) -> LogTime {
    served.plus(REMEMBERED_MS + GRACE_MS)
}

fn lock_over_at(lock: Lock) -> Option<LogTime> {
    match lock {
        Lock::None | Lock::UntilReleased => None,
        Lock::Until(end) => Some(end.plus(GRACE_MS)),
    }
}
