//! `otp-stream config check|print`.

use clap::Subcommand;

use super::{Failure, print};
use crate::config::{Loaded, keys};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check everything, the key file included; exit 2 says what is wrong and what to do
    #[command(after_help = EXAMPLES)]
    Check,
    /// Show the effective values and where each came from, secrets masked
    #[command(after_help = EXAMPLES)]
    Print,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream --config base.toml --config prod.toml config check
  otp-stream --set processing.threads=2 config print
  otp-stream config print | grep -v '# default'            only what differs from the defaults";

pub(super) fn perform(loaded: &Loaded, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => {
            keys::read(loaded)?;
            let callers = &loaded.config.callers;
            let names: Vec<_> = callers.iter().map(|caller| caller.name.as_str()).collect();
            print(&format!("good: callers {}, keys complete\n", names.join(", ")))
        }
        ConfigCommand::Print => print(&loaded.print()),
    }
}
