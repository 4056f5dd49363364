//! What a group member may do at any time, also inside callbacks: start, pause and resume partitions, read its metadata.
//!
//! Polls nothing and decides nothing.

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::time::{Duration, Instant};

use otp_topology::thread::ReadFrom;
use otp_topology::wire::record::{SourcePartition, SourceTopic};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::EdgeError;
use super::ffi::{GroupMetadata, Handle, NativeError, Partitions};

/// librdkafka refuses to seek while a partition starts, which takes a few milliseconds, and while it is stopped. A
/// partition that refuses for this long is stopped.
const STARTING_MAX: Duration = Duration::from_millis(100);

/// librdkafka's `RD_KAFKA_OFFSET_INVALID`: the call takes no offset.
const OFFSET_NONE: i64 = -1001;

/// The consumer without its poll: the operations that a callback may use.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub(super) handle: &'a Handle,
    pub(super) topics: &'a [CString],
    pub(super) owned: &'a OwnedPartitions,
}

/// The partitions of this member.
#[derive(Default)]
pub(super) struct OwnedPartitions {
    /// By topic and partition, the offset of the next record to return; `None`: not assigned.
    next: RefCell<Vec<Vec<Option<i64>>>>,
    /// No partition was started since the assignment, so librdkafka's fetchers sleep.
    fetchers_sleep: Cell<bool>,
}

impl OwnedPartitions {
    /// Every record below `next` was returned. Ignored if the partition is not assigned.
    pub(super) fn set_next(&self, source: SourcePartition, next: i64) {
        let mut topics = self.next.borrow_mut();
        let entry = topics
            .get_mut(usize::from(source.topic.0))
            .and_then(|topic| topic.get_mut(source.partition as usize));
        if let Some(Some(entry)) = entry {
            *entry = next;
        }
    }

    pub(super) fn clear(&self) {
        self.next.borrow_mut().clear();
    }

    fn add(&self, source: SourcePartition) {
        let mut topics = self.next.borrow_mut();
        let (topic, partition) = (usize::from(source.topic.0), source.partition as usize);
        if topics.len() <= topic {
            topics.resize(topic + 1, Vec::new());
        }
        if topics[topic].len() <= partition {
            topics[topic].resize(partition + 1, None);
        }
        topics[topic][partition] = Some(0);
    }

    fn all(&self) -> Vec<(SourcePartition, i64)> {
        let topics = self.next.borrow();
        let partitions = topics.iter().enumerate().flat_map(|(topic, partitions)| {
            let source = move |partition: usize| SourcePartition {
                topic: SourceTopic(topic as u16),
                partition: partition as i32,
            };
            let next = partitions.iter().enumerate();
            next.filter_map(move |(partition, next)| Some((source(partition), (*next)?)))
        });
        partitions.collect()
    }
}

impl Group<'_> {
    /// Reads these partitions from these offsets: drops fetched records, seeks, resumes. This also restarts a partition
    /// that stopped with [`ConsumerClass::OutOfRange`](super::ConsumerClass). A partition whose log has another record before
    /// the offset than was read stops with the same class.
    ///
    /// # Errors
    /// A partition is not assigned, or the seek did not complete within `timeout`.
    pub fn start(&self, at: &[ReadFrom], timeout: Duration) -> Result<(), EdgeError> {
        for it in at {
            self.owned.set_next(it.source, it.offset);
        }
        if self.seek(at, STARTING_MAX).is_err() {
            self.reassign()?;
            self.seek(at, timeout)?;
        }
        let partitions: Vec<_> = at.iter().map(|it| it.source).collect();
        self.resume(&partitions)?;
        self.wake_fetchers(at, timeout)
    }

    /// librdkafka's fetcher sleeps for up to a second while all its partitions are paused. A seek wakes it, unless it seeks
    /// to 0, where the partition is already. A watermark query to the partition's leader wakes it, too. One query is
    /// enough: a fetcher that is awake finds the other partitions.
    fn wake_fetchers(&self, at: &[ReadFrom], timeout: Duration) -> Result<(), EdgeError> {
        let (first, later): (Vec<_>, Vec<_>) = at.iter().partition(|it| it.offset == 0);
        if !later.is_empty() {
            self.seek(&later, timeout)?;
        } else if let (Some(ReadFrom { source, .. }), true) = (first.first(), self.owned.fetchers_sleep.get())
        {
            let topic = &self.topics[usize::from(source.topic.0)];
            if let Err(failure) = self.handle.watermarks(topic, source.partition, timeout) {
                tracing::debug!(error = failure.text, "cannot wake a fetcher; it wakes within a second");
            }
        }
        self.owned.fetchers_sleep.set(false);
        Ok(())
    }

    /// Assigns all partitions again, each at its next offset, because only an assignment starts a stopped partition.
    /// Paused partitions stay paused.
    fn reassign(&self) -> Result<(), EdgeError> {
        let list = self.list(self.owned.all().into_iter());
        let assigned = self.handle.assign(&list);
        assigned.map_err(|failure| EdgeError::new("assign", failure))
    }

    #[expect(clippy::disallowed_methods, reason = "bounds a blocking call")]
    fn seek(&self, to: &[ReadFrom], timeout: Duration) -> Result<(), EdgeError> {
        let deadline = Instant::now() + timeout;
        loop {
            let mut list = Partitions::new(to.len());
            for ReadFrom { source, offset, leader_epoch } in to {
                let topic = &self.topics[usize::from(source.topic.0)];
                list.add_checked(topic, source.partition, *offset, *leader_epoch);
            }
            let result = self.handle.seek(&mut list, timeout);
            match result.and_then(|()| list.first_error()) {
                Ok(()) => return Ok(()),
                // The partition is still starting or stopping.
                Err(failure) if failure.code == Code::State && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(failure) => return Err(EdgeError::new("seek", failure)),
            }
        }
    }

    /// Stops fetching these partitions. Records that were fetched and not polled are fetched again after [`Group::resume`].
    ///
    /// # Errors
    /// A partition is not assigned.
    pub fn pause(&self, partitions: &[SourcePartition]) -> Result<(), EdgeError> {
        let mut list = self.list(partitions.iter().map(|it| (*it, OFFSET_NONE)));
        let result = self.handle.pause(&mut list);
        result.and_then(|()| list.first_error()).map_err(|failure| EdgeError::new("pause", failure))
    }

    /// Ends a [`Group::pause`].
    ///
    /// # Errors
    /// A partition is not assigned.
    pub fn resume(&self, partitions: &[SourcePartition]) -> Result<(), EdgeError> {
        let mut list = self.list(partitions.iter().map(|it| (*it, OFFSET_NONE)));
        let result = self.handle.resume(&mut list);
        result.and_then(|()| list.first_error()).map_err(|failure| EdgeError::new("resume", failure))
    }

    /// The current membership; `None` only if the consumer has no group.
    pub fn metadata(&self) -> Option<GroupMetadata> {
        self.handle.group_metadata()
    }

    /// Pauses the partitions before it assigns them, so that nothing is fetched. The offset 0 is a placeholder until
    /// [`Group::start`]. It must be absolute: the late answer to a query for a logical offset would override the seek that
    /// follows, and skip records.
    pub(super) fn assign_paused(&self, partitions: &[SourcePartition]) -> Result<(), NativeError> {
        self.owned.clear();
        self.owned.fetchers_sleep.set(true);
        for source in partitions {
            self.owned.add(*source);
        }
        let mut list = self.list(partitions.iter().map(|it| (*it, 0)));
        self.handle.pause(&mut list)?;
        list.first_error()?;
        let list = self.list(partitions.iter().map(|it| (*it, 0)));
        self.handle.assign(&list)
    }

    fn list(&self, partitions: impl ExactSizeIterator<Item = (SourcePartition, i64)>) -> Partitions {
        let mut list = Partitions::new(partitions.len());
        for (source, offset) in partitions {
            list.add(&self.topics[usize::from(source.topic.0)], source.partition, offset);
        }
        list
    }
}
