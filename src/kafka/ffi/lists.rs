//! Lists of partitions, and who the consumer is in its group: values that librdkafka owns the shape of.

use std::ffi::{CStr, c_int};
use std::ptr::NonNull;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::{Failure, RawCode, slice, text};

/// A partition and an offset in librdkafka's own list.
#[derive(Clone, Copy, Debug)]
pub struct PartitionEntry<'a> {
    pub topic: &'a CStr,
    pub partition: i32,
    pub offset: i64,
    pub error: Option<RDKafkaErrorCode>,
}

/// librdkafka's list of partitions.
pub struct Partitions(pub(super) NonNull<sys::rd_kafka_topic_partition_list_t>);

impl Partitions {
    pub fn new(capacity: usize) -> Self {
        // SAFETY: a constructor without preconditions; it aborts rather than return null.
        let list = unsafe { sys::rd_kafka_topic_partition_list_new(capacity as c_int) };
        Self(NonNull::new(list).expect("librdkafka allocates or aborts"))
    }

    pub fn add(&mut self, topic: &CStr, partition: i32, offset: i64) {
        // SAFETY: the list is ours; the topic's name is copied; the returned element lives until the list grows.
        unsafe {
            let element = sys::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = PartitionEntry<'_>> {
        // SAFETY: `cnt` elements are initialised, and nobody changes the list while it is borrowed.
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
}

impl Partitions {
    /// The first error that a call left in the list.
    ///
    /// # Errors
    /// That error, with its partition in the text.
    pub fn first_error(&self) -> Result<(), Failure> {
        match self.iter().find_map(|it| Some((it.error?, it))) {
            None => Ok(()),
            Some((code, it)) => Err(Failure {
                text: format!("{} [{}]: {code}", it.topic.to_string_lossy(), it.partition),
                ..Failure::of_code(code)
            }),
        }
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: the list is ours, and dropped once.
        unsafe { sys::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// Who the consumer is in its group, as of one moment.
pub struct GroupMetadata(pub(super) NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: it is immutable, and belongs to no client.
unsafe impl Send for GroupMetadata {}
// SAFETY: as above.
unsafe impl Sync for GroupMetadata {}

impl GroupMetadata {
    /// The generation; negative while the consumer is no member.
    pub fn generation(&self) -> i32 {
        // SAFETY: the metadata is ours and immutable.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.0.as_ptr()) }
    }

    /// The member id; empty while the consumer is no member.
    pub fn member_id(&self) -> String {
        // SAFETY: as above; the string lives as long as the metadata and is copied.
        unsafe { text(sys::rd_kafka_consumer_group_metadata_member_id(self.0.as_ptr())) }
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: the metadata is ours, and dropped once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
