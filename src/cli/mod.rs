//! The command line. Each subcommand has its own file.
//!
//! Reads the configuration and calls the code that does the work; decides nothing about requests. Exit codes: 0 done, 1 failed
//! at run time, 2 wrong usage or configuration, 128 and its number after a signal.

pub(crate) mod bench;
mod client;
mod cluster;
mod config;
mod demo;
mod directory;
mod keys;
mod policy;
mod records;
mod replay;
mod run;
mod schemas;
mod signals;
mod subject;
mod template;
mod topics;

#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use signals::{Signals, Status};

use crate::config::{ConfigError, Loaded, Sources, keys::KeysError};

/// One-time passwords as events: reads requests; writes notifications, replies and results, exactly once
#[derive(Debug, Parser)]
#[command(name = "otp-stream", version, after_help = EXAMPLES, max_term_width = 110)]
pub(crate) struct Cli {
    /// Configuration file in TOML. May be repeated: later files override earlier ones. Default: ./otp-stream.toml, if it
    /// exists
    #[arg(long, value_name = "FILE", global = true)]
    config: Vec<PathBuf>,

    /// Override one configuration key, with precedence over files and environment. May be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    sets: Vec<String>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests until SIGTERM or SIGINT
    Run(run::RunArgs),
    /// Show a scripted login as events, in one process and without any set-up
    Demo(demo::DemoArgs),
    /// Process records from standard input in memory, with the time of the records
    Replay(replay::ReplayArgs),
    /// Plan, create and verify the topics that the service needs
    #[command(subcommand, after_help = topics::EXAMPLES)]
    Topics(topics::TopicsCommand),
    /// Generate the secret keys
    #[command(subcommand, after_help = keys::EXAMPLES)]
    Keys(keys::KeysCommand),
    /// Check and print the configuration
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::ConfigCommand),
    /// Show the Avro schemas, and compare a schema registry with them
    #[command(subcommand, after_help = schemas::EXAMPLES)]
    Schemas(schemas::SchemasCommand),
    /// Make secrets for the clients of the token operations
    #[command(subcommand, after_help = client::EXAMPLES)]
    Client(client::ClientCommand),
    /// Show, unlock or erase one subject
    #[command(subcommand, after_help = subject::EXAMPLES)]
    Subject(subject::SubjectCommand),
    /// Check policies of tenants, and put them into force
    #[command(subcommand, after_help = policy::EXAMPLES)]
    Policy(policy::PolicyCommand),
    /// Check message templates, and put them into force
    #[command(subcommand, after_help = template::EXAMPLES)]
    Template(template::TemplateCommand),
    /// Import users into the directory
    #[command(subcommand, after_help = directory::EXAMPLES)]
    Directory(directory::DirectoryCommand),
    /// Measure load and latency of a running service
    Bench(bench::BenchArgs),
}

/// Why a command failed. Determines the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit 2: the usage or the configuration is wrong.
    Usage(String),
    /// Exit 1.
    Runtime(anyhow::Error),
    /// Exit 1. The command has printed the reason already.
    Reported,
    /// Exit 128 and the number of the signal that ended the command.
    Signalled(i32),
}

const EXAMPLES: &str = "\
Examples:
  otp-stream demo                                          show a login as events, without any set-up
  otp-stream keys generate --out ./keys.toml               generate keys, once per deployment
  otp-stream topics create                                 create missing topics
  otp-stream run                                           serve requests
  otp-stream --config prod.toml --set http.listen=0.0.0.0:9464 run
  OTP_STREAM__KAFKA__BOOTSTRAP_SERVERS=broker:9092 otp-stream config print

Exit codes: 0 done, 1 failed at run time, 2 wrong usage or configuration, 130 or 143 ended by SIGINT or SIGTERM";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Runtime(error) => write!(f, "{error:#}"),
            Self::Reported => f.write_str("the reason is printed above"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

/// Parses the command line of this process and runs the command.
pub fn main() -> ExitCode {
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("error: the handlers of SIGTERM and SIGINT cannot be installed: {error}");
            return ExitCode::from(1);
        }
    };
    match Cli::parse().perform(&signals) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            match &failure {
                Failure::Usage(text) => {
                    for line in text.lines() {
                        eprintln!("error: {line}");
                    }
                }
                Failure::Runtime(_) => eprintln!("error: {failure}"),
                Failure::Reported | Failure::Signalled(_) => {}
            }
            failure.exit_code()
        }
    }
}

impl Cli {
    fn perform(self, signals: &Signals) -> Result<(), Failure> {
        let sources = Sources::of_process(self.config, self.sets);
        let load = || load(&sources, None);
        match self.command {
            Command::Run(args) => {
                signals.end_well();
                run::perform(&load()?, &args, signals)
            }
            // The demo prints to the same terminal.
            Command::Demo(args) => demo::perform(&self::load(&sources, Some("warn"))?, &args, signals),
            Command::Replay(args) => replay::perform(&load()?, &args),
            Command::Topics(command) => topics::perform(&load()?, &command),
            Command::Keys(command) => keys::perform(&command, load),
            Command::Config(command) => config::perform(&load()?, &command),
            Command::Schemas(command) => schemas::perform(&load()?, &command),
            Command::Client(command) => client::perform(&load()?, &command),
            Command::Subject(command) => subject::perform(&load()?, &command),
            Command::Policy(command) => policy::perform(&load()?, &command),
            Command::Template(command) => template::perform(&load()?, &command),
            Command::Directory(command) => directory::perform(&load()?, &command),
            Command::Bench(args) => bench::perform(&load()?, &args),
        }
    }
}

/// Reads the configuration and starts the log. `level` applies if the configuration names no level.
fn load(sources: &Sources, level: Option<&str>) -> Result<Loaded, Failure> {
    let mut loaded = crate::config::load(sources)?;
    cluster::properties(&loaded)?;
    if let Some(level) = level.filter(|_| !loaded.is_named("log.level")) {
        loaded.config.log.level = level.to_owned();
    }
    crate::telemetry::log::init(&loaded.config.log).map_err(|err| Failure::Runtime(err.into()))?;
    for (key, source) in loaded.layers.shortened() {
        tracing::warn!(key, %source, "the value ended with a line feed, which was removed");
    }
    Ok(loaded)
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Runtime(_) | Self::Reported => ExitCode::from(1),
            Self::Signalled(signal) => ExitCode::from(Status::Signalled.of(*signal)),
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

/// A table: each column as wide as its widest cell.
fn columns<const N: usize>(rows: &[[String; N]], text: &mut String) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Writes to standard output. A closed pipe is not a failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(err) if err.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Runtime(anyhow::Error::new(err).context("standard output cannot be written")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
