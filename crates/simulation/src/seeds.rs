//! Runs many seeds on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::oracle::Violation;
use crate::plan::{Plan, Scenario};
use crate::planted::Planted;
use crate::run::{Deployments, run};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedSeed {
    pub seed: u64,
    pub violation: Violation,
}

/// The number of cores that the seeds run on.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// The lowest of `seeds` seeds from `from` on that fails. Once one has failed, higher seeds are skipped. `progress` is
/// called with the number of finished seeds.
pub fn first_failed_seed(
    from: u64,
    seeds: u64,
    scenario: Option<Scenario>,
    planted: Option<Planted>,
    progress: impl Fn(u64) + Sync,
) -> Option<FailedSeed> {
    let next = AtomicU64::new(from);
    let stop_at = AtomicU64::new(from + seeds);
    let done = AtomicU64::new(0);
    let found: Mutex<Option<FailedSeed>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let mut deployments = Deployments::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= stop_at.load(Ordering::Relaxed) {
                        return;
                    }
                    let result = run(&mut deployments, &Plan::of(seed, scenario), planted, false);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                    let Some(violation) = result.violation else { continue };
                    stop_at.fetch_min(seed, Ordering::Relaxed);
                    let mut found = found.lock().expect("nobody panics while holding it");
                    if found.as_ref().is_none_or(|before| seed < before.seed) {
                        *found = Some(FailedSeed { seed, violation });
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panics while holding it")
}
