//! Removes entries from the plan of a failing seed until no more can be removed. A smaller plan counts only if it breaks
//! the same promise.

use crate::oracle::Oracle;
use crate::plan::Plan;
use crate::planted::Planted;
use crate::run::{Deployments, RunResult, run};

/// Runs that a search may take.
const RUNS_MAX: usize = 1_500;

/// The smallest plan found that still breaks the promise of `oracle`, and the result of its run, with a trace.
pub fn minimise(
    deployments: &mut Deployments,
    plan: &Plan,
    planted: Option<Planted>,
    oracle: Oracle,
) -> (Plan, RunResult) {
    let mut best = plan.clone();
    let mut runs = 0;
    // Entries that one attempt removes: first half of them, at last single ones.
    let mut part = best.entries.len().div_ceil(2).max(1);
    while runs < RUNS_MAX {
        let mut from = 0;
        let mut progressed = false;
        while from < best.entries.len() && runs < RUNS_MAX {
            let mut smaller = best.clone();
            let to = (from + part).min(smaller.entries.len());
            smaller.entries.drain(from..to);
            runs += 1;
            let violation = run(deployments, &smaller, planted, false).violation;
            if violation.is_some_and(|it| it.oracle == oracle) {
                best = smaller;
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
    let result = run(deployments, &best, planted, true);
    (best, result)
}
