//! What a group member may do at any time, inside its callbacks too: start, pause, resume, say who it is.

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::time::{Duration, Instant};

use otp_topology::wire::record::{SourcePartition, SourceTopic};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::{ConsumerClass, ConsumerError, EdgeError};
use super::ffi::{Failure, GroupMetadata, Handle, Partitions};

/// A partition that cannot be moved for so long is stopped, not starting.
const STOPPED_AFTER: Duration = Duration::from_millis(100);

/// The consumer without its poll: what may be done inside a callback.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    pub(super) handle: &'a Handle,
    pub(super) topics: &'a [CString],
    pub(super) held: &'a Held,
}

/// What this member holds.
#[derive(Default)]
pub(super) struct Held {
    /// Per topic and partition the offset of the next record to hand out; `None`: not assigned.
    next: RefCell<Vec<Vec<Option<i64>>>>,
    /// Nothing was started since the assignment.
    asleep: Cell<bool>,
}

impl Held {
    /// Everything below `next` of this partition was handed out.
    pub(super) fn moved(&self, source: SourcePartition, next: i64) {
        let mut topics = self.next.borrow_mut();
        let place = topics
            .get_mut(usize::from(source.topic.0))
            .and_then(|topic| topic.get_mut(source.partition as usize));
        if let Some(place @ Some(_)) = place {
            *place = Some(next);
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
    /// Reads these partitions from these offsets on: drops what was fetched, moves, resumes. Also the way to go on
    /// after [`ConsumerClass::OutOfRange`](super::ConsumerClass), which stops a partition.
    ///
    /// # Errors
    /// A partition is not assigned, or did not move in time.
    pub fn start(&self, at: &[(SourcePartition, i64)], timeout: Duration) -> Result<(), EdgeError> {
        for (source, offset) in at {
            self.held.moved(*source, *offset);
        }
        if self.seek(at, STOPPED_AFTER).is_err() {
            self.assign_again()?;
            self.seek(at, timeout)?;
        }
        let partitions: Vec<_> = at.iter().map(|(source, _)| *source).collect();
        self.resume(&partitions)?;
        self.wake_fetchers(at, timeout)
    }

    /// A fetcher sleeps for up to a second while all its partitions are paused. A seek wakes it, but not one to 0; a
    /// question to the partition's leader does. One is enough: an awake fetcher sees the others by itself.
    fn wake_fetchers(&self, at: &[(SourcePartition, i64)], timeout: Duration) -> Result<(), EdgeError> {
        let (first, later): (Vec<_>, Vec<_>) = at.iter().partition(|(_, offset)| *offset == 0);
        if !later.is_empty() {
            self.seek(&later, timeout)?;
        } else if let (Some((source, _)), true) = (first.first(), self.held.asleep.get()) {
            let topic = &self.topics[usize::from(source.topic.0)];
            if let Err(failure) = self.handle.watermarks(topic, source.partition, timeout) {
                tracing::debug!(error = failure.text, "cannot wake a fetcher; it wakes by itself");
            }
        }
        self.held.asleep.set(false);
        Ok(())
    }

    /// A stopped partition starts only with an assignment, which is always one of all partitions: each goes on behind
    /// what was handed out, and paused ones stay paused.
    fn assign_again(&self) -> Result<(), EdgeError> {
        let list = self.list(self.held.all().into_iter());
        let assigned = self.handle.assign(&list);
        assigned.map_err(|failure| EdgeError::new("assign", failure))
    }

    #[expect(clippy::disallowed_methods, reason = "bounds a blocking call")]
    fn seek(&self, to: &[(SourcePartition, i64)], timeout: Duration) -> Result<(), EdgeError> {
        let deadline = Instant::now() + timeout;
        loop {
            let mut list = self.list(to.iter().copied());
            let result = self.handle.seek(&mut list, timeout);
            match result.and_then(|()| list.first_error()) {
                Ok(()) => return Ok(()),
                // The partition is still being stopped or started.
                Err(failure) if failure.code == Code::State && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(failure) => return Err(EdgeError::new("seek", failure)),
            }
        }
    }

    /// Fetches nothing of these partitions; what was fetched and not polled comes again after [`Group::resume`].
    ///
    /// # Errors
    /// A partition is not assigned.
    pub fn pause(&self, partitions: &[SourcePartition]) -> Result<(), EdgeError> {
        let mut list = self.list(partitions.iter().map(|it| (*it, -1001)));
        let result = self.handle.pause(&mut list);
        result.and_then(|()| list.first_error()).map_err(|failure| EdgeError::new("pause", failure))
    }

    /// # Errors
    /// A partition is not assigned.
    pub fn resume(&self, partitions: &[SourcePartition]) -> Result<(), EdgeError> {
        let mut list = self.list(partitions.iter().map(|it| (*it, -1001)));
        let result = self.handle.resume(&mut list);
        result.and_then(|()| list.first_error()).map_err(|failure| EdgeError::new("resume", failure))
    }

    /// Who we are in the group at this moment; `None` only if the consumer has no group.
    pub fn metadata(&self) -> Option<GroupMetadata> {
        self.handle.group_metadata()
    }

    /// Whether the assignment was lost, so that others may own it already.
    pub fn is_assignment_lost(&self) -> bool {
        self.handle.assignment_lost()
    }

    /// The error that killed the consumer, if it is dead.
    pub fn fatal(&self) -> Option<ConsumerError> {
        self.handle.fatal().map(|failure| ConsumerError {
            class: ConsumerClass::Dead,
            code: failure.code,
            text: failure.text,
        })
    }

    /// Paused before they are assigned, so that nothing is fetched; at an absolute offset, since the late answer to a
    /// question for a logical one would override the seek that follows, and skip records.
    pub(super) fn assign_paused(&self, partitions: &[SourcePartition]) -> Result<(), Failure> {
        self.held.clear();
        self.held.asleep.set(true);
        for source in partitions {
            self.held.add(*source);
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
