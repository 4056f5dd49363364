//! `[kafka]`: the cluster, the properties of its clients, the names of the shared topics and how topics are created.

use std::collections::BTreeMap;

use otp_topology::deployment::TopicNames;
use otp_topology::wire::topic_name;
use serde::Deserialize;

use super::Range;
use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    pub bootstrap_servers: String,
    /// Properties of librdkafka, which checks them. They contain secrets: print them through `config::mask`.
    pub properties: Properties,
    pub topics: TopicNames,
    pub create: Create,
}

/// librdkafka properties by name. `Debug` shows names only.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Properties(pub BTreeMap<String, String>);

/// How `topics create` creates topics. Times in milliseconds.
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
            found.add(
                "kafka.bootstrap_servers",
                "not a list of brokers",
                "write host:port, several separated by commas",
            );
        }
        if self.create.replication_factor == 0 {
            found.add(
                "kafka.create.replication_factor",
                "a topic has at least one replica",
                "use 3 in production, 1 on a single broker, or -1 for the brokers' default",
            );
        }
        for (topic, name) in self.topics.entries() {
            if let Some(fault) = topic_name::fault(name) {
                found.add(format!("kafka.topics.{}", topic.key), fault, topic_name::REMEDY);
            }
        }
    }
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
