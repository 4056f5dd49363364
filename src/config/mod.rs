//! The configuration: TOML files, environment variables and `--set`, read into one value per section.
//!
//! Opens no connection and creates no topic. An unknown key or a value out of bounds is an error that names the layer, the
//! key, the value and the remedy. Secrets are never shown.
//!
//! ```text
//! Sources ── layers ──▶ merged tree, origin of each value ── serde ──▶ sections ── check ──▶ Config ──▶ Settings
//! ```

mod application;
mod callers;
mod dead_letter;
mod findings;
mod http;
mod kafka;
pub mod keys;
mod known;
mod layers;
mod log;
pub mod mask;
mod not_served;
mod policy;
mod print;
mod problem;
mod processing;
mod sources;
mod store;

#[cfg(test)]
mod tests;

use otp_topology::contract::egov::EgovSettings;
use otp_topology::deployment::{CallerSettings, Settings};
use serde::Deserialize;
use toml::Value;

pub use application::{Application, Membership};
pub use dead_letter::{DeadLetter, DeadLetterPayload};
pub use findings::Findings;
pub use http::Http;
pub use kafka::{Create, Kafka, Properties};
pub use keys::KeysFile;
pub use known::DEFAULTS;
pub use layers::Layers;
pub use log::{Log, LogFormat};
pub use not_served::{Int, Mosip, SchemaRegistry, Tokens};
pub use policy::PolicySection;
pub use problem::{ConfigError, Problem};
pub use processing::Processing;
pub use sources::{ENVIRONMENT_PREFIX, FILE_DEFAULT, Source, Sources};
pub use store::Store;

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
    pub callers: Vec<CallerSettings>,
    pub egov: EgovSettings,
    pub int: Int,
    pub mosip: Mosip,
    pub tokens: Tokens,
    pub dead_letter: DeadLetter,
    pub schema_registry: SchemaRegistry,
    pub policy: PolicySection,
}

/// A configuration and the layer of each value.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub layers: Layers,
}

/// A whole number's key and its inclusive bounds.
#[derive(Clone, Copy, Debug)]
struct Range(&'static str, i64, i64);

const RANGES: &[&[Range]] = &[kafka::RANGES, processing::RANGES, not_served::RANGES];

/// Reads, merges and checks a configuration; the key file is not opened.
///
/// # Errors
/// Everything that is wrong with it, as far as one reading can find it.
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
    /// What the topology needs to know of this deployment.
    pub fn settings(&self) -> Settings {
        Settings {
            application_id: self.application.id.clone(),
            callers: self.callers.clone(),
            topics: self.kafka.topics.clone(),
            policies: self.policy.by_contract(&self.egov),
            bounds: self.policy.bounds.clone(),
            egov: self.egov.clone(),
            dead_letter_copy: match self.dead_letter.payload {
                DeadLetterPayload::Copy => true,
                DeadLetterPayload::None => false,
            },
        }
    }

    fn check(&self, found: &mut Findings<'_>) {
        self.application.check(found);
        self.kafka.check(found);
        self.processing.check(found);
        self.store.check(found);
        self.keys.check(found);
        self.http.check(found);
        self.log.check(found);
        callers::check(&self.callers, found);
        for fault in self.egov.faults() {
            found.add(format!("egov.{}", fault.key), fault.what, fault.remedy);
        }
        self.schema_registry.check(found);
        self.policy.check(&self.egov, found);
        callers::check_topics(&self.settings(), found);
    }
}

impl Loaded {
    /// Whether a layer above the defaults sets this key.
    pub fn is_named(&self, key: &str) -> bool {
        *self.layers.source(key) != Source::Default
    }
}

fn check_ranges(layers: &Layers, found: &mut Findings<'_>) {
    let mut check = |key: &str, min: i64, max: i64| match layers.value(key) {
        Some(Value::Integer(number)) if *number < min => {
            found.add(key, "too small", format!("use at least {min}"));
        }
        Some(Value::Integer(number)) if *number > max => {
            found.add(key, "too large", format!("use at most {max}"));
        }
        Some(_) | None => {}
    };
    RANGES.iter().copied().flatten().for_each(|Range(key, min, max)| check(key, *min, *max));
    EgovSettings::RANGES.iter().for_each(|it| check(&format!("egov.{}", it.key), it.min, it.max));
}

/// The key of an error from serde. Bounds are checked as a whole: their messages begin with the name of the bound.
fn key_of(path: &str, message: &str) -> String {
    match (path, message.split(' ').nth(1)) {
        ("policy.bounds", Some(name)) => format!("{path}.{name}"),
        (path, _) => path.to_owned(),
    }
}

/// The first line of a message from serde, without back quotes.
fn unquoted(message: &str) -> String {
    message.lines().next().unwrap_or_default().replace('`', "")
}
