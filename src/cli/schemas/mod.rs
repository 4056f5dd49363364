//! `otp-stream schemas list|show|asyncapi|check|register`: the schemas of this program, the whole interface for machines, and
//! how a schema registry has them.
//!
//! The schemas are built in. `check` and `register` ask the registry about the topics that the configuration puts in Avro.

mod documents;
mod uses;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use otp_asyncapi::name_of;
use otp_codec::EventSchema;
use serde_json::json;

use super::{Failure, columns, print};
use crate::config::{Config, Loaded};
use crate::registry::{self, Client, Standing, Subject, Trouble};
use uses::Use;
pub(super) use uses::{subjects, uses};

#[derive(Debug, Subcommand)]
pub(super) enum SchemasCommand {
    /// List the schemas, with the topics and subjects that have them; does not connect
    #[command(after_help = EXAMPLES)]
    List(ListArgs),
    /// Print a schema; does not connect
    #[command(after_help = EXAMPLES)]
    Show(ShowArgs),
    /// Print the whole interface for machines: topics, messages, headers, replies; does not connect
    #[command(after_help = EXAMPLES)]
    Asyncapi(AsyncapiArgs),
    /// Compare the registry with the schemas of the topics in Avro; exits with 1 if they differ
    #[command(after_help = EXAMPLES)]
    Check,
    /// Register the schemas of the topics in Avro
    #[command(after_help = EXAMPLES)]
    Register,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// As `schemas list` names it
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Avro, or JSON Schema of the values in JSON. Default: Avro; JSON Schema of what is always JSON
    #[arg(long, value_enum)]
    pub format: Option<SchemaFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaFormat {
    Avro,
    JsonSchema,
}

#[derive(Debug, Args)]
pub(super) struct AsyncapiArgs {
    /// AsyncAPI 3.0 as YAML or JSON, or a page for people made of it
    #[arg(long, value_enum, default_value = "yaml")]
    pub format: DocumentFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum DocumentFormat {
    Yaml,
    Json,
    Html,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream schemas list                                  names, topics, formats and subjects
  otp-stream schemas show lifecycle > lifecycle.avsc
  otp-stream schemas show lifecycle --format json-schema   of the values in JSON
  otp-stream --config prod.toml schemas asyncapi > asyncapi.yaml
  otp-stream --config prod.toml schemas asyncapi --format html > reference.html
  otp-stream --config prod.toml schemas check || echo 'the registry differs'
  otp-stream --config prod.toml schemas register           for schema_registry.auto_register = false";

pub(super) fn perform(loaded: &Loaded, command: &SchemasCommand) -> Result<(), Failure> {
    match command {
        SchemasCommand::List(args) if args.json => print(&json_list(&uses(&loaded.config))),
        SchemasCommand::List(_) => print(&list(&uses(&loaded.config))),
        SchemasCommand::Show(args) => print(&documents::show(&args.name, args.format)?),
        SchemasCommand::Asyncapi(args) => print(&documents::asyncapi(&loaded.config, args.format)),
        SchemasCommand::Check => check(loaded),
        SchemasCommand::Register => register(loaded),
    }
}

fn list(uses: &[Use]) -> String {
    let mut rows = vec![["NAME", "ROLE", "TOPIC", "FORMAT", "SUBJECT"].map(str::to_owned)];
    rows.extend(uses.iter().map(|it| {
        [
            name_of(it.schema).to_owned(),
            it.role.to_owned(),
            it.topic.clone(),
            it.format.as_str().to_owned(),
            it.subject().name,
        ]
    }));
    let mut text = String::new();
    columns(&rows, &mut text);
    for unused in EventSchema::ALL.iter().filter(|schema| uses.iter().all(|it| it.schema != **schema)) {
        let _ = writeln!(text, "{} is of no topic of this configuration", name_of(*unused));
    }
    text
}

fn json_list(uses: &[Use]) -> String {
    let line = |it: &Use| {
        json!({
            "name": name_of(it.schema),
            "role": it.role,
            "topic": it.topic,
            "key": it.key,
            "format": it.format.as_str(),
            "subject": it.subject().name,
        })
    };
    let lines: Vec<_> = uses.iter().map(line).collect();
    format!("{:#}\n", json!(lines))
}

fn check(loaded: &Loaded) -> Result<(), Failure> {
    let (client, subjects) = opened(&loaded.config)?;
    let standings = wait(async {
        let mut standings = Vec::with_capacity(subjects.len());
        for subject in &subjects {
            standings.push(registry::compare(&client, subject).await?);
        }
        Ok(standings)
    })?
    .map_err(failed)?;
    let (mut text, mut differ) = (String::new(), false);
    for (subject, standing) in subjects.iter().zip(&standings) {
        let difference = difference(standing);
        differ |= difference.is_some();
        let said = difference.unwrap_or_else(|| "registered".to_owned());
        let _ = writeln!(text, "{}: {said}{}", subject.name, id_and_level(standing));
    }
    print(&text)?;
    if differ { Err(Failure::Reported) } else { Ok(()) }
}

/// What a registry lacks, with the remedy.
fn difference(standing: &Standing) -> Option<String> {
    if !standing.objections.is_empty() {
        return Some(format!(
            "NOT COMPATIBLE with the registered schema: {}; give the topic a name of its own, or delete the subject once \
             nobody needs it",
            standing.objections.join(", ")
        ));
    }
    match (standing.id, &standing.level) {
        (None, _) => Some("not registered; `otp-stream schemas register` does it".to_owned()),
        (Some(_), None) => Some(
            "registered, without a compatibility level; `otp-stream schemas register` sets BACKWARD"
                .to_owned(),
        ),
        (Some(_), Some(_)) => None,
    }
}

fn id_and_level(standing: &Standing) -> String {
    let id = standing.id.map(|id| format!("id {id}"));
    let parts: Vec<_> = id.into_iter().chain(standing.level.clone()).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// Registers what it can, and says what it could not.
fn register(loaded: &Loaded) -> Result<(), Failure> {
    let (client, subjects) = opened(&loaded.config)?;
    wait(async {
        let mut has_failed = false;
        for subject in &subjects {
            match registry::register(&client, subject, true).await {
                Ok(id) => print(&format!("{}: id {id}\n", subject.name))?,
                Err(trouble @ Trouble::Unavailable { .. }) => return Err(failed(trouble)),
                Err(trouble) => {
                    has_failed = true;
                    eprintln!("error: {trouble}");
                }
            }
        }
        if has_failed { Err(Failure::Reported) } else { Ok(()) }
    })?
}

/// A client, and the subjects of the topics in Avro.
fn opened(config: &Config) -> Result<(Client, Vec<Subject>), Failure> {
    let subjects = subjects(config);
    if subjects.is_empty() {
        return Err(Failure::Usage(
            "no topic is in Avro; write \"avro\" under [formats], or at request_format or reply_format of a caller".to_owned(),
        ));
    }
    let client = Client::new(&config.schema_registry).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok((client, subjects))
}

fn wait<F: Future>(requests: F) -> Result<F::Output, Failure> {
    registry::wait(requests).map_err(|error| Failure::Runtime(error.into()))
}

fn failed(trouble: Trouble) -> Failure {
    let remedy = match trouble {
        Trouble::Unavailable { .. } => "; is a schema registry at schema_registry.urls?",
        Trouble::Missing { .. } | Trouble::Incompatible { .. } | Trouble::Refused { .. } => "",
    };
    Failure::Runtime(anyhow::anyhow!("{trouble}{remedy}"))
}
