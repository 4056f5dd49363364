//! The clocks of a measurement.

use std::time::Instant;

/// A moment, for differences.
pub fn moment() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
    Instant::now()
}

/// Milliseconds since 1970 by this host's clock, with fractions.
pub fn wall_ms() -> u64 {
    crate::runtime::wall().ms()
}
