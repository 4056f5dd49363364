//! The configuration: TOML files, environment and `--set`, read into one section per file.
//!
//! Opens no connection and makes no topic. Unknown keys and values out of bounds are errors that name where they were
//! said, the key, the value and the remedy; secrets never print.
//!
//! ```text
//! Sources ── layers ──▶ merged tree, sources ── serde ──▶ sections ── check ──▶ Config ── settings ──▶ Settings
//! ```

mod application;
mod callers;
mod dead_letter;
mod egov;
mod http;
mod int;
mod kafka;
pub mod keys;
mod known;
mod layers;
mod log;
pub mod mask;
mod mosip;
mod policy;
mod print;
mod problem;
mod processing;
mod schema_registry;
mod settings;
mod store;
mod tokens;
mod topic_name;

#[cfg(test)]
mod tests;

use serde::Deserialize;
use toml::Value;

pub use application::{Application, Membership};
pub use callers::{Caller, operations_of};
pub use dead_letter::{DeadLetter, DeadLetterPayload};
pub use egov::{CentralInstance, Egov, EgovFlavour, MobileRuleEntry};
pub use http::Http;
pub use int::Int;
pub use kafka::{Create, Kafka, Properties, Topics};
pub use keys::KeysFile;
pub use known::DEFAULTS;
pub use layers::{ENVIRONMENT_PREFIX, FILE_DEFAULT, Layers, Source, Sources};
pub use log::{Log, LogFormat};
pub use mosip::Mosip;
pub use policy::PolicySection;
pub use problem::{ConfigError, Findings, Problem};
pub use processing::{Processing, Start};
pub use schema_registry::SchemaRegistry;
pub use store::Store;
pub use tokens::Tokens;

/// A checked configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub application: Application,
    pub kafka: Kafka,
    pub processing: Processing,
    pub store: Store,
    pub keys: KeysFile,
    pub http: Http,
    pub log: Log,
    pub callers: Vec<Caller>,
    pub egov: Egov,
    pub int: Int,
    pub mosip: Mosip,
    pub tokens: Tokens,
    pub dead_letter: DeadLetter,
    pub schema_registry: SchemaRegistry,
    pub policy: PolicySection,
}

/// A configuration and where each of its values came from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub layers: Layers,
}

/// A whole number's key and its inclusive bounds.
#[derive(Clone, Copy, Debug)]
struct Range(&'static str, i64, i64);

const RANGES: &[&[Range]] = &[kafka::RANGES, processing::RANGES, egov::RANGES, int::RANGES, tokens::RANGES];

/// Reads, merges and checks a configuration; the key file is not opened.
///
/// # Errors
/// Everything that is wrong with it, as far as it can be told at once.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let layers = Layers::read(sources)?;
    let mut found = Findings::new(&layers);
    check_ranges(&layers, &mut found);
    found.into_result()?;
    let config: Config = serde_path_to_error::deserialize(layers.tree().clone()).map_err(|err| {
        let key = key_of(&err.path().to_string(), err.inner().message());
        layers.problem(key, unquoted(err.inner().message()), "see config/default.toml")
    })?;
    let mut found = Findings::new(&layers);
    config.check(&mut found);
    found.into_result()?;
    Ok(Loaded { config, layers })
}

impl Config {
    fn check(&self, found: &mut Findings<'_>) {
        self.application.check(found);
        self.kafka.check(found);
        self.processing.check(found);
        self.store.check(found);
        self.keys.check(found);
        self.http.check(found);
        self.log.check(found);
        callers::check(&self.callers, found);
        self.egov.check(found);
        self.schema_registry.check(found);
        self.policy.check(&self.egov, found);
        callers::check_topics(self, found);
    }
}

impl Loaded {
    /// Whether anything but the defaults named this key.
    pub fn is_named(&self, key: &str) -> bool {
        *self.layers.source(key) != Source::Default
    }
}

fn check_ranges(layers: &Layers, found: &mut Findings<'_>) {
    for Range(key, min, max) in RANGES.iter().copied().flatten() {
        let Some(Value::Integer(number)) = layers.value(key) else {
            continue;
        };
        if number < min {
            found.add(*key, "too small", format!("use at least {min}"));
        } else if number > max {
            found.add(*key, "too large", format!("use at most {max}"));
        }
    }
}

/// The path of an error of serde's. Bounds are judged as a whole; their errors begin with the bound's name.
fn key_of(path: &str, message: &str) -> String {
    match (path, message.split(' ').nth(1)) {
        ("policy.bounds", Some(name)) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    }
}

/// The first line of a message of serde's, its back quotes taken out.
fn unquoted(message: &str) -> String {
    message.lines().next().unwrap_or_default().replace('`', "")
}
