//! The command line: one file per command, exit codes 0 (done), 1 (failed at run time), 2 (wrong usage or
//! configuration).
//!
//! Reads the configuration and calls what does the work; decides nothing about requests.

pub mod bench;
mod cluster;
mod config;
mod demo;
mod keys;
mod replay;
mod run;
mod subject;
mod topics;

#[cfg(test)]
mod tests;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{ConfigError, Loaded, Sources, keys::KeysError};

/// One-time passwords as events: requests in, notifications, replies and results out, exactly once.
#[derive(Debug, Parser)]
#[command(name = "otp-stream", version, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// Configuration in TOML; may be repeated, later files override earlier ones. Default: ./otp-stream.toml if it
    /// is there
    #[arg(long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,

    /// Override one key, after files and environment; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    sets: Vec<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT
    Run(run::RunArgs),
    /// See it at work: everything in one process, a scripted story with its events shown
    Demo(demo::DemoArgs),
    /// Records from standard input through the real topology, in memory, in the records' own time
    Replay(replay::ReplayArgs),
    /// What the service needs on the cluster
    #[command(subcommand, after_help = topics::EXAMPLES)]
    Topics(topics::TopicsCommand),
    /// The secret keys
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::KeysCommand),
    /// The configuration
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::ConfigCommand),
    /// Release or erase one subject
    #[command(subcommand, after_help = subject::EXAMPLES)]
    Subject(subject::SubjectCommand),
    /// Load and latency of a running service
    Bench(bench::BenchArgs),
}

/// Why a command ended early; decides the exit code.
#[derive(Debug)]
pub enum Failure {
    /// Exit 2: the usage or the configuration must be mended first.
    Usage(String),
    /// Exit 1.
    Runtime(anyhow::Error),
    /// Exit 1; everything was said already.
    Told,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream demo                                          a login as events, without any set-up
  otp-stream keys generate --out ./keys.toml               once per deployment
  otp-stream topics create                                 what is missing on the cluster
  otp-stream run                                           serve
  otp-stream --config prod.toml --set http.listen=0.0.0.0:9464 run
  OTP_STREAM__KAFKA__BOOTSTRAP_SERVERS=broker:9092 otp-stream config print

Exit codes: 0 done, 1 failed at run time, 2 wrong usage or configuration";

/// Parses the command line of this process and does what it says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.perform() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::Usage(text) => {
                    for line in text.lines() {
                        eprintln!("error: {line}");
                    }
                }
                Failure::Runtime(err) => eprintln!("error: {err:#}"),
                Failure::Told => {}
            }
            failure.exit_code()
        }
    }
}

impl Cli {
    fn perform(self) -> Result<(), Failure> {
        let sources = Sources::of_process(self.config, self.sets);
        let load = || load(&sources, None);
        match self.command {
            Command::Run(args) => run::perform(&load()?, &args),
            // The story is told on the same terminal.
            Command::Demo(args) => demo::perform(&self::load(&sources, Some("warn"))?, &args),
            Command::Replay(args) => replay::perform(&load()?, &args),
            Command::Topics(command) => topics::perform(&load()?, &command),
            Command::Keys(command) => keys::perform(&command),
            Command::Config(command) => config::perform(&load()?, &command),
            Command::Subject(command) => subject::perform(&load()?, &command),
            Command::Bench(args) => bench::perform(&load()?, &args),
        }
    }
}

/// Reads the configuration and starts the log by it; `level` serves where nothing names one.
fn load(sources: &Sources, level: Option<&str>) -> Result<Loaded, Failure> {
    let mut loaded = crate::config::load(sources)?;
    cluster::properties(&loaded)?;
    if let Some(level) = level.filter(|_| !loaded.is_named("log.level")) {
        loaded.config.log.level = level.to_owned();
    }
    crate::telemetry::log::init(&loaded.config.log).map_err(|err| Failure::Runtime(err.into()))?;
    Ok(loaded)
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Runtime(_) | Self::Told => ExitCode::from(1),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(err: ConfigError) -> Self {
        Self::Usage(err.to_string())
    }
}

impl From<KeysError> for Failure {
    fn from(err: KeysError) -> Self {
        Self::Usage(err.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(err: anyhow::Error) -> Self {
        Self::Runtime(err)
    }
}

/// Writes to standard output; a reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(err) if err.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(anyhow::Error::new(err).context("standard output cannot be written")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
