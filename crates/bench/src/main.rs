//! `otp-bench`: measurements that the shipped program does not contain. `./dev bench` runs them.
//!
//! Load and latency of a running service are in `otp-stream bench`.

mod bare;
mod recovery;

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow};
use clap::{Parser, Subcommand};
use otp_stream::bench::Properties;
use otp_stream::bench::requests::{BenchContract, RunId};
use otp_stream::bench::{Sources, load_config};
use otp_stream::bench::{caller::BenchCaller, clock};
use serde::Serialize;

use recovery::RecoveryOptions;

/// The allocator of `otp-stream`, so that the bare pass-through is comparable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measure the Kafka clients alone, and how a killed service recovers
#[derive(Debug, Parser)]
#[command(name = "otp-bench", version, max_term_width = 110)]
struct BenchCli {
    /// Configuration file in TOML, as of `otp-stream`. May be repeated
    #[arg(long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,

    /// Override one configuration key. May be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    sets: Vec<String>,

    /// Caller of the configuration whose topics are used. Default: the first of the contract egov
    #[arg(long, value_name = "NAME", global = true)]
    caller: Option<String>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// The broker and the clients without any processing: three outputs for each input, in transactions. Creates topics
    Bare {
        #[arg(long, value_name = "N", default_value_t = 600_000, value_parser = clap::value_parser!(u64).range(100..))]
        inputs: u64,
    },
    /// How soon the service answers after `kill -9`, and how fast it restores an empty store. Starts and kills it
    Recovery {
        /// Subjects with a live code
        #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
        subjects: u64,
        /// Kills of each kind
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
        /// Requests per second while it is killed under load
        #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
        rate: u64,
        /// Load no subjects: the store and the topics hold those of an earlier run
        #[arg(long)]
        reuse: bool,
        /// The program to start and kill. Default: `otp-stream` in the directory of this program
        #[arg(long, value_name = "FILE")]
        program: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let cli = BenchCli::parse();
    let sources = Sources::of_process(cli.config, cli.sets);
    let loaded = load_config(&sources).map_err(|error| anyhow!("{error}"))?;
    let kafka = &loaded.config.kafka;
    let properties = Properties::new(&kafka.bootstrap_servers, kafka.properties.0.clone())
        .map_err(|refused| anyhow!("kafka.properties.{}: {}", refused.key, refused.reason))?;
    let caller = BenchCaller::of(&loaded, properties, BenchContract::Egov, cli.caller.as_deref())?;
    let run = RunId(clock::wall_ms());
    match cli.measurement {
        Measurement::Bare { inputs } => {
            let bare = bare::measure(&caller, run, inputs)?;
            print(cli.json, &bare, || bare.table())
        }
        Measurement::Recovery { subjects, rounds, rate, reuse, program } => {
            let program = program.map_or_else(sibling, Ok)?;
            let options = RecoveryOptions { program, subjects, rounds, rate, reuse };
            let recovery = recovery::measure(&caller, run, &loaded.config, &sources, &options)?;
            print(cli.json, &recovery, || recovery.table())
        }
    }
}

fn sibling() -> Result<PathBuf> {
    let own = std::env::current_exe().context("the path of this program is unknown; use --program")?;
    Ok(own.with_file_name("otp-stream"))
}

fn print(json: bool, figures: &impl Serialize, table: impl FnOnce() -> String) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(figures)?);
    } else {
        print!("{}", table());
    }
    Ok(())
}
