//! `otp-stream subject unlock|forget|show`: an event on the admin topic, or what is stored for a subject.

mod screen;
mod show;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use clap::{Args, Subcommand};
use otp_topology::contract::{CONTRACTS, Contract, Contracts};
use otp_topology::otp::CanonicalSubject;
use otp_topology::task::check_order;
use serde::Serialize;

use super::records::{Draft, Place, produce};
use super::{Failure, print};
use crate::config::Loaded;

#[derive(Debug, Subcommand)]
pub(super) enum SubjectCommand {
    /// Release a locked subject
    #[command(after_help = EXAMPLES)]
    Unlock(OrderArgs),
    /// Erase everything that is stored for a subject: challenges, lock and send limits
    #[command(after_help = EXAMPLES)]
    Forget(OrderArgs),
    /// Show what is stored for a subject: challenges, tries, lock and send limits, never a code
    #[command(after_help = EXAMPLES)]
    Show(show::ShowArgs),
}

/// Which subject.
#[derive(Debug, Args)]
pub(super) struct SubjectArgs {
    #[arg(long, value_name = "C", help = contract_help())]
    pub contract: String,

    /// The tenant, as requests have it
    #[arg(long, value_name = "T")]
    pub tenant: String,

    /// The mobile number, e-mail address or id, as requests have it
    #[arg(long, value_name = "I")]
    pub identity: String,
}

#[derive(Debug, Args)]
pub(super) struct OrderArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,

    /// The reason; it becomes part of the event
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream subject show   --contract egov --tenant pb.amritsar --identity 9123456789
  otp-stream subject show   --contract egov --tenant pb --identity 9123456789 --json | jq .lock
  otp-stream subject unlock --contract egov --tenant pb --identity 9123456789 --reason 'ticket 4711'
  otp-stream subject forget --contract egov --tenant pb --identity 9123456789";

/// The record on the admin topic (docs/interface.md).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AdminEvent<'a> {
    operation: &'static str,
    contract: &'static str,
    tenant_id: &'a str,
    identity: &'a str,
    reason: &'a str,
}

pub(super) fn perform(loaded: &Loaded, command: &SubjectCommand) -> Result<(), Failure> {
    match command {
        SubjectCommand::Unlock(args) => order(loaded, "unlock", args),
        SubjectCommand::Forget(args) => order(loaded, "forget", args),
        SubjectCommand::Show(args) => show::perform(loaded, args),
    }
}

fn order(loaded: &Loaded, operation: &'static str, args: &OrderArgs) -> Result<(), Failure> {
    let contracts = &loaded.config.contracts;
    let (key, value) = order_record(contracts, operation, args).map_err(Failure::Usage)?;
    let topic = &loaded.config.kafka.topics.otp_admin;
    produce(loaded, topic, &[Draft { place: Place::default(), key, value: Some(value) }])?;
    print(&format!("{operation} was sent: one record on {topic}\n"))
}

/// Key and value of an order, judged as the service judges it.
fn order_record(
    contracts: &Contracts,
    operation: &'static str,
    args: &OrderArgs,
) -> Result<(String, Vec<u8>), String> {
    let (contract, subject) = args.subject.subject(contracts)?;
    let event = AdminEvent {
        operation,
        contract: contract.name().as_str(),
        tenant_id: &args.subject.tenant,
        identity: &args.subject.identity,
        reason: &args.reason,
    };
    let value = serde_json::to_vec(&event).expect("an event is a plain value");
    check_order(&value, contracts)?;
    Ok((subject.as_str().to_owned(), value))
}

impl SubjectArgs {
    fn subject<'a>(
        &self,
        contracts: &'a Contracts,
    ) -> Result<(&'a Arc<dyn Contract>, CanonicalSubject), String> {
        let contract = contracts
            .named(&self.contract)
            .ok_or_else(|| format!("--contract: no such contract; the contracts are {}", contracts.list()))?;
        let root = contract.tenant_root(&self.tenant);
        let subject = CanonicalSubject::new(contract.name(), root, &self.identity)
            .map_err(|error| format!("--tenant, --identity: {error}"))?;
        Ok((contract, subject))
    }
}

/// Lists the contracts.
fn contract_help() -> String {
    format!("The contract that the subject uses: {}", contract_names())
}

fn contract_names() -> String {
    CONTRACTS.iter().map(|line| line.name.as_str()).collect::<Vec<_>>().join(", ")
}
