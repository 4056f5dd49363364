//! `[kafka]`: the cluster, the properties of its clients, the names of the shared topics and how they are made.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::problem::Findings;
use super::{Range, topic_name};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub bootstrap_servers: String,
    /// Properties of librdkafka, which judges them. Holds secrets: print through `config::mask`.
    pub properties: Properties,
    pub topics: Topics,
    pub create: Create,
}

/// librdkafka properties by name. `Debug` shows names only.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, String>);

/// Names of the topics that all callers share.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topics {
    pub sms: String,
    pub email: String,
    pub validation_result: String,
    pub lifecycle: String,
    pub dead_letter: String,
    pub user_directory: String,
    pub otp_policy: String,
    pub message_template: String,
    pub client_registry: String,
    pub otp_admin: String,
}

/// How `topics create` makes topics. Times in milliseconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    pub partitions: i32,
    /// -1: the brokers' default.
    pub replication_factor: i32,
    pub code_retention_ms: u64,
    pub result_retention_ms: u64,
    pub dead_letter_retention_ms: u64,
    pub admin_retention_ms: u64,
    pub changelog_segment_ms: u64,
    pub changelog_segment_bytes: u64,
    pub changelog_delete_retention_ms: u64,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

pub(super) const RANGES: &[Range] = &[
    Range("kafka.create.partitions", 1, 10_000),
    Range("kafka.create.replication_factor", -1, 100),
    Range("kafka.create.code_retention_ms", 60_000, DAY_MS),
    Range("kafka.create.result_retention_ms", 60_000, i64::MAX),
    Range("kafka.create.dead_letter_retention_ms", 60_000, i64::MAX),
    Range("kafka.create.admin_retention_ms", 60_000, i64::MAX),
    Range("kafka.create.changelog_segment_ms", 600_000, 3_600_000),
    Range("kafka.create.changelog_segment_bytes", 1 << 20, 128 << 20),
    Range("kafka.create.changelog_delete_retention_ms", 60_000, i64::MAX),
];

impl Kafka {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.bootstrap_servers.trim().is_empty() {
            found.add("kafka.bootstrap_servers", "no broker", "write host:port, several with commas");
        }
        if self.create.replication_factor == 0 {
            found.add(
                "kafka.create.replication_factor",
                "a topic has at least one replica",
                "use 3 in production, 1 on a single broker, or -1 for the brokers' default",
            );
        }
        for (key, name) in self.topics.named() {
            if let Some(fault) = topic_name::fault(name) {
                found.add(format!("kafka.topics.{key}"), fault, topic_name::REMEDY);
            }
        }
    }
}

impl Topics {
    /// Key under `kafka.topics` and name of each.
    pub fn named(&self) -> [(&'static str, &str); 10] {
        [
            ("sms", &self.sms),
            ("email", &self.email),
            ("validation_result", &self.validation_result),
            ("lifecycle", &self.lifecycle),
            ("dead_letter", &self.dead_letter),
            ("user_directory", &self.user_directory),
            ("otp_policy", &self.otp_policy),
            ("message_template", &self.message_template),
            ("client_registry", &self.client_registry),
            ("otp_admin", &self.otp_admin),
        ]
    }
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
