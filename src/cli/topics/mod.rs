//! `otp-stream topics plan|create|verify`: what the service needs on the cluster.

pub mod plan;
mod show;

use clap::{Args, Subcommand};

use super::{Failure, print};
use crate::config::Loaded;

#[derive(Debug, Subcommand)]
pub enum TopicsCommand {
    /// Print topics and access rules; connects to nothing
    #[command(after_help = EXAMPLES)]
    Plan(PlanArgs),
    /// Create what is missing; changes nothing that exists
    #[command(after_help = EXAMPLES)]
    Create,
    /// Compare the cluster with the plan; exit 1 says what differs
    #[command(after_help = EXAMPLES)]
    Verify,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    /// For programs
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Examples:
  otp-stream topics plan                                   topics, settings and access rules as a table
  otp-stream topics plan --json | jq -r '.topics[].name'
  otp-stream --set kafka.create.partitions=12 --set kafka.create.replication_factor=3 topics create
  otp-stream topics verify || echo 'the cluster differs'";

pub(super) fn perform(loaded: &Loaded, command: &TopicsCommand) -> Result<(), Failure> {
    let plan = plan::Plan::of(&loaded.config);
    match command {
        TopicsCommand::Plan(args) if args.json => print(&show::json(&plan)),
        TopicsCommand::Plan(_) => print(&show::table(&plan)),
        TopicsCommand::Create | TopicsCommand::Verify => Err(Failure::Runtime(anyhow::anyhow!(
            "this build cannot reach a cluster"
        ))),
    }
}
