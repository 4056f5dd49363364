//! The state of one subject: one value of the store.

use super::challenge::Challenge;
use super::remembered::{REMEMBERED_MAX, REMEMBERED_MS, Remembered, RequestDigest};
use super::reserved::Reservation;
use super::time::LogTime;

/// Whether the subject is locked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    #[default]
    None,
    /// Locked before this time.
    Until(LogTime),
    /// Locked until an `unlock` on the admin topic.
    UntilReleased,
}

/// Everything that is known about one (contract, tenant root, identity).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The latest log time at which it was judged. Time never goes back for a subject.
    pub last_time: LogTime,
    /// In the order of issue, oldest first; at most one per purpose.
    pub challenges: Vec<Challenge>,
    /// Wrong tries since the last success or unlock, across challenges.
    pub consecutive_wrong: u32,
    pub lock: Lock,
    /// Times of the deliveries of the last 24 hours, oldest first.
    pub sends: Vec<LogTime>,
    /// Oldest first, at most [`REMEMBERED_MAX`].
    pub remembered: Vec<Remembered>,
    /// Oldest first, at most [`super::RESERVED_MAX`].
    pub reserved: Vec<Reservation>,
}

impl Subject {
    /// The time at which a record is judged: its append time, or the subject's last time if that is later.
    pub fn judged_at(&self, append_time: LogTime) -> LogTime {
        self.last_time.max(append_time)
    }

    pub fn is_locked(&self, now: LogTime) -> bool {
        match self.lock {
            Lock::None => false,
            Lock::Until(end) => now < end,
            Lock::UntilReleased => true,
        }
    }

    /// Only the time of its last judgement is known.
    pub fn is_bare(&self) -> bool {
        self.challenges.is_empty()
            && self.consecutive_wrong == 0
            && self.lock == Lock::None
            && self.sends.is_empty()
            && self.remembered.is_empty()
            && self.reserved.is_empty()
    }

    /// The reply that this request got within the last 15 minutes.
    pub fn recall(&self, request: RequestDigest, now: LogTime) -> Option<&Remembered> {
        self.remembered.iter().find(|it| it.request == request && now.since(it.at) <= REMEMBERED_MS)
    }

    /// Remembers a reply; removes the oldest if there is no room. Advances the time also for a request that no rule
    /// judged: nothing may look for a removed reply at an earlier time.
    pub fn remember(&mut self, reply: Remembered) {
        let now = reply.at;
        self.last_time = self.judged_at(now);
        self.remembered.retain(|it| now.since(it.at) <= REMEMBERED_MS);
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.remove(0);
        }
        self.remembered.push(reply);
    }

    /// The place that is held for a delivery of this request.
    pub fn reservation(&self, request: RequestDigest, now: LogTime) -> Option<&Reservation> {
        self.reserved.iter().find(|it| it.request == request && it.holds_at(now))
    }

    /// Holds a place. The rules admitted the delivery, so there is room.
    pub fn reserve(&mut self, place: Reservation) {
        self.last_time = self.judged_at(place.at);
        self.reserved.retain(|it| it.holds_at(place.at));
        self.reserved.push(place);
    }

    /// Gives the place of a request back. Returns whether it was held.
    pub fn release(&mut self, request: RequestDigest) -> bool {
        let before = self.reserved.len();
        self.reserved.retain(|it| it.request != request);
        self.reserved.len() < before
    }
}
