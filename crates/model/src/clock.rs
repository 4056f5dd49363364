//! What is known about the wall clock by which a service judged a request.

use super::Ms;

/// It was neither before `earliest` nor after `latest`.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    pub earliest: Ms,
    pub latest: Ms,
}

impl Clock {
    pub const UNKNOWN: Self = Self { earliest: 0, latest: Ms::MAX };

    pub const fn exactly(now: Ms) -> Self {
        Self { earliest: now, latest: now }
    }

    /// Whether it may have been after `limit`.
    pub(crate) const fn may_be_past(self, limit: Ms) -> bool {
        self.latest > limit
    }

    /// Whether it was after `limit` for certain.
    pub(crate) const fn is_past(self, limit: Ms) -> bool {
        self.earliest > limit
    }
}
