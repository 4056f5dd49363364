//! The group's stable offsets, asked from outside the group, so that no polling thread waits for them.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::consumer::c_names;
use super::errors::EdgeError;
use super::ffi::{Failure, Partitions, SharedClient};
use super::properties::Properties;

/// Asks the group's coordinator; may be shared between threads.
pub struct StableOffsets {
    client: SharedClient,
}

impl StableOffsets {
    /// # Errors
    /// A property is refused.
    pub fn new(properties: &Properties, group: &str) -> Result<Self, EdgeError> {
        let config = properties.stable_offsets(group);
        let client =
            SharedClient::new(&config).map_err(|text| EdgeError::plain("create offset reader", text))?;
        Ok(Self { client })
    }

    /// The committed offset of each (topic, partition), in the same order; `None`: the group has none. Waits for
    /// transactions that are about to change one.
    ///
    /// # Errors
    /// Any partition's offset is unknown, for whatever reason; never a made-up offset.
    pub fn read(
        &self,
        partitions: &[(String, i32)],
        timeout: Duration,
    ) -> Result<Vec<Option<i64>>, EdgeError> {
        const OFFSET_INVALID: i64 = -1001;
        let names: Vec<String> = partitions.iter().map(|(topic, _)| topic.clone()).collect();
        let names: Vec<CString> = c_names(&names)?;
        let mut list = Partitions::new(partitions.len());
        for (name, (_, partition)) in names.iter().zip(partitions) {
            list.add(name, *partition, OFFSET_INVALID);
        }
        self.client
            .handle()
            .committed(&mut list, timeout)
            .and_then(|()| list.first_error())
            .map_err(unread)?;
        let offset = |(name, partition): (&CString, i32)| {
            let it =
                list.iter().find(|it| it.topic == name.as_c_str() && it.partition == partition).ok_or_else(
                    || EdgeError::plain("committed offsets", "a partition is missing in the answer"),
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

/// The coordinator answers nothing while a transaction holds an offset of the group.
fn unread(failure: Failure) -> EdgeError {
    let held = failure.code == Code::OperationTimedOut;
    let mut error = EdgeError::new("committed offsets", failure);
    if held {
        error.text.push_str(
            "; either the cluster does not answer, or an open transaction holds them and ends with its \
             transaction.timeout.ms; if it does not, find it with kafka-transactions.sh find-hanging and abort it",
        );
    }
    error
}
