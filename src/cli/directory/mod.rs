//! `otp-stream directory import`: records of the user directory, from a CSV of users.
//!
//! Prints no identity, number or address: what is wrong is named by line and column.
//!
//! ```text
//! CSV ─ columns ─▶ User of each row ─ users, by the rules of the service ─▶ one record per identity ─▶ produce
//! ```

mod columns;
#[cfg(test)]
mod tests;
mod users;

use clap::{Args, Subcommand, ValueEnum};
use otp_topology::contract::Contract;
use otp_topology::deployment::{PolicyRecords, Settings};

use super::Failure;
use super::bench::progress::Bar;
use super::records::{
    Batch, FileArgs, Place, Problem, ProduceArgs, Report, csv_fault, present_policies, produce,
};
use crate::config::Loaded;
use columns::Columns;
use users::Users;

#[derive(Debug, Subcommand)]
pub(super) enum DirectoryCommand {
    /// Import users from a CSV file with a header row
    #[command(after_help = EXAMPLES)]
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The contract that the users use
    #[arg(long, value_name = "C")]
    pub contract: String,

    /// The tenant of rows that name none
    #[arg(long, value_name = "T")]
    pub tenant: Option<String>,

    /// Which column requests identify a user by. May be repeated: a user then stands under each identity
    #[arg(long = "identity", value_name = "MEMBER", default_value = "mobile-number")]
    pub identities: Vec<Identity>,

    /// The header of a column, if it is not the member's own name: mobileNumber=Handset. May be repeated
    #[arg(long = "column", value_name = "MEMBER=HEADER")]
    pub columns: Vec<String>,

    /// What separates the columns
    #[arg(long, value_name = "CHARACTER", default_value = ",", value_parser = one_byte)]
    pub delimiter: u8,

    #[command(flatten)]
    pub file: FileArgs,

    #[command(flatten)]
    pub produce: ProduceArgs,
}

/// A member of a user that identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Identity {
    /// In its national form, by the number rules of the tenant
    MobileNumber,
    UserName,
    EmailId,
    Uuid,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream directory import --contract egov --dry-run users.csv
  otp-stream directory import --contract egov --tenant pb --column mobileNumber=Handset --skip-bad users.csv
  otp-stream directory import --contract mosip --tenant default --identity user-name users.csv
  zcat users.csv.gz | otp-stream directory import --contract egov --json

Columns: tenantId, userType, userName, mobileNumber, countryCode, emailId, locale, active, uuid. Case, blanks and
underscores in a header do not count. Users with the same identity are one record, which replaces the one before.";

pub(super) fn perform(loaded: &Loaded, command: &DirectoryCommand) -> Result<(), Failure> {
    let DirectoryCommand::Import(args) = command;
    let settings = loaded.config.settings();
    let contract = settings.contracts.named(&args.contract).ok_or_else(|| {
        Failure::Usage(format!(
            "--contract: no such contract; the contracts are {}",
            settings.contracts.list()
        ))
    })?;
    let topic = &settings.topics.user_directory;
    let (source, size) = args.file.input.open()?;
    let bar = Bar::new("bytes read", size.unwrap_or(0));
    let policies = present_policies(loaded, &settings)?;
    let import = Import { args, settings: &settings, contract: &**contract, policies: &policies };
    let name = args.file.input.name();
    let batch = import.read(source, |bytes| bar.set(bytes)).map_err(|problem| problem.in_file(&name))?;
    drop(bar);
    let accepted = batch.accepted(&name, args.file.skip_bad)?;
    let produces = !args.produce.dry_run;
    if produces {
        produce(loaded, topic, &accepted.drafts)?;
    }
    Report::of(topic, &accepted, false, produces).print(args.file.json)
}

/// What an import goes by.
struct Import<'a> {
    args: &'a ImportArgs,
    settings: &'a Settings,
    contract: &'a dyn Contract,
    policies: &'a PolicyRecords,
}

impl Import<'_> {
    /// `on_progress`: gets the bytes that were read.
    fn read(&self, source: impl std::io::Read, on_progress: impl Fn(u64)) -> Result<Batch, Problem> {
        let mut reader = csv::ReaderBuilder::new().delimiter(self.args.delimiter).from_reader(source);
        let header = reader.headers().map_err(|error| problem(&error))?;
        let columns = Columns::of(header, &self.args.columns, self.args.tenant.as_deref())?;
        columns.check_identities(&self.args.identities)?;
        if let Some(note) = columns.unused() {
            eprintln!("note: {note}");
        }
        let mut users = Users::new(self);
        let mut problems = Vec::new();
        let mut row = csv::StringRecord::new();
        loop {
            let read = match reader.read_record(&mut row) {
                Ok(false) => break,
                Ok(true) => columns.user(&row).and_then(|user| users.add(user)),
                Err(error) if error.is_io_error() => return Err(problem(&error)),
                Err(error) => Err(problem(&error)),
            };
            problems.extend(read.err());
            on_progress(reader.position().byte());
        }
        let mut batch = users.into_batch();
        batch.problems.extend(problems);
        batch.problems.sort_by_key(|problem| problem.place.line);
        Ok(batch)
    }
}

fn problem(error: &csv::Error) -> Problem {
    let (line, what) = csv_fault(error);
    let remedy = "correct the row; --delimiter says what separates the columns";
    Problem::new(Place::new(line, ""), what, remedy)
}

fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if !byte.is_ascii_alphanumeric() && *byte != b'"' => Ok(*byte),
        _ if text == "\\t" => Ok(b'\t'),
        _ => Err("one character such as , or ; or \\t separates the columns".to_owned()),
    }
}
