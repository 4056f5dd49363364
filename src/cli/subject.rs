//! `otp-stream subject unlock|forget`: an event on the admin topic.

use clap::{Args, Subcommand};
use otp_topology::contract::{CONTRACTS, Contracts};
use otp_topology::otp::{CanonicalSubject, ContractName};
use otp_topology::wire::murmur2;
use serde::Serialize;

use super::{Failure, cluster, print};
use crate::config::Loaded;
use crate::kafka::{Sender, ToSend};

#[derive(Debug, Subcommand)]
pub(super) enum SubjectCommand {
    /// Release a locked subject
    #[command(after_help = EXAMPLES)]
    Unlock(SubjectArgs),
    /// Erase everything that is stored for a subject: challenges, lock and send limits
    #[command(after_help = EXAMPLES)]
    Forget(SubjectArgs),
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

    /// The reason; it becomes part of the event
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
}

pub(super) const EXAMPLES: &str = "\
Examples:
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
    let (operation, args) = match command {
        SubjectCommand::Unlock(args) => ("unlock", args),
        SubjectCommand::Forget(args) => ("forget", args),
    };
    let (contract, key) = args.subject(&loaded.config.contracts).map_err(Failure::Usage)?;
    let event = AdminEvent {
        operation,
        contract: contract.as_str(),
        tenant_id: &args.tenant,
        identity: &args.identity,
        reason: &args.reason,
    };
    let value = serde_json::to_vec(&event).expect("an event is a plain value");
    let topic = &loaded.config.kafka.topics.otp_admin;
    send(loaded, topic, key.as_str().as_bytes(), &value)?;
    print(&format!("{operation} was sent: one record on {topic}\n"))
}

impl SubjectArgs {
    fn subject(&self, contracts: &Contracts) -> Result<(ContractName, CanonicalSubject), String> {
        let contract = contracts
            .named(&self.contract)
            .ok_or_else(|| format!("--contract: no such contract; the contracts are {}", contracts.list()))?;
        let root = contract.tenant_root(&self.tenant);
        let subject = CanonicalSubject::new(contract.name(), root, &self.identity)
            .map_err(|error| format!("--tenant, --identity: {error}"))?;
        Ok((contract.name(), subject))
    }
}

/// Lists the contracts.
fn contract_help() -> String {
    format!("The contract that the subject uses: {}", contract_names())
}

fn contract_names() -> String {
    CONTRACTS.iter().map(|line| line.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn send(loaded: &Loaded, topic: &str, key: &[u8], value: &[u8]) -> Result<(), Failure> {
    let unreachable = |err| cluster::unreachable_cluster(loaded, &err);
    let topics = [topic.to_owned()];
    let facts = cluster::connect(loaded)?.describe(&topics, cluster::TIMEOUT).map_err(unreachable)?;
    let Some(Some(facts)) = facts.first() else {
        return Err(Failure::Runtime(anyhow::anyhow!(
            "topic {topic} does not exist; create it with `otp-stream topics create`"
        )));
    };
    let sender = Sender::new(&cluster::properties(loaded)?, &topics).map_err(unreachable)?;
    let record = ToSend {
        topic: 0,
        partition: murmur2::partition(key, facts.partitions),
        key: Some(key),
        value: Some(value),
        headers: &[],
    };
    sender.send(record).map_err(unreachable)?;
    sender.flush(cluster::TIMEOUT).map_err(unreachable)
}
