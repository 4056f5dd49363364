//! `otp-stream policy check|put`: records of the policy topic, judged by the rules of the service.

mod faults;
mod mdms;
mod merge;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand, ValueEnum};
use otp_topology::deployment::{Settings, check_policy};

use super::Failure;
use super::records::input::Input;
use super::records::{
    Accepted, Batch, Draft, FileArgs, Problem, ProduceArgs, Report, by_key, present_policies, produce,
};
use crate::config::Loaded;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Judge policies as the service does; does not connect
    #[command(after_help = EXAMPLES)]
    Check(PolicyArgs),
    /// Judge policies, then produce them; a policy replaces the whole record of its key
    #[command(after_help = EXAMPLES)]
    Put(PutArgs),
}

#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// The key of the record, `<contract>/<tenant>`: the input is its value, or null to delete it. Without a key the input is
    /// an object of records by key
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,

    /// Import a file of another system
    #[arg(long, value_name = "FORMAT")]
    pub from: Option<PolicyFormat>,

    #[command(flatten)]
    pub file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct PutArgs {
    #[command(flatten)]
    pub policy: PolicyArgs,

    /// Keep the rules of the present record that the new one does not have. Always so with --from mdms
    #[arg(long)]
    pub merge: bool,

    #[command(flatten)]
    pub produce: ProduceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PolicyFormat {
    /// DIGIT's MDMS: the rows of the master for the validation of mobile numbers, as a file or as a reply of version 1 or 2
    Mdms,
}

pub(super) const EXAMPLES: &str = r#"Examples:
  echo '{"digits":8,"lockAfter":5}' | otp-stream policy put --key egov/pb
  echo null | otp-stream policy put --key egov/pb          delete it: the tenant inherits again
  otp-stream policy check policies.json                    {"egov/*": {"digits": 6}, "egov/pb": {"digits": 8}, "int/*": null}
  otp-stream policy put policies.json --dry-run --json
  otp-stream policy put --from mdms MobileNumberValidation.json
                                                           number rules of the tenants in the file; other rules stay"#;

pub(super) fn perform(loaded: &Loaded, command: &PolicyCommand) -> Result<(), Failure> {
    let settings = loaded.config.settings();
    let topic = &settings.topics.otp_policy;
    let (args, put) = match command {
        PolicyCommand::Check(args) => (args, None),
        PolicyCommand::Put(put) => (&put.policy, Some(put)),
    };
    let input = args.file.input.read()?;
    let read = read_input(args, &input).map_err(|problem| problem.in_file(&input.name))?;
    let mut accepted = accepted(read, &settings, args, &input)?;
    if put.is_some_and(|put| put.merge || args.from == Some(PolicyFormat::Mdms)) {
        let present = present_policies(loaded, &settings)?;
        let merged = merge::merged(accepted, &present);
        accepted = self::accepted(merged, &settings, args, &input)?;
    }
    let produces = put.is_some_and(|put| !put.produce.dry_run);
    if produces {
        produce(loaded, topic, &accepted.drafts)?;
    }
    Report::of(topic, &accepted, true, produces).print(args.file.json)
}

fn read_input(args: &PolicyArgs, input: &Input) -> Result<Batch, Problem> {
    match args.from {
        None => by_key::records(input, args.key.as_deref()),
        Some(PolicyFormat::Mdms) => mdms::records(input, args.key.as_deref()),
    }
}

fn accepted(
    batch: Batch,
    settings: &Settings,
    args: &PolicyArgs,
    input: &Input,
) -> Result<Accepted, Failure> {
    judged(batch, settings).accepted(&input.name, args.file.skip_bad)
}

/// By the very rules by which the tasks judge the records of the topic.
fn judged(batch: Batch, settings: &Settings) -> Batch {
    batch.judged(|draft: &Draft| {
        let value = draft.value.as_deref();
        check_policy(Some(draft.key.as_bytes()), value, &settings.contracts, &settings.bounds)
            .map_err(|fault| faults::problem(draft, &fault))
    })
}
