//! `otp-stream replay`: records through the real topology, in memory.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::config::Loaded;

/// Records from standard input through the real topology, in memory, in the records' own time
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// Read from a file instead of standard input
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,

    /// Count of home partitions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub partitions: i32,

    /// Follow the outputs of each line with {"ack":<line number>}
    #[arg(long)]
    pub ack: bool,

    /// Show the changelog and the repartition topic, too
    #[arg(long)]
    pub internal: bool,

    /// Do not mask codes, although a key file is configured
    #[arg(long)]
    pub reveal: bool,
}

const EXAMPLES: &str = r#"Examples:
  echo '{"topic":"otp-request-egov","payload":"{\"operation\":\"send\",\"otp\":{\"tenantId\":\"pb.amritsar\",\"mobileNumber\":\"9123456789\",\"type\":\"login\"}}"}' | otp-stream replay
  kcat -C -J -e -b localhost:9092 -t otp-request-egov | otp-stream replay --partitions 6

One JSON object a line, as kcat -J prints them: topic, partition, offset, ts, key, payload, headers. Only topic and
payload are needed."#;

pub(super) fn perform(_loaded: &Loaded, _args: &ReplayArgs) -> Result<(), Failure> {
    Err(Failure::Runtime(anyhow::anyhow!("this build cannot replay")))
}
