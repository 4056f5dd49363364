//! `otp-stream demo`: the newcomer's first command.

use clap::Args;

use super::Failure;
use crate::config::Loaded;

/// See it at work: everything in one process, a scripted story with its events shown
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Tell the story on a real cluster instead of the mock one inside the process
    #[arg(long, value_name = "HOST:PORT")]
    pub bootstrap_servers: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream demo                                          needs nothing: no broker, no keys, no files
  otp-stream demo --bootstrap-servers localhost:9092       the same story on a real cluster";

pub(super) fn perform(_loaded: &Loaded, _args: &DemoArgs) -> Result<(), Failure> {
    Err(Failure::Runtime(anyhow::anyhow!("this build has no demo")))
}
