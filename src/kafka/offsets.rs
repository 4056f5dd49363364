//! Reads the group's stable offsets from outside the group, so that no polling thread waits for them.

use std::ffi::CString;
use std::time::Duration;

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
        let config = properties.stable_offsets(group);
        let client =
            SharedClient::new(&config).map_err(|text| EdgeError::plain("create offset reader", text))?;
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
