//! The wall clock. Used for deadlines, idle inputs and latency only; never for what a code or a lock is worth.

use std::time::{SystemTime, UNIX_EPOCH};

use otp_topology::otp::LogTime;

/// Milliseconds since the Unix epoch by this host's clock.
pub fn wall() -> LogTime {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    let now = SystemTime::now();
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
