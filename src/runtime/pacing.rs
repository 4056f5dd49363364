//! Commit pacing: at a low rate, when a commit follows the records that were read.
//!
//! A commit costs nine requests to brokers and some fifty changes of threads, whatever it carries. So at a low rate it waits
//! for a second fetch. The first fetch after a commit begins the next transaction, and librdkafka adds its partitions within
//! the next milliseconds. The second fetch brings what came meanwhile. A request that comes alone does not wait.
//!
//! ```text
//! commit ends                 first fetch           second fetch: commit
//!    ├── FIRST_FETCH_MAX ──┤       ┆                     ┆
//!    ├───────────────────────── HOLD_MAX ────────────────────┤ commit, if no second fetch comes
//! ```
//!
//! Reads no clock.

use std::time::{Duration, Instant};

use crate::kafka::FETCH_BACKOFF_MS;

/// A fetch follows a fetch that brought records after this long, and a little more.
const FETCH_BACKOFF_US: u64 = FETCH_BACKOFF_MS * 1_000;
/// Records that come sooner than this after a commit only begin the next transaction. Fetches are a little more than the
/// back-off apart, and the commit has used a part of that.
const FIRST_FETCH_MAX: Duration = Duration::from_micros(FETCH_BACKOFF_US - 500);
/// If no second fetch brings anything, a commit follows the one before after this long.
const HOLD_MAX: Duration = Duration::from_micros(FETCH_BACKOFF_US + 2_500);

// The second fetch must fit between the end of the first fetch's window and the commit.
const _: () = assert!(FIRST_FETCH_MAX.as_micros() < FETCH_BACKOFF_US as u128);
const _: () = assert!(HOLD_MAX.as_micros() > FETCH_BACKOFF_US as u128);
const _: () = assert!(HOLD_MAX.as_micros() < 2 * FETCH_BACKOFF_US as u128);

#[derive(Default)]
pub(super) struct CommitPacing {
    committed_at: Option<Instant>,
    /// Deadline until which the loop keeps polling before it reports to the stream thread that it has caught up. `None`: it
    /// has reported it.
    waits_until: Option<Instant>,
}

impl CommitPacing {
    pub(super) fn committed(&mut self, at: Instant) {
        self.committed_at = Some(at);
    }

    pub(super) fn records_came(&mut self, at: Instant) {
        let held = self.committed_at.filter(|committed| at.duration_since(*committed) < FIRST_FETCH_MAX);
        self.waits_until = Some(held.map_or(at, |committed| committed + HOLD_MAX));
    }

    /// The stream thread knows that nothing is left to read.
    pub(super) fn caught_up(&mut self) {
        self.waits_until = None;
    }

    /// How long to wait for more records, zero when that is over. `None`: nothing is held back.
    pub(super) fn wait(&self, at: Instant) -> Option<Duration> {
        self.waits_until.map(|until| until.saturating_duration_since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records come at these times, in microseconds since a commit. Then the waits at these times, in microseconds.
    fn check(name: &str, records_us: &[u64], waits_us: &[(u64, u64)]) {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let committed = Instant::now();
        let mut pacing = CommitPacing::default();
        pacing.committed(committed);
        for at in records_us {
            pacing.records_came(committed + Duration::from_micros(*at));
        }
        for (at, wait) in waits_us {
            let wait = Some(Duration::from_micros(*wait));
            assert_eq!(pacing.wait(committed + Duration::from_micros(*at)), wait, "{name}, at {at}");
        }
        pacing.caught_up();
        assert_eq!(pacing.wait(committed), None, "{name}: caught up");
    }

    #[test]
    fn records_soon_after_a_commit_wait_for_a_second_fetch() {
        check("alone", &[50_000], &[(50_000, 0)]);
        check("first fetch", &[2_000], &[(2_000, 4_500), (6_000, 500)]);
        check("no second", &[2_000], &[(6_500, 0), (7_000, 0)]);
        check("second fetch", &[2_000, 6_000], &[(6_000, 0)]);
        check("two early ones", &[1_000, 3_000], &[(3_000, 3_500)]);
    }

    #[test]
    fn the_first_record_of_all_does_not_wait() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let at = Instant::now();
        let mut pacing = CommitPacing::default();
        assert_eq!(pacing.wait(at), None);
        pacing.records_came(at);
        assert_eq!(pacing.wait(at), Some(Duration::ZERO));
    }
}
