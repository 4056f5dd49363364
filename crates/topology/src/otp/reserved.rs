//! Deliveries that are decided elsewhere: a subject holds their places until the decision is back.

use super::names::Purpose;
use super::remembered::RequestDigest;
use super::time::LogTime;

/// How many deliveries of one subject may be under way.
pub const RESERVED_MAX: usize = 16;
/// How long a place is held, in milliseconds. A decision that comes later finds its place gone, and the request is judged
/// anew.
pub const RESERVED_MS: u64 = 15 * 60 * 1000;

/// The place of one delivery. It counts as a delivery against limits and pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Whose delivery it is. A repeat of that request follows it.
    pub request: RequestDigest,
    pub at: LogTime,
    pub purpose: Purpose,
    /// The home partition that decides.
    pub partition: i32,
}

impl Reservation {
    pub(super) fn holds_at(&self, now: LogTime) -> bool {
        now.since(self.at) <= RESERVED_MS
    }
}
