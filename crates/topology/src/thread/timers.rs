//! When the sweep and the purge are due.

use super::limits::Limits;
use crate::otp::LogTime;

#[derive(Default)]
pub(super) struct Timers {
    swept_at: LogTime,
    /// A sweep is due since a tick, and waits until no record and no transaction is under way.
    is_sweep_waiting: bool,
    purged_at: LogTime,
}

impl Timers {
    pub(super) fn tick(&mut self, now: LogTime, limits: &Limits) {
        self.is_sweep_waiting |= now.since(self.swept_at) >= limits.sweep_interval_ms;
    }

    pub(super) fn is_sweep_waiting(&self) -> bool {
        self.is_sweep_waiting
    }

    pub(super) fn sweep_begins(&mut self, now: LogTime) {
        self.is_sweep_waiting = false;
        self.swept_at = now;
    }

    /// The sweep left something: another one is due at the next tick.
    pub(super) fn sweep_again(&mut self) {
        self.swept_at = LogTime::default();
    }

    /// Everything that was due at this time is swept.
    pub(super) fn is_swept(&self, now: LogTime) -> bool {
        self.swept_at >= now
    }

    /// Whether a purge is due; then it begins.
    pub(super) fn purge_begins(&mut self, now: LogTime, limits: &Limits) -> bool {
        let is_due = now.since(self.purged_at) >= limits.purge_interval_ms;
        if is_due {
            self.purged_at = now;
        }
        is_due
    }
}
