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
    let mut due = DueTime::default();
    subject.challenges.iter().for_each(|it| due.challenge(it));
    subject.sends.iter().for_each(|it| due.send(*it));
    subject.remembered.iter().for_each(|it| due.remembered(it.at));
    due.of(subject.last_time, subject.consecutive_wrong, subject.lock)
}

/// Finds a subject's due time from its parts, told in any order: so that a restore need not hold the whole subject.
#[derive(Debug, Default)]
pub struct DueTime(Option<LogTime>);

impl DueTime {
    pub fn challenge(&mut self, challenge: &Challenge) {
        self.take(challenge_over_at(challenge));
        tell_at(challenge).into_iter().for_each(|at| self.take(at));
    }

    pub fn send(&mut self, sent: LogTime) {
        self.take(send_over_at(sent));
    }

    pub fn remembered(&mut self, served: LogTime) {
        self.take(remembered_over_at(served));
    }

    /// With all challenges, sends and remembered answers told: the rest of the subject decides.
    pub fn of(mut self, last_time: LogTime, consecutive_wrong: u32, lock: Lock) -> Option<LogTime> {
        lock_over_at(lock).into_iter().for_each(|at| self.take(at));
        // Whatever else could be known of it would have given a time.
        let is_bare = self.0.is_none() && consecutive_wrong == 0 && lock == Lock::None;
        self.0.or_else(|| is_bare.then(|| last_time.plus(GRACE_MS)))
    }

    fn take(&mut self, at: LogTime) {
        self.0 = Some(self.0.map_or(at, |first| first.min(at)));
    }
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
