//! `otp-stream keys generate`: a new key file.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use otp_topology::otp::LogTime;

use super::{Failure, print};
use crate::config::keys;

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key file from the operating system's random source
    Generate(GenerateArgs),
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GenerateArgs {
    /// Write to a new file that only its owner can read; never over an existing one. Absent: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream keys generate --out ./keys.toml               once per deployment; every instance gets the same file
  OTP_STREAM_KEYS=\"$(otp-stream keys generate)\" otp-stream run
                                                           the environment instead of a file";

pub(super) fn perform(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate(args) => {
            let text = keys::generate(now())?;
            match &args.out {
                Some(path) => {
                    keys::write_new(path, &text)?;
                    eprintln!("{}: new keys, readable by their owner only", path.display());
                    Ok(())
                }
                None => print(&text),
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "new keys serve from the time they are made")]
fn now() -> LogTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
