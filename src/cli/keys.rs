//! `otp-stream keys generate`: creates a key file.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use otp_topology::otp::LogTime;

use super::{Failure, print};
use crate::config::keys;

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Create a key file from the operating system's random source
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GenerateArgs {
    /// Write to a new file that only its owner can read. Never overwrites a file. Default: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream keys generate --out ./keys.toml               once per deployment; every instance uses the same file
  OTP_STREAM_KEYS=\"$(otp-stream keys generate)\" otp-stream run
                                                           pass the keys in the environment instead of a file";

pub(super) fn perform(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate(args) => {
            let text = keys::generate(now())?;
            match &args.out {
                Some(path) => {
                    keys::write_new(path, &text)?;
                    eprintln!("{}: new keys; only the owner can read the file", path.display());
                    Ok(())
                }
                None => print(&text),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "new keys are active from the time of their creation")]
fn now() -> LogTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
