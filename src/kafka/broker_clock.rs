//! By how much the brokers' clock differs from the clock of this host, from the append times of our own records.
//!
//! A broker stamps a record between its sending and its delivery report, so each report bounds the difference from both
//! sides. The estimate moves only as far as the bounds demand. Records of topics without `LogAppendTime` say nothing.
//!
//! ```text
//! this host    sent ─────────── delivered
//! broker              stamped                 stamped − delivered ≤ difference ≤ stamped − sent
//! ```

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A difference up to this one is no fault of a clock, in milliseconds.
const DIFFERENCE_MAX_MS: i64 = 5_000;

/// The brokers' clock minus the clock of this host, in milliseconds.
static DIFFERENCE_MS: AtomicI64 = AtomicI64::new(0);

/// Takes the append time of a record that is delivered this long after it was sent.
pub(super) fn delivered(appended_ms: i64, latency: Duration) {
    let now_ms = host_ms();
    let update = |known: i64| {
        let next = corrected(known, appended_ms, now_ms, latency);
        (next != known).then_some(next)
    };
    // An estimate that is right already is not written again.
    let _unchanged = DIFFERENCE_MS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, update);
}

/// Milliseconds since 1970 by the brokers' clock, as far as it is known; otherwise by the clock of this host.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(host_ms() + DIFFERENCE_MS.load(Ordering::Relaxed)).unwrap_or(0)
}

/// How far this host's clock is ahead of the brokers' (negative: behind), in milliseconds.
pub(crate) fn host_is_ahead_ms() -> i64 {
    -DIFFERENCE_MS.load(Ordering::Relaxed)
}

/// What is wrong with the clock of this host, if anything.
pub(crate) fn fault() -> Option<String> {
    described(host_is_ahead_ms())
}

/// The estimate next to the known one that fits a delivery.
fn corrected(known: i64, appended_ms: i64, delivered_ms: i64, latency: Duration) -> i64 {
    let latency_ms = i64::try_from(latency.as_millis()).unwrap_or(i64::MAX);
    let lowest = appended_ms.saturating_sub(delivered_ms);
    // All times are cut to milliseconds.
    known.clamp(lowest, lowest.saturating_add(latency_ms).saturating_add(1))
}

fn described(ahead_ms: i64) -> Option<String> {
    if ahead_ms.abs() <= DIFFERENCE_MAX_MS {
        return None;
    }
    let (seconds, side) = (ahead_ms.abs() / 1_000, if ahead_ms > 0 { "ahead of" } else { "behind" });
    Some(format!(
        "this host's clock is {seconds} s {side} the brokers' clock; requests are judged by the brokers' clock; remedy: set \
         the clocks (NTP)"
    ))
}

fn host_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "compared with the brokers' clock")]
    let now = SystemTime::now();
    let elapsed = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From 0, the estimate after deliveries (append time, time of the report, latency).
    fn check(deliveries: &[(i64, i64, u64)], expected: i64) {
        let mut known = 0;
        for (appended, delivered, latency_ms) in deliveries {
            known = corrected(known, *appended, *delivered, Duration::from_millis(*latency_ms));
        }
        assert_eq!(known, expected, "{deliveries:?}");
    }

    #[test]
    fn the_estimate_moves_as_far_as_a_delivery_demands() {
        check(&[(1_000, 1_004, 5)], 0);
        check(&[(1_000, 601_004, 5)], -599_998);
        check(&[(1_000, 601_004, 5), (2_000, 602_003, 9)], -599_998);
        check(&[(1_000, 601_900, 900), (2_000, 602_003, 4)], -599_999);
        check(&[(601_000, 1_004, 5)], 599_996);
        // Somebody sets the clock.
        check(&[(1_000, 601_004, 5), (2_000, 2_003, 5)], -3);
        check(&[(1_000, 1_004, u64::MAX)], 0);
    }

    #[test]
    fn a_few_seconds_are_no_fault() {
        for (ahead_ms, expected) in
            [(0, ""), (-5_000, ""), (5_999, "5 s ahead of"), (-600_000, "600 s behind")]
        {
            let text = described(ahead_ms).unwrap_or_default();
            assert!(text.contains(expected) && text.is_empty() == expected.is_empty(), "{ahead_ms}: {text}");
        }
    }
}
