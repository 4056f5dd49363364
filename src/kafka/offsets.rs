//! Reads the group's stable offsets from outside the group, so that no polling thread waits for them.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::EdgeError;
use super::ffi::{NativeError, Partitions, SharedClient, c_names};
use super::properties::Properties;

/// A client of the group's coordinator. Threads may share it.
pub(crate) struct StableOffsets {
    client: SharedClient,
}

impl StableOffsets {
    /// # Errors
    /// librdkafka refuses a property.
    pub(crate) fn new(properties: &Properties, group: &str) -> Result<Self, EdgeError> {
        Self::of(&properties.stable_offsets(group))
    }

    fn of(config: &ClientConfig) -> Result<Self, EdgeError> {
        let client =
            SharedClient::new(config).map_err(|text| EdgeError::plain("create offset reader", text))?;
        Ok(Self { client })
    }

    /// The committed offset of each (topic, partition), in the same order; `None`: the group has none. Waits for open
    /// transactions that contain an offset of these partitions.
    ///
    /// # Errors
    /// The offset of a partition is unknown, for any reason. An offset is never guessed.
    pub(crate) fn read(
        &self,
        partitions: &[(String, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, EdgeError> {
        const OFFSET_INVALID: i64 = -1001;
        let names: Vec<String> = partitions.iter().map(|(topic, _)| topic.clone()).collect();
        let names = c_names(&names).map_err(|failure| EdgeError::new("committed offsets", failure))?;
        let mut list = Partitions::new(partitions.len());
        for (name, (_, partition)) in names.iter().zip(partitions) {
            list.add(name, *partition, OFFSET_INVALID);
        }
        self.client
            .handle()
            .committed(&mut list, timeout)
            .and_then(|()| list.first_error())
            .map_err(read_error)?;
        let offset = |(name, partition): (&CString, i32)| {
            let it =
                list.iter().find(|it| it.topic == name.as_c_str() && it.partition == partition).ok_or_else(
                    || EdgeError::plain("committed offsets", "the cluster's answer lacks a partition"),
                )?;
            match it.offset {
                offset @ 0.. => Ok(Some(offset)),
                OFFSET_INVALID => Ok(None),
                other => Err(EdgeError::plain("committed offsets", format!("unexpected offset {other}"))),
            }
        };
        names.iter().zip(partitions).map(|(name, (_, partition))| offset((name, *partition))).collect()
    }
}

/// Those of the topics of which the group has an offset in partition 0. Waits for no transaction: an open one is the first
/// that has an offset there, or follows others.
///
/// # Errors
/// The coordinator does not answer, or denies access.
pub(crate) fn topics_read_by(
    group: &str,
    topics: Vec<String>,
    properties: &Properties,
    timeout: Duration,
) -> Result<BTreeSet<String>, EdgeError> {
    let mut config = properties.stable_offsets(group);
    config.set("isolation.level", "read_uncommitted");
    let partitions: Vec<_> = topics.into_iter().map(|topic| (topic, 0)).collect();
    let offsets = StableOffsets::of(&config)?.read(&partitions, timeout)?;
    let known = partitions.into_iter().zip(offsets).filter(|(_, offset)| offset.is_some());
    Ok(known.map(|((topic, _), _)| topic).collect())
}

/// The coordinator does not answer while an open transaction contains an offset of the group.
fn read_error(failure: NativeError) -> EdgeError {
    let timed_out = failure.code == Code::OperationTimedOut;
    let mut error = EdgeError::new("committed offsets", failure);
    if timed_out {
        error.text.push_str(
            "; either the cluster does not answer, or an open transaction holds the offsets until its \
             transaction.timeout.ms ends; if it does not end, find it with kafka-transactions.sh find-hanging and abort it",
        );
    }
    error
}
