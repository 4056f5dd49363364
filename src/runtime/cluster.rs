//! What the cluster knows of the topics, before anything is read: existence, partition counts, ids.
//!
//! Compares nothing with the settings.

use std::collections::BTreeMap;
use std::time::Duration;

use otp_topology::deployment::topics::{outputs, sources};
use otp_topology::deployment::{Incarnation, Settings, TopicFacts, Topology};
use sha2::{Digest, Sha256};

use crate::kafka::{Admin, EdgeError, Properties, topics_read_by};

const ASK_MAX: Duration = Duration::from_secs(15);

/// The topics of a deployment as they are on the cluster. A missing topic is absent.
pub(crate) struct ClusterFacts {
    pub topics: BTreeMap<String, TopicFacts>,
    /// `delete.retention.ms` of the changelog, if it exists.
    pub tombstone_retention_ms: Option<u64>,
    /// How many brokers the cluster has.
    pub brokers: usize,
}

/// Reads the facts of every topic that the settings name.
///
/// # Errors
/// The cluster does not answer, or denies it.
pub(crate) fn describe(admin: &Admin, settings: &Settings) -> Result<ClusterFacts, EdgeError> {
    let mut names: Vec<String> = sources(settings).into_iter().map(|(name, _)| name).collect();
    names.extend(outputs(settings));
    names.sort_unstable();
    names.dedup();
    let topics = facts_of(admin, &names, ASK_MAX)?;
    let changelog = settings.changelog();
    let tombstone_retention_ms = match topics.contains_key(&changelog) {
        true => admin.settings(&[changelog], ASK_MAX)?[0]
            .get("delete.retention.ms")
            .and_then(|ms| ms.parse().ok()),
        false => None,
    };
    Ok(ClusterFacts { topics, tombstone_retention_ms, brokers: admin.brokers(ASK_MAX)? })
}

/// Finds out which topics the group has read before. Call this before a member of this process joins. Without an answer
/// the configured start counts for partitions that were added, too.
pub(crate) fn find_read_before(topology: &mut Topology, properties: &Properties) {
    let names = topology.sources.iter().map(|source| source.name.clone()).collect();
    match topics_read_by(&topology.application_id, names, properties, ASK_MAX) {
        Ok(read_before) => topology.read_before = read_before,
        Err(error) => tracing::warn!(%error, "which topics the group has read before is unknown"),
    }
}

/// Partition counts and ids of topics. A missing topic is absent.
///
/// # Errors
/// The cluster does not answer, or denies it.
pub(super) fn facts_of(
    admin: &Admin,
    names: &[String],
    timeout: Duration,
) -> Result<BTreeMap<String, TopicFacts>, EdgeError> {
    let cluster = admin.cluster_id(timeout)?;
    let described = names.iter().zip(admin.describe(names, timeout)?);
    let known = described.filter_map(|(name, facts)| {
        let facts = facts?;
        let incarnation = incarnation(&cluster, &facts.id);
        Some((name.clone(), TopicFacts { partitions: facts.partitions, incarnation }))
    });
    Ok(known.collect())
}

fn incarnation(cluster: &str, topic_id: &[u8; 16]) -> Incarnation {
    let mut hash = Sha256::new();
    hash.update(cluster.as_bytes());
    hash.update([0]);
    hash.update(topic_id);
    Incarnation(hash.finalize()[..16].try_into().expect("a hash of 32 bytes"))
}
