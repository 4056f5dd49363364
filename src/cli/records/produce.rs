//! Produces records and waits until the cluster has them.

use std::time::Duration;

use otp_topology::wire::murmur2;

use super::Draft;
use crate::cli::bench::progress::Bar;
use crate::cli::{Failure, cluster};
use crate::config::Loaded;
use crate::kafka::{Sender, ToSend};

/// Records between two looks at the delivery reports.
const STEP: usize = 500;

/// Produces records in their order, each to the partition of its key as the Java client chooses it, and waits for the
/// delivery of all.
///
/// # Errors
/// The topic does not exist, the cluster refuses a record, or a record is not delivered in time. Records before it may have
/// been delivered; producing all of them again does no harm.
pub(crate) fn produce(loaded: &Loaded, topic: &str, drafts: &[Draft]) -> Result<(), Failure> {
    let unreachable = |err| cluster::unreachable_cluster(loaded, &err);
    let topics = [topic.to_owned()];
    let facts = cluster::connect(loaded)?.describe(&topics, cluster::TIMEOUT).map_err(unreachable)?;
    let Some(Some(facts)) = facts.first() else {
        return Err(cluster::missing_topic(topic));
    };
    let sender = Sender::new(&cluster::properties(loaded)?, &topics).map_err(unreachable)?;
    let bar = Bar::new("produced", drafts.len() as u64);
    for drafts in drafts.chunks(STEP) {
        for Draft { key, value, .. } in drafts {
            let key = key.as_bytes();
            let partition = murmur2::partition(key, facts.partitions);
            let value = value.as_deref();
            let record = ToSend { topic: 0, partition, key: Some(key), value, headers: &[] };
            sender.send(record).map_err(unreachable)?;
        }
        sender.serve(Duration::ZERO).map_err(unreachable)?;
        bar.advance(drafts.len() as u64);
    }
    sender.flush(cluster::TIMEOUT).map_err(unreachable)
}
