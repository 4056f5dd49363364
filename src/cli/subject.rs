//! `otp-stream subject unlock|forget`: an event on the admin topic.

use clap::{Args, Subcommand};

use super::Failure;
use crate::config::Loaded;

#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// Release a locked subject
    #[command(after_help = EXAMPLES)]
    Unlock(SubjectArgs),
    /// Erase everything of a subject: challenges, lock and send windows
    #[command(after_help = EXAMPLES)]
    Forget(SubjectArgs),
}

/// Whose.
#[derive(Debug, Args)]
pub struct SubjectArgs {
    /// egov, int or mosip
    #[arg(long, value_name = "C")]
    pub contract: String,

    /// The tenant; its first segment counts
    #[arg(long, value_name = "T")]
    pub tenant: String,

    /// Mobile number, e-mail address or id, as requests have it
    #[arg(long, value_name = "I")]
    pub identity: String,

    /// Why; stands in the event
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream subject unlock --contract egov --tenant pb --identity 9123456789 --reason 'ticket 4711'
  otp-stream subject forget --contract egov --tenant pb --identity 9123456789";

pub(super) fn perform(_loaded: &Loaded, _command: &SubjectCommand) -> Result<(), Failure> {
    Err(Failure::Runtime(anyhow::anyhow!("this build cannot write to the admin topic")))
}
