//! Many seeds on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::oracle::Violation;
use crate::plan::{Plan, Scenario};
use crate::planted::Planted;
use crate::world::{Houses, run};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub seed: u64,
    pub violation: Violation,
}

/// The cores that share the seeds.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// The lowest of `seeds` seeds that fails; later ones are not looked at once one is found. `progress` is told how many
/// are done.
pub fn first_failure(
    from: u64,
    seeds: u64,
    scenario: Option<Scenario>,
    planted: Option<Planted>,
    progress: impl Fn(u64) + Sync,
) -> Option<Failure> {
    let next = AtomicU64::new(from);
    let stop_at = AtomicU64::new(from + seeds);
    let done = AtomicU64::new(0);
    let found: Mutex<Option<Failure>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..cores() {
            scope.spawn(|| {
                let mut houses = Houses::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= stop_at.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = run(&mut houses, &Plan::of(seed, scenario), planted, false);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                    let Some(violation) = outcome.violation else { continue };
                    stop_at.fetch_min(seed, Ordering::Relaxed);
                    let mut found = found.lock().expect("nobody panics while holding it");
                    if found.as_ref().is_none_or(|before| seed < before.seed) {
                        *found = Some(Failure { seed, violation });
                    }
                }
            });
        }
    });
    found.into_inner().expect("nobody panics while holding it")
}
