//! When a commit follows what was read, while there is little to read.
//!
//! A commit makes nine requests and changes threads some fifty times, whatever it carries. So at a low rate it waits for a
//! second fetch: the first one after a commit begins the next transaction, whose partitions librdkafka adds within the next
//! milliseconds, and the second brings what came meanwhile. A request that comes alone is not held.

use std::time::{Duration, Instant};

/// What comes sooner after a commit only begins the next transaction. Fetches are 4.2 ms apart (`fetch.queue.backoff.ms`), of
/// which a commit of a few milliseconds leaves less.
const FIRST_FETCH: Duration = Duration::from_micros(3_500);
/// A commit follows the one before after so long, if no second fetch brings anything.
const HOLD_MAX: Duration = Duration::from_micros(6_500);

#[derive(Default)]
pub(super) struct Pace {
    /// Set while something is read that the thread was not told to be all: until when more of it is waited for.
    waits_until: Option<Instant>,
}

impl Pace {
    /// Records came; the last commit ended at `committed_at`.
    pub fn read(&mut self, at: Instant, committed_at: Option<Instant>) {
        let held = committed_at.filter(|committed| at.duration_since(*committed) < FIRST_FETCH);
        self.waits_until = Some(held.map_or(at, |committed| committed + HOLD_MAX));
    }

    /// The thread was told that nothing is left to read.
    pub fn drained(&mut self) {
        self.waits_until = None;
    }

    /// How long to wait for more of what is read, zero when that is over; `None`: everything is told.
    pub fn wait(&self, at: Instant) -> Option<Duration> {
        self.waits_until.map(|until| until.saturating_duration_since(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads at these times, in microseconds since a commit, then waits for so long at these.
    fn check(name: &str, reads_us: &[u64], waits_us: &[(u64, u64)]) {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let committed = Instant::now();
        let mut pace = Pace::default();
        for at in reads_us {
            pace.read(committed + Duration::from_micros(*at), Some(committed));
        }
        for (at, wait) in waits_us {
            let wait = Some(Duration::from_micros(*wait));
            assert_eq!(pace.wait(committed + Duration::from_micros(*at)), wait, "{name}, at {at}");
        }
        pace.drained();
        assert_eq!(pace.wait(committed), None, "{name}: told");
    }

    #[test]
    fn what_comes_soon_after_a_commit_waits_for_a_second_fetch() {
        check("alone", &[50_000], &[(50_000, 0)]);
        check("first fetch", &[2_000], &[(2_000, 4_500), (6_000, 500)]);
        check("no second", &[2_000], &[(6_500, 0), (7_000, 0)]);
        check("second fetch", &[2_000, 6_000], &[(6_000, 0)]);
        check("two early ones", &[1_000, 3_000], &[(3_000, 3_500)]);
    }

    #[test]
    fn the_first_of_all_waits_for_nothing() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let at = Instant::now();
        let mut pace = Pace::default();
        assert_eq!(pace.wait(at), None);
        pace.read(at, None);
        assert_eq!(pace.wait(at), Some(Duration::ZERO));
    }
}
