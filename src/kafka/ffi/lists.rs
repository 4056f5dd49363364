//! Values whose layout librdkafka owns: topic names, lists of partitions, the metadata of a group member.

use std::ffi::{CStr, CString, c_int};
use std::ptr::NonNull;

use otp_topology::wire::record::LeaderEpoch;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{NativeError, RawCode, slice, text};

/// Topic names as C strings, in the same order.
///
/// # Errors
/// A name contains a NUL byte.
pub(crate) fn c_names(names: &[String]) -> Result<Vec<CString>, NativeError> {
    let c_name = |name: &String| {
        CString::new(name.as_str()).map_err(|_| NativeError {
            text: format!("topic {name:?}: a topic name must not contain a NUL byte"),
            ..NativeError::of_code(RDKafkaErrorCode::InvalidTopic)
        })
    };
    names.iter().map(c_name).collect()
}

/// An entry of [`Partitions`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartitionEntry<'a> {
    pub topic: &'a CStr,
    pub partition: i32,
    pub offset: i64,
    pub error: Option<RDKafkaErrorCode>,
}

/// librdkafka's list of partitions.
pub(crate) struct Partitions(pub(super) NonNull<sys::rd_kafka_topic_partition_list_t>);

impl Partitions {
    pub(crate) fn new(capacity: usize) -> Self {
        // SAFETY: a constructor without preconditions. It aborts instead of returning null.
        let list = unsafe { sys::rd_kafka_topic_partition_list_new(capacity as c_int) };
        Self(NonNull::new(list).expect("librdkafka allocates or aborts"))
    }

    pub(crate) fn add(&mut self, topic: &CStr, partition: i32, offset: i64) {
        // SAFETY: we own the list. The topic name is copied. The returned element is valid until the list grows.
        unsafe {
            let element = sys::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }

    /// As [`Partitions::add`], for a seek that notices whether the log still has what was read before the offset.
    pub(crate) fn add_checked(
        &mut self,
        topic: &CStr,
        partition: i32,
        offset: i64,
        epoch: Option<LeaderEpoch>,
    ) {
        self.add(topic, partition, offset);
        let LeaderEpoch(epoch) = epoch.unwrap_or(LeaderEpoch(-1));
        // SAFETY: we own the list, and it has at least the element that was added.
        unsafe {
            let list = self.0.as_ref();
            let element = list.elems.add(list.cnt as usize - 1);
            sys::rd_kafka_topic_partition_set_leader_epoch(element, epoch);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PartitionEntry<'_>> {
        // SAFETY: `cnt` elements are initialised, and nothing changes the list while it is borrowed.
        let elements = unsafe {
            let list = self.0.as_ref();
            slice(list.elems, list.cnt as usize)
        };
        elements.iter().map(|it| PartitionEntry {
            // SAFETY: an element's topic is a C string that lives as long as the list.
            topic: unsafe { CStr::from_ptr(it.topic) },
            partition: it.partition,
            offset: it.offset,
            error: (it.err != RawCode::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| it.err.into()),
        })
    }

    /// # Errors
    /// The first error that a call wrote into the list, with its partition in the text.
    pub(crate) fn first_error(&self) -> Result<(), NativeError> {
        match self.iter().find_map(|it| Some((it.error?, it))) {
            None => Ok(()),
            Some((code, it)) => Err(NativeError {
                text: format!("{} [{}]: {code}", it.topic.to_string_lossy(), it.partition),
                ..NativeError::of_code(code)
            }),
        }
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: we own the list and drop it once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// A consumer's membership in its group at one moment.
pub struct GroupMetadata(pub(super) NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: it is immutable and independent of its client.
unsafe impl Send for GroupMetadata {}
// SAFETY: as above.
unsafe impl Sync for GroupMetadata {}

impl GroupMetadata {
    /// The generation; negative while the consumer is not a member.
    pub fn generation(&self) -> i32 {
        // SAFETY: we own the metadata, and it is immutable.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr()) }
    }

    /// The member id; empty while the consumer is not a member.
    pub fn member_id(&self) -> String {
        // SAFETY: as above. The string belongs to the metadata and is copied.
        unsafe { text(sys::rd_kafka_consumer_group_metadata_member_id(self.0.as_ptr())) }
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: we own the metadata and drop it once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
