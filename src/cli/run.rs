//! `otp-stream run`: serve until told to stop.

use clap::Args;

use super::Failure;
use crate::config::Loaded;

/// Serve until SIGTERM or SIGINT
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// First create the topics that are missing
    #[arg(long)]
    pub create_topics: bool,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream run --create-topics                           the first time, on a cluster for development
  otp-stream --config /etc/otp-stream.toml run             in production, after `topics create`
  curl -s localhost:9464/readyz                            is it serving?

It stops in good order at SIGTERM: the open transaction is finished, exit 0.";

pub(super) fn perform(_loaded: &Loaded, _args: &RunArgs) -> Result<(), Failure> {
    Err(Failure::Runtime(anyhow::anyhow!("this build cannot run")))
}
