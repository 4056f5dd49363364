//! The clocks of this host. The wall clock is used for deadlines, idle inputs and latency, and never decides what a code or
//! a lock is worth.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;

/// Milliseconds since the Unix epoch by this host's clock.
pub(crate) fn wall() -> LogTime {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// For intervals: how long a commit takes, how long records wait, how fast a restore is.
pub(super) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures and waits; no outcome of a request depends on it"
    )]
    Instant::now()
}
