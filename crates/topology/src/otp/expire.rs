//! The expiry sweep of one subject: reports what expired, and removes what has no effect any more.
//!
//! Correctness never depends on it. Every record is judged by time when it is used, and what is removed here has had no
//! effect for a grace period. A count of wrong tries and a hard lock are never removed.

use super::challenge::{Challenge, ChallengeState};
use super::issue::DAY_MS;
use super::notice::{Notice, NoticeKind};
use super::remembered::REMEMBERED_MS;
use super::reserved::RESERVED_MS;
use super::subject::{Lock, Subject};
use super::time::LogTime;

/// How long a record is kept after its end, because the watermark of the sweep may be ahead of the log time of a
/// request.
const GRACE_MS: u64 = 15 * 60 * 1000;

/// The next log time at which the sweep has something to do. `None`: never (only a hard lock or a count is left).
pub fn due_at(subject: &Subject) -> Option<LogTime> {
    let mut due = DueTime::default();
    subject.challenges.iter().for_each(|it| due.challenge(it));
    subject.sends.iter().for_each(|it| due.send(*it));
    subject.remembered.iter().for_each(|it| due.remembered(it.at));
    subject.reserved.iter().for_each(|it| due.reserved(it.at));
    due.of(subject.last_time, subject.consecutive_wrong, subject.lock)
}

/// Computes a subject's due time from its parts, in any order, so that a restore need not decode the whole subject.
#[derive(Debug, Default)]
pub struct DueTime(Option<LogTime>);

impl DueTime {
    pub fn challenge(&mut self, challenge: &Challenge) {
        self.take(challenge_over_at(challenge));
        report_at(challenge).into_iter().for_each(|at| self.take(at));
    }

    pub fn send(&mut self, sent: LogTime) {
        self.take(send_over_at(sent));
    }

    pub fn remembered(&mut self, served: LogTime) {
        self.take(remembered_over_at(served));
    }

    pub fn reserved(&mut self, at: LogTime) {
        self.take(reserved_over_at(at));
    }

    /// Call it after all parts of its lists; the rest of the subject decides.
    pub fn of(mut self, last_time: LogTime, consecutive_wrong: u32, lock: Lock) -> Option<LogTime> {
        lock_over_at(lock).into_iter().for_each(|at| self.take(at));
        // Anything else that a subject can have would have given a time.
        let is_bare = self.0.is_none() && consecutive_wrong == 0 && lock == Lock::None;
        self.0.or_else(|| is_bare.then(|| last_time.plus(GRACE_MS)))
    }

    fn take(&mut self, at: LogTime) {
        self.0 = Some(self.0.map_or(at, |first| first.min(at)));
    }
}

/// Removes what is over at the watermark of the sweep, and reports what expired. `None`: nothing is left, the record can
/// be deleted.
pub fn expire(mut subject: Subject, watermark: LogTime) -> (Option<Subject>, Vec<Notice>) {
    let mut notices = Vec::new();
    for challenge in &mut subject.challenges {
        if report_at(challenge).is_some_and(|at| watermark >= at) {
            challenge.expiry_reported = true;
            notices.push(Notice {
                terms: Some((challenge.tenant.clone(), challenge.policy_version)),
                ..Notice::of(NoticeKind::Expired, challenge)
            });
        }
    }
    subject.challenges.retain(|it| watermark < challenge_over_at(it));
    subject.sends.retain(|it| watermark < send_over_at(*it));
    subject.remembered.retain(|it| watermark < remembered_over_at(it.at));
    subject.reserved.retain(|it| watermark < reserved_over_at(it.at));
    if lock_over_at(subject.lock).is_some_and(|at| watermark >= at) {
        subject.lock = Lock::None;
    }
    let over = subject.is_bare() && watermark >= subject.last_time.plus(GRACE_MS);
    ((!over).then_some(subject), notices)
}

/// When the expiry of a challenge is due to be reported. `None`: never.
fn report_at(challenge: &Challenge) -> Option<LogTime> {
    let silent = challenge.expiry_reported || challenge.state != ChallengeState::Live;
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

fn reserved_over_at(at: LogTime) -> LogTime {
    at.plus(RESERVED_MS + GRACE_MS)
}

fn lock_over_at(lock: Lock) -> Option<LogTime> {
    match lock {
        Lock::None | Lock::UntilReleased => None,
        Lock::Until(end) => Some(end.plus(GRACE_MS)),
    }
}
