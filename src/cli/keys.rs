//! `otp-stream keys`: creates a key file, and shows the public halves of its token keys.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Subcommand};
use otp_topology::otp::LogTime;

use super::{Failure, print};
use crate::config::{Loaded, keys};

#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Create a key file from the operating system's random source
    Generate(GenerateArgs),
    /// Print the public token keys as a JSON Web Key Set, for the services that verify tokens
    #[command(after_help = PUBLIC_EXAMPLES)]
    Public,
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct GenerateArgs {
    /// Write to a new file that only its owner can read. Never overwrites a file. Default: standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

const PUBLIC_EXAMPLES: &str = "\
Examples:
  otp-stream keys public > jwks.json                       contains no secret";

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream keys generate --out ./keys.toml               once per deployment; every instance uses the same file
  OTP_STREAM_KEYS=\"$(otp-stream keys generate)\" otp-stream run
                                                           pass the keys in the environment instead of a file
  otp-stream keys public > jwks.json                       for the services that verify tokens; contains no secret";

/// `load` reads the configuration, for the command that needs one.
pub(super) fn perform(
    command: &KeysCommand,
    load: impl FnOnce() -> Result<Loaded, Failure>,
) -> Result<(), Failure> {
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
        KeysCommand::Public => print(&format!("{}\n", keys::read(&load()?)?.token_jwks())),
    }
}

#[expect(clippy::disallowed_methods, reason = "new keys are active from the time of their creation")]
fn now() -> LogTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LogTime::from_ms(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
