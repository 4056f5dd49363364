//! What the cluster says of the topics, before anything is read: existence, partition counts, ids, time stamps.

use std::collections::BTreeMap;
use std::time::Duration;

use otp_topology::task::topology::{output_names, source_names};
use otp_topology::task::{Incarnation, Settings, SourceKind, TopicFacts};
use sha2::{Digest, Sha256};

use crate::kafka::{Admin, EdgeError};

const ASK_MAX: Duration = Duration::from_secs(15);

/// Every topic of a deployment as the cluster has it; a missing one is absent.
pub struct ClusterFacts {
    pub topics: BTreeMap<String, TopicFacts>,
    /// Request topics whose records carry the producer's time.
    pub without_append_time: Vec<String>,
    /// `delete.retention.ms` of the changelog, if it exists.
    pub tombstone_retention_ms: Option<u64>,
}

/// Asks the cluster about every topic that the settings name.
///
/// # Errors
/// The cluster does not answer, or denies it.
pub fn describe(admin: &Admin, settings: &Settings) -> Result<ClusterFacts, EdgeError> {
    let mut names: Vec<String> = source_names(settings).into_iter().map(|(name, _)| name).collect();
    names.extend(output_names(settings));
    names.sort_unstable();
    names.dedup();
    let cluster = admin.cluster_id(ASK_MAX)?;
    let mut topics = BTreeMap::new();
    for (name, facts) in names.iter().zip(admin.describe(&names, ASK_MAX)?) {
        if let Some(facts) = facts {
            let incarnation = incarnation(&cluster, &facts.id);
            topics.insert(name.clone(), TopicFacts { partitions: facts.partitions, incarnation });
        }
    }
    let requests: Vec<String> = source_names(settings)
        .into_iter()
        .filter(|(name, kind)| matches!(kind, SourceKind::Requests(_)) && topics.contains_key(name))
        .map(|(name, _)| name)
        .collect();
    let stamps = admin.settings(&requests, ASK_MAX)?;
    let without = requests.into_iter().zip(stamps).filter(|(_, settings)| {
        settings.get("message.timestamp.type").is_none_or(|stamp| stamp != "LogAppendTime")
    });
    let without_append_time = without.map(|(name, _)| name).collect();
    let changelog = settings.changelog();
    let tombstone_retention_ms = match topics.contains_key(&changelog) {
        true => admin.settings(&[changelog], ASK_MAX)?[0]
            .get("delete.retention.ms")
            .and_then(|ms| ms.parse().ok()),
        false => None,
    };
    Ok(ClusterFacts { topics, without_append_time, tombstone_retention_ms })
}

fn incarnation(cluster: &str, topic_id: &[u8; 16]) -> Incarnation {
    let mut hash = Sha256::new();
    hash.update(cluster.as_bytes());
    hash.update([0]);
    hash.update(topic_id);
    Incarnation(hash.finalize()[..16].try_into().expect("a hash of 32 bytes"))
}
