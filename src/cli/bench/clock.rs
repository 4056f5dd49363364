//! The clocks of a measurement.

use std::time::Instant;

/// The current moment of the monotonic clock.
pub fn moment() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    Instant::now()
}

/// Milliseconds since 1970 by the clock of this host.
pub fn wall_ms() -> u64 {
    crate::runtime::wall().ms()
}
