//! Compares what a request of each contract costs, in one run against one service.
//!
//! The contracts take turns, forwards and then backwards, so that a store that grows and a machine that slows down weigh on
//! all of them alike.

use anyhow::Result;
use serde::Serialize;

use super::caller::BenchCaller;
use super::requests::{BenchContract, RunId};
use super::throughput;

/// What the requests of one contract cost.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContractFigures {
    pub contract: &'static str,
    pub requests: u64,
    pub steady_requests_per_s: f64,
    /// `None`: the process is not known.
    pub steady_cpu_us_per_request: Option<f64>,
}

/// `callers`: one for each contract. `new_run` names a run.
///
/// # Errors
/// As the measurement of a throughput.
pub(super) fn measure(
    callers: &[BenchCaller],
    new_run: impl Fn() -> RunId,
    requests: u64,
    pid: Option<u32>,
) -> Result<Vec<ContractFigures>> {
    let mut rounds = Vec::new();
    for caller in callers.iter().chain(callers.iter().rev()) {
        rounds.push((caller.contract, throughput::measure(caller, new_run(), requests, pid)?));
    }
    let of = |contract: BenchContract| {
        let own: Vec<_> = rounds.iter().filter(|(it, _)| *it == contract).map(|(_, it)| it).collect();
        let mean = |figure: &dyn Fn(&throughput::Throughput) -> f64| {
            own.iter().map(|it| figure(it)).sum::<f64>() / own.len() as f64
        };
        ContractFigures {
            contract: contract.name().as_str(),
            requests: own.iter().map(|it| it.requests).sum(),
            steady_requests_per_s: mean(&|it| it.steady_requests_per_s),
            steady_cpu_us_per_request: pid
                .map(|_| mean(&|it| it.steady_cpu_us_per_request.unwrap_or_default())),
        }
    };
    Ok(callers.iter().map(|caller| of(caller.contract)).collect())
}
