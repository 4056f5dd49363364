//! `otp-stream topics plan|create|verify`: the topics and access rules that the service needs.

mod apply;
pub(super) mod difference;
pub(super) mod plan;
mod show;

#[cfg(test)]
mod tests;

use clap::{Args, Subcommand};

use super::{Failure, cluster, print};
use crate::config::Loaded;
use crate::kafka::Admin;
use difference::Difference;
use plan::Plan;

#[derive(Debug, Subcommand)]
pub(super) enum TopicsCommand {
    /// Print the topics and access rules that the service needs; does not connect
    #[command(after_help = EXAMPLES)]
    Plan(PlanArgs),
    /// Create the missing topics; never changes an existing one
    #[command(after_help = EXAMPLES)]
    Create,
    /// Compare the cluster with the plan; exits with 1 if they differ
    #[command(after_help = EXAMPLES)]
    Verify,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream topics plan                                   topics, settings and access rules as a table
  otp-stream topics plan --json | jq -r '.topics[].name'
  otp-stream --set kafka.create.partitions=12 --set kafka.create.replication_factor=3 topics create
  otp-stream topics verify || echo 'the cluster differs'";

pub(super) fn perform(loaded: &Loaded, command: &TopicsCommand) -> Result<(), Failure> {
    match command {
        TopicsCommand::Plan(args) if args.json => print(&show::json(&Plan::of(&loaded.config))),
        TopicsCommand::Plan(_) => print(&show::table(&Plan::of(&loaded.config))),
        TopicsCommand::Create => {
            let admin = cluster::connect(loaded)?;
            create(loaded, &admin)
        }
        TopicsCommand::Verify => {
            let admin = cluster::connect(loaded)?;
            let (plan, differences) = differences(loaded, &admin)?;
            print(&show::differences(&plan, &differences))?;
            if differences.is_empty() { Ok(()) } else { Err(Failure::Reported) }
        }
    }
}

/// Creates the missing topics and prints their names.
pub(super) fn create(loaded: &Loaded, admin: &Admin) -> Result<(), Failure> {
    let failed = |err| cluster::unreachable_cluster(loaded, &err);
    let plan = apply::plan_on(&loaded.config, admin).map_err(failed)?;
    let creations = apply::create_missing(&plan, admin).map_err(failed)?;
    print(&show::creations(&plan, &creations))?;
    if creations.iter().all(|creation| creation.failure.is_none()) { Ok(()) } else { Err(Failure::Reported) }
}

/// The plan for the application's present partition count, and how the cluster differs from it.
pub(super) fn differences(loaded: &Loaded, admin: &Admin) -> Result<(Plan, Vec<Difference>), Failure> {
    let failed = |err| cluster::unreachable_cluster(loaded, &err);
    let plan = apply::plan_on(&loaded.config, admin).map_err(failed)?;
    let differences = apply::differences(&plan, admin).map_err(failed)?;
    Ok((plan, differences))
}
