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
mod formats;
mod http;
mod kafka;
pub(crate) mod keys;
mod known;
mod layers;
mod log;
pub(crate) mod mask;
mod policy;
mod print;
mod problem;
mod processing;
mod schema_registry;
mod signals;
mod sources;
mod store;

#[cfg(test)]
mod tests;

use otp_topology::contract::delivery::{DeliverySettings, Flavour};
use otp_topology::contract::{CONTRACTS, Contracts, SettingsFinding, TOKENS};
use otp_topology::deployment::{CallerSettings, Settings, SignalSettings};
use otp_topology::otp::ContractName;
use serde::Deserialize;
use serde_json::Map;
use toml::{Table, Value};

pub(crate) use application::{Application, Membership};
pub(crate) use dead_letter::{DeadLetter, DeadLetterPayload};
pub(crate) use findings::Findings;
pub(crate) use formats::Formats;
pub(crate) use http::Http;
pub(crate) use kafka::{Create, Kafka};
pub(crate) use keys::KeysFile;
pub(crate) use layers::Layers;
pub(crate) use log::{Log, LogFormat};
pub(crate) use policy::PolicySection;
pub(crate) use problem::ConfigError;
pub(crate) use processing::Processing;
pub(crate) use schema_registry::{SchemaRegistry, Secret};
pub(crate) use sources::Source;
pub use sources::Sources;
pub(crate) use store::Store;

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
    /// Read from the sections that are named after contracts.
    #[serde(skip)]
    pub contracts: Contracts,
    #[serde(skip)]
    contract_sections: Map<String, serde_json::Value>,
    pub dead_letter: DeadLetter,
    pub schema_registry: SchemaRegistry,
    pub formats: Formats,
    pub signals: SignalSettings,
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

const RANGES: &[&[Range]] = &[kafka::RANGES, processing::RANGES, schema_registry::RANGES, signals::RANGES];

/// Reads, merges and checks a configuration; the key file is not opened.
///
/// # Errors
/// Everything that is wrong with it, as far as one reading can find it.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let layers = Layers::read(sources)?;
    let mut found = Findings::new(&layers);
    check_ranges(&layers, &mut found);
    found.into_result()?;
    let config = match Config::read(layers.tree().clone()) {
        Ok(config) => config,
        Err(findings) => {
            let mut found = Findings::new(&layers);
            findings.into_iter().for_each(|it| found.add(it.key, unquoted(&it.what), it.remedy));
            return Err(found.into_error());
        }
    };
    let mut found = Findings::new(&layers);
    config.check(&mut found);
    found.into_result()?;
    Ok(Loaded { config, layers })
}

impl Config {
    /// Reads a merged tree. The sections that are named after contracts, and that of the tokens, are read by the contracts.
    fn read(mut tree: Table) -> Result<Self, Vec<SettingsFinding>> {
        let mut sections = Map::new();
        for name in CONTRACTS.iter().map(|line| line.name.as_str()).chain([TOKENS]) {
            if let Some(section) = tree.remove(name) {
                let section = serde_json::to_value(section).expect("TOML is a subset of JSON's values");
                sections.insert(name.to_owned(), section);
            }
        }
        let contracts = Contracts::open(CONTRACTS, sections.clone())?;
        let config: Self = serde_path_to_error::deserialize(tree).map_err(|err| {
            let what = err.inner().message().to_owned();
            let key = key_of(&err.path().to_string(), &what);
            vec![SettingsFinding { key, what, remedy: "see config/default.toml".to_owned() }]
        })?;
        Ok(Self { contracts, contract_sections: sections, ..config })
    }

    /// The contracts, one of them with another value of one setting. The setting must exist and take the value.
    pub fn contracts_with(&self, contract: ContractName, key: &str, value: serde_json::Value) -> Contracts {
        let mut sections = self.contract_sections.clone();
        sections[contract.as_str()][key] = value;
        Contracts::open(CONTRACTS, sections).expect("a setting that exists, and a value that it takes")
    }

    /// The shape of the notification events.
    pub(crate) fn flavour(&self) -> Flavour {
        let section = self.contract_sections[ContractName::Egov.as_str()].clone();
        let settings: DeliverySettings = serde_json::from_value(section).expect("the contracts have read it");
        settings.flavour
    }

    /// What the topology needs to know of this deployment.
    pub fn settings(&self) -> Settings {
        Settings {
            application_id: self.application.id.clone(),
            callers: self.callers.clone(),
            topics: self.kafka.topics.clone(),
            policies: self.policy.by_contract(),
            bounds: self.policy.bounds.clone(),
            contracts: self.contracts.clone(),
            dead_letter_copy: match self.dead_letter.payload {
                DeadLetterPayload::Copy => true,
                DeadLetterPayload::None => false,
            },
            signals: self.signals,
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
        callers::check(&self.callers, &self.contracts, found);
        self.schema_registry.check(found);
        self.formats.check(&self.callers, &self.schema_registry, found);
        self.policy.check(&self.contracts, found);
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
