//! `otp-stream template check|put`: records of the template topic, judged by the rules of the service.

mod digit;
mod faults;
mod mosip;
#[cfg(test)]
mod tests;

use clap::{Args, Subcommand, ValueEnum};
use otp_topology::deployment::{Settings, check_template};

use super::Failure;
use super::records::input::Input;
use super::records::{Batch, Draft, FileArgs, Problem, ProduceArgs, Report, by_key, produce};
use crate::config::Loaded;

#[derive(Debug, Subcommand)]
pub(super) enum TemplateCommand {
    /// Judge templates as the service does; does not connect
    #[command(after_help = EXAMPLES)]
    Check(TemplateArgs),
    /// Judge templates, then produce them
    #[command(after_help = EXAMPLES)]
    Put(PutArgs),
}

#[derive(Debug, Args)]
pub(super) struct TemplateArgs {
    /// The key of the record, `<contract>/<tenant>/<locale>/<code>`: the input is its value, or null to delete it. Without a key
    /// the input is an object of records by key
    #[arg(long, value_name = "KEY", conflicts_with = "from")]
    pub key: Option<String>,

    /// Import a file of another system
    #[arg(long, value_name = "FORMAT")]
    pub from: Option<TemplateFormat>,

    /// With --from: the tenant of the templates, or * for all tenants of the contract. Default: the file's tenantId
    /// (digit-localization), * (mosip-csv)
    #[arg(long, value_name = "T", requires = "from")]
    pub tenant: Option<String>,

    /// With --from digit-localization: the module whose messages are imported
    #[arg(long, value_name = "MODULE", default_value = "egov-user")]
    pub module: String,

    /// With --from mosip-csv: import the templates of this context. May be repeated. Default: every context in which some text
    /// has $otp
    #[arg(long = "context", value_name = "CONTEXT", requires = "from")]
    pub contexts: Vec<String>,

    #[command(flatten)]
    pub file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct PutArgs {
    #[command(flatten)]
    pub template: TemplateArgs,

    #[command(flatten)]
    pub produce: ProduceArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TemplateFormat {
    /// DIGIT's localization messages: a reply to a search, a request to upsert, or an array of messages
    DigitLocalization,
    /// MOSIP's master data template.csv
    MosipCsv,
}

pub(super) const EXAMPLES: &str = r#"Examples:
  echo '{"text":"Your code is {otp}","templateId":"1107"}' | otp-stream template put --key egov/pb/en_IN/sms.login.otp.msg
  echo null | otp-stream template put --key egov/pb/en_IN/sms.login.otp.msg
                                                           delete it
  otp-stream template check templates.json                 {"mosip/*/eng/auth-otp-sms-template": {"text": "Code $otp"}}
  otp-stream template put --from digit-localization --tenant pb messages.json
  otp-stream template put --from mosip-csv --context auth-otp --skip-bad template.csv"#;

pub(super) fn perform(loaded: &Loaded, command: &TemplateCommand) -> Result<(), Failure> {
    let settings = loaded.config.settings();
    let topic = &settings.topics.message_template;
    let (args, produces) = match command {
        TemplateCommand::Check(args) => (args, false),
        TemplateCommand::Put(put) => (&put.template, !put.produce.dry_run),
    };
    let input = args.file.input.read()?;
    let read = read_input(args, &input).map_err(|problem| problem.in_file(&input.name))?;
    let accepted = judged(read, &settings).accepted(&input.name, args.file.skip_bad)?;
    if produces {
        produce(loaded, topic, &accepted.drafts)?;
    }
    Report::of(topic, &accepted, true, produces).print(args.file.json)
}

fn read_input(args: &TemplateArgs, input: &Input) -> Result<Batch, Problem> {
    let tenant = args.tenant.as_deref();
    match args.from {
        None => by_key::records(input, args.key.as_deref()),
        Some(TemplateFormat::DigitLocalization) => digit::records(input, tenant, &args.module),
        Some(TemplateFormat::MosipCsv) => mosip::records(input, tenant.unwrap_or("*"), &args.contexts),
    }
}

/// By the very rules by which the tasks judge the records of the topic.
fn judged(batch: Batch, settings: &Settings) -> Batch {
    batch.judged(|draft: &Draft| {
        let value = draft.value.as_deref();
        check_template(Some(draft.key.as_bytes()), value, &settings.contracts)
            .map_err(|fault| faults::problem(draft, &fault))
    })
}
