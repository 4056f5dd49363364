//! Reads the policy records that the service has.

use otp_topology::deployment::{PolicyRecords, Settings, check_policy};

use super::topic_reader::Reading;
use crate::cli::{Failure, cluster};
use crate::config::Loaded;

/// How long the policy topic may take to read.
const TIMEOUT_S: u64 = 60;

/// The good records of the policy topic, as the service has them.
///
/// # Errors
/// The topic is missing, or cannot be read.
pub(crate) fn present_policies(loaded: &Loaded, settings: &Settings) -> Result<PolicyRecords, Failure> {
    let topic = &settings.topics.otp_policy;
    let admin = cluster::connect(loaded)?;
    let facts = admin.describe(std::slice::from_ref(topic), cluster::TIMEOUT);
    let facts = facts.map_err(|err| cluster::unreachable_cluster(loaded, &err))?;
    if !matches!(facts.as_slice(), [Some(_)]) {
        return Err(cluster::missing_topic(topic));
    }
    let mut records = PolicyRecords::default();
    let reading = Reading { topic, partition: 0, timeout_s: TIMEOUT_S };
    reading.run(loaded, &admin, |key, value| {
        let is_good = check_policy(Some(key), value, &settings.contracts, &settings.bounds).is_ok();
        if let (true, Ok(key)) = (is_good, std::str::from_utf8(key)) {
            records.put(key, value);
        }
    })?;
    Ok(records)
}
