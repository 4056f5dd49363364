//! `otp-stream bench`: measures load and latency of a running service from outside.
//!
//! Produces requests as callers do, reads the replies with `read_committed`, and reads what the process of the service
//! uses. Starts and stops no service: `./dev bench` does. What the package `otp-bench` shares with it is public.

pub mod caller;
pub mod clock;
mod contracts;
mod latency;
pub mod process;
pub mod progress;
mod report;
pub mod requests;
mod throughput;

use clap::{Args, Subcommand};

use self::caller::BenchCaller;
use self::report::BenchReport;
use self::requests::{BenchContract, RunId};
use super::{Failure, cluster, print};
use crate::config::Loaded;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    measurement: Measurement,

    /// Process id of the service, if it runs on this machine: also measures its processor time and memory
    #[arg(long, value_name = "PID", global = true)]
    pid: Option<u32>,

    /// Contract whose requests to send
    #[arg(long, value_name = "CONTRACT", global = true, default_value = "egov")]
    contract: BenchContract,

    /// Caller of the configuration as which to send. Default: the first of the contract
    #[arg(long, value_name = "NAME", global = true)]
    caller: Option<String>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// How fast the service processes a backlog of requests
    #[command(after_help = EXAMPLES)]
    Throughput {
        /// Half ask for a code, each for a new subject; half type the code of another one
        #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(100..))]
        requests: u64,
    },
    /// How long a reply takes at a constant rate
    #[command(after_help = EXAMPLES)]
    Latency {
        /// Requests per second
        #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        rate: u64,
        #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
    /// What a request of each contract costs, against one of the contract egov. Needs a caller of each
    #[command(after_help = EXAMPLES)]
    Contracts {
        /// Of each contract, twice
        #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(100..))]
        requests: u64,
    },
    /// Latency and throughput of the contract egov, next to their targets, and what the other contracts cost
    #[command(after_help = EXAMPLES)]
    All,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream bench latency --rate 200 --seconds 10
  otp-stream bench throughput --requests 200000 --pid \"$(pgrep -f 'otp-stream.* run')\"
  otp-stream bench latency --contract int --caller int
  ./dev bench                                              everything, with a broker and a service of its own

The service must be running on the configured cluster and topics. The subjects are invented and belong to a new tenant.
Disconnect the gateway that sends the SMS of this cluster first.";

pub(super) fn perform(loaded: &Loaded, args: &BenchArgs) -> Result<(), Failure> {
    let properties = cluster::properties(loaded)?;
    cluster::check_accepted(loaded, &properties)?;
    let caller = || BenchCaller::of(loaded, properties.clone(), args.contract, args.caller.as_deref());
    let compared = |requests| {
        let callers = BenchContract::ALL.map(|it| BenchCaller::of(loaded, properties.clone(), it, None));
        let callers = callers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        contracts::measure(&callers, new_run, requests, args.pid)
    };
    let mut report = BenchReport::default();
    match args.measurement {
        Measurement::Throughput { requests } => {
            report.throughput = Some(throughput::measure(&caller()?, new_run(), requests, args.pid)?);
        }
        Measurement::Latency { rate, seconds } => {
            report.latency = Some(latency::measure(&caller()?, new_run(), rate, seconds, args.pid)?);
        }
        Measurement::Contracts { requests } => report.contracts = compared(requests)?,
        Measurement::All => {
            let caller = caller()?;
            // First, because the system writes the gigabytes of the others to the disk for a while.
            report.latency = Some(latency::measure(&caller, new_run(), 1_000, 30, args.pid)?);
            report.memory = Some(throughput::measure(&caller, new_run(), 200_000, args.pid)?);
            report.throughput = Some(throughput::measure(&caller, new_run(), 600_000, args.pid)?);
            report.contracts = compared(200_000)?;
        }
    }
    print(&if args.json { report.json() } else { report.table() })
}

/// A run named by the clock, so that no two runs have the same subjects.
fn new_run() -> RunId {
    RunId(clock::wall_ms())
}
