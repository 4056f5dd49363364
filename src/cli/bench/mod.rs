//! `otp-stream bench`: load and latency of a running service, seen from outside.
//!
//! It produces requests as callers do, watches replies with read_committed, and reads what the service's process used.
//! Only `recovery` starts and kills the service itself; the others need a running one. `./dev bench` does the whole round.

mod bare;
mod clock;
mod ground;
mod latency;
mod process;
mod progress;
mod recovery;
mod report;
mod requests;
mod throughput;

use clap::{Args, Subcommand};

use self::ground::Ground;
use self::report::Report;
use self::requests::Run;
use super::{Failure, cluster, print};
use crate::config::{Loaded, Sources};

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct BenchArgs {
    #[command(subcommand)]
    what: What,

    /// The process that serves, on this machine: its processor time and memory are measured, too
    #[arg(long, value_name = "PID", global = true)]
    pid: Option<u32>,

    /// Send as this caller of the configuration; absent: the first of the contract egov
    #[arg(long, value_name = "NAME", global = true)]
    caller: Option<String>,

    /// For programs
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// How fast requests that are all there already are drained
    #[command(after_help = EXAMPLES)]
    Throughput {
        /// Half `send` for a new subject each, half `validate` with codes from the SMS
        #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(100..))]
        requests: u64,
    },
    /// How long a reply takes at a constant rate
    #[command(after_help = EXAMPLES)]
    Latency {
        /// Requests a second
        #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        rate: u64,
        #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
        seconds: u64,
    },
    /// The yardstick: three outputs per input in transactions, without any work; makes topics of its own
    #[command(after_help = EXAMPLES)]
    Bare {
        #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(100..))]
        inputs: u64,
    },
    /// How soon the service answers after `kill -9`, and how fast it restores a lost store; starts and kills it itself
    #[command(after_help = EXAMPLES)]
    Recovery {
        /// Subjects with a live code
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        subjects: u64,
        /// Kills of each kind
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Requests a second amid which it is killed
        #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        rate: u64,
        /// The store and the topics hold the subjects of an earlier run: load none
        #[arg(long)]
        reuse: bool,
    },
    /// All but `recovery`, one after the other, beside the targets
    #[command(after_help = EXAMPLES)]
    All,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream bench latency --rate 200 --seconds 10
  otp-stream bench throughput --requests 200000 --pid \"$(pgrep -f 'otp-stream.* run')\"
  otp-stream --set kafka.bootstrap_servers=broker:9092 bench bare
  otp-stream bench recovery --subjects 100000              with the service stopped
  ./dev bench                                              everything, with a broker and a service of its own

The service must run, on the configured cluster and topics; `bare` and `recovery` need the cluster alone. Subjects are made up, under a
tenant that no other run has. Whoever sends the SMS of this cluster must not be connected.";

pub(super) fn perform(loaded: &Loaded, sources: &Sources, args: &BenchArgs) -> Result<(), Failure> {
    let properties = cluster::properties(loaded)?;
    let ground = Ground::of(loaded, properties, args.caller.as_deref())?;
    let mut report = Report::default();
    match args.what {
        What::Throughput { requests } => {
            report.throughput = Some(throughput::measure(&ground, new_run(), requests, args.pid)?);
        }
        What::Latency { rate, seconds } => {
            report.latency = Some(latency::measure(&ground, new_run(), rate, seconds, args.pid)?);
        }
        What::Bare { inputs } => report.bare = Some(bare::measure(&ground, new_run(), inputs)?),
        What::Recovery { subjects, rounds, rate, reuse } => {
            let plan = recovery::Plan { subjects, rounds, rate, reuse };
            report.recovery = Some(recovery::measure(&ground, new_run(), &loaded.config, sources, &plan)?);
        }
        What::All => {
            // Before the others, whose gigabytes the system writes to the disk for a while.
            report.latency = Some(latency::measure(&ground, new_run(), 1_000, 30, args.pid)?);
            report.bare = Some(bare::measure(&ground, new_run(), 600_000)?);
            report.memory = Some(throughput::measure(&ground, new_run(), 200_000, args.pid)?);
            report.throughput = Some(throughput::measure(&ground, new_run(), 600_000, args.pid)?);
        }
    }
    print(&if args.json { report.json() } else { report.table() })
}

/// Named by the clock: no two runs share subjects.
fn new_run() -> Run {
    Run(clock::wall_ms())
}
