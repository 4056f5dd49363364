//! Everything that a deployment decides, as plain values. The configuration is read into them, the topology is built from
//! them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::topics::TopicNames;
use crate::contract::{CONTRACTS, Contract, Contracts, UtcOffset};
use crate::otp::{Bounds, ContractName, Keyring, Policy, PolicyPatch};

/// What the topology needs to know of a deployment. It names topics and leaves their partition counts to the cluster.
#[derive(Clone, Debug)]
pub struct Settings {
    pub application_id: String,
    pub callers: Vec<CallerSettings>,
    pub topics: TopicNames,
    /// By contract; they override the contract's defaults.
    pub policies: BTreeMap<ContractName, PolicyPatch>,
    pub bounds: Bounds,
    pub contracts: Contracts,
    /// Dead letters carry the payload and the original key.
    pub dead_letter_copy: bool,
    pub signals: SignalSettings,
}

/// `[signals]`: counts of what happens to codes, by tenant root and prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignalSettings {
    pub enabled: bool,
    /// The length of a window, in seconds of log time.
    pub window_s: u64,
}

impl Default for SignalSettings {
    fn default() -> Self {
        Self { enabled: true, window_s: 300 }
    }
}

/// One of `[[callers]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerSettings {
    pub name: String,
    #[serde(deserialize_with = "contract_name")]
    pub contract: ContractName,
    pub request_topic: String,
    pub reply_topic: String,
    /// `None`: all operations of the contract.
    pub operations: Option<Vec<String>>,
    #[serde(default)]
    pub reveal_code: bool,
    /// `None`: the contract's.
    pub utc_offset: Option<UtcOffset>,
    #[serde(default)]
    pub request_format: Format,
    #[serde(default)]
    pub reply_format: Format,
}

/// How the values of a topic are encoded. The topology reads and writes JSON; the edge encodes and decodes Avro.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    #[default]
    Json,
    /// In Confluent's wire format.
    Avro,
}

impl Format {
    /// As in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Avro => "avro",
        }
    }
}

impl CallerSettings {
    /// The operations that it may use.
    pub fn operations_of(&self, contract: &dyn Contract) -> Vec<String> {
        let all = || contract.operations().iter().map(|name| (*name).to_owned()).collect();
        self.operations.clone().unwrap_or_else(all)
    }

    /// As [`CallerSettings::operations_of`], without those that lack a key.
    pub fn operations_with(&self, contract: &dyn Contract, keys: &Keyring) -> Vec<String> {
        let mut operations = self.operations_of(contract);
        operations.retain(|operation| contract.keys_of(operation).iter().all(|purpose| keys.has(*purpose)));
        operations
    }
}

impl Settings {
    /// The policy of a contract before any record on the policy topic.
    pub fn base_policy(&self, contract: &dyn Contract) -> Policy {
        let default = contract.default_policy();
        match self.policies.get(&contract.name()) {
            Some(patch) => default.with(patch),
            None => default,
        }
    }

    pub fn changelog(&self) -> String {
        format!("{}-changelog", self.application_id)
    }

    /// The topics that the notification topic `base` stands for in the contracts that have callers, each once.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        let is_used = |name| self.callers.iter().any(|caller| caller.contract == name);
        let used = self.contracts.iter().filter(|contract| is_used(contract.name()));
        let mut topics = Vec::new();
        for topic in used.flat_map(|contract| contract.notification_topics(base)) {
            if !topics.contains(&topic) {
                topics.push(topic);
            }
        }
        topics
    }

    pub fn repartition(&self) -> String {
        format!("{}-repartition", self.application_id)
    }
}

/// A contract by its name.
///
/// # Errors
/// There is no such contract.
fn contract_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ContractName, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut names = CONTRACTS.iter().map(|line| line.name);
    names.clone().find(|it| it.as_str() == name).ok_or_else(|| {
        let names: Vec<_> = names.by_ref().map(ContractName::as_str).collect();
        serde::de::Error::custom(format!("no such contract; the contracts are {}", names.join(", ")))
    })
}
