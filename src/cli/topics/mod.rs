//! `otp-stream topics plan|create|verify`: what the service needs on the cluster.

mod apply;
pub mod difference;
pub mod plan;
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
            let admin = cluster::admin(loaded)?;
            create(loaded, &admin)
        }
        TopicsCommand::Verify => {
            let admin = cluster::admin(loaded)?;
            let (plan, differences) = differences(loaded, &admin)?;
            print(&show::differences(&plan, &differences))?;
            if differences.is_empty() { Ok(()) } else { Err(Failure::Told) }
        }
    }
}

/// Creates what is missing and says so.
pub(super) fn create(loaded: &Loaded, admin: &Admin) -> Result<(), Failure> {
    let told = |err| cluster::unreachable_cluster(loaded, &err);
    let plan = apply::plan_on(&loaded.config, admin).map_err(told)?;
    let creations = apply::create_missing(&plan, admin).map_err(told)?;
    print(&show::creations(&plan, &creations))?;
    if creations.iter().all(|creation| creation.failure.is_none()) { Ok(()) } else { Err(Failure::Told) }
}

/// The plan for the application as it is, and how the cluster differs from it.
pub(super) fn differences(loaded: &Loaded, admin: &Admin) -> Result<(Plan, Vec<Difference>), Failure> {
    let told = |err| cluster::unreachable_cluster(loaded, &err);
    let plan = apply::plan_on(&loaded.config, admin).map_err(told)?;
    let differences = apply::differences(&plan, admin).map_err(told)?;
    Ok((plan, differences))
}
