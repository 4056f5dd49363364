//! Thins the plan of a failing seed out until nothing more can be left away, and tells what is left. A thinner plan
//! counts only if it breaks the same promise.

use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::world::{Houses, Outcome, run};

/// Runs that a search may take.
const RUNS_MAX: usize = 1_500;

/// The smallest plan found that still breaks the promise that `oracle` is about, with its story.
pub fn minimised(
    houses: &mut Houses,
    plan: &Plan,
    planted: Option<Planted>,
    oracle: Oracle,
) -> (Plan, Outcome) {
    let mut best = plan.clone();
    let mut runs = 0;
    let mut part = best.planned.len().div_ceil(2).max(1);
    while runs < RUNS_MAX {
        let mut from = 0;
        let mut progressed = false;
        while from < best.planned.len() && runs < RUNS_MAX {
            let mut thinner = best.clone();
            let to = (from + part).min(thinner.planned.len());
            thinner.planned.drain(from..to);
            runs += 1;
            let violation = run(houses, &thinner, planted, false).violation;
            if violation.is_some_and(|it| it.oracle == oracle) {
                best = thinner;
                progressed = true;
            } else {
                from += part;
            }
        }
        if part == 1 && !progressed {
            break;
        }
        part = (part / 2).max(1);
    }
    let outcome = run(houses, &best, planted, true);
    (best, outcome)
}
