//! A member of the group: it delivers records, ends of partitions and rebalances to the thread that polls it.
//!
//! Never decides what to commit or where to read: newly assigned partitions wait, paused, until [`Group::start`] gives
//! each its offset. Everything happens on the polling thread:
//!
//! ```text
//! poll ─► Assigned      after librdkafka's callback assigned the partitions and paused them
//!      ─► Revoked       after the callback ran the RevokeHook, then gave the partitions back
//!      ─► Record, End, Error, Nothing
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::time::{Duration, Instant};

use otp_topology::otp::LogTime;
use otp_topology::wire::record::{RecordBatch, SourcePartition, SourceTopic};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::{ConsumerClass, ConsumerError, EdgeError, classify_consumer};
use super::ffi::{
    Callbacks, Client, Failure, GroupMetadata, Handle, Kind, Message, OnRebalance, Partitions, Reassignment,
};
use super::properties::Properties;

/// Runs on the polling thread, inside a poll, before partitions go back to the group. Whatever has to end with the
/// assignment (the open transaction first) ends in here, bounded in time. It must not poll the consumer.
pub trait RevokeHook {
    /// `lost`: the partitions may already be someone else's.
    fn revoked(&mut self, group: &Group<'_>, partitions: &[SourcePartition], lost: bool);
}

/// What a poll brings.
pub enum Poll<'a> {
    Record(FetchedRecord<'a>),
    /// A fetch reached the end of the partition: nothing below this offset is outstanding.
    End {
        source: SourcePartition,
        offset: i64,
    },
    /// These partitions are ours, alone, and paused.
    Assigned(Vec<SourcePartition>),
    /// These partitions are gone; the hook has run.
    Revoked {
        partitions: Vec<SourcePartition>,
        lost: bool,
    },
    Error {
        error: ConsumerError,
        /// The partition that the error is about, with its offset.
        source: Option<(SourcePartition, i64)>,
    },
    Nothing,
}

/// One fetched record, borrowed from librdkafka.
pub struct FetchedRecord<'a> {
    message: Message<'a>,
    topic: SourceTopic,
}

impl FetchedRecord<'_> {
    pub fn source(&self) -> SourcePartition {
        SourcePartition {
            topic: self.topic,
            partition: self.message.partition(),
        }
    }

    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// The broker's time stamp; 1970 if the record has none.
    pub fn timestamp(&self) -> LogTime {
        LogTime::from_ms(u64::try_from(self.message.timestamp_ms()).unwrap_or(0))
    }

    /// Copies the record to the end of a batch. A header whose name is not UTF-8 is left out.
    pub fn push_to(&self, batch: &mut RecordBatch) {
        let message = &self.message;
        let (key, value) = (message.key(), message.value());
        batch.push(
            self.source(),
            self.offset(),
            self.timestamp(),
            key,
            value,
            message.headers(),
        );
    }
}

/// What happened inside callbacks and was not handed out yet.
#[derive(Default)]
struct Rebalances {
    events: RefCell<VecDeque<Rebalanced>>,
    /// The first failure to do what librdkafka asked for.
    failure: Cell<Option<Failure>>,
    asleep: Cell<bool>,
}

enum Rebalanced {
    Assigned(Vec<SourcePartition>),
    Revoked(Vec<SourcePartition>, bool),
}

/// A group member that polls.
pub struct Consumer {
    client: Client,
    topics: Rc<[CString]>,
    rebalances: Rc<Rebalances>,
}

impl Consumer {
    /// Joins nothing yet: see [`Consumer::subscribe`]. `topics` are numbered as [`SourceTopic`]s in this order.
    ///
    /// # Errors
    /// A property or a topic's name is refused.
    pub fn new(
        properties: &Properties,
        group: &str,
        static_member: Option<&str>,
        topics: &[String],
        hook: Box<dyn RevokeHook>,
    ) -> Result<Self, EdgeError> {
        let names = c_names(topics)?;
        let topics: Rc<[CString]> = names.as_slice().into();
        let rebalances = Rc::new(Rebalances::default());
        let callbacks = Callbacks {
            rebalance: Some(RefCell::new(on_rebalance(
                topics.clone(),
                rebalances.clone(),
                hook,
            ))),
            delivery: None,
        };
        let config = properties.group_consumer(group, static_member);
        let client = Client::new(Kind::Consumer, &config, &names, callbacks)
            .map_err(|text| EdgeError::plain("create consumer", text))?;
        client
            .poll_serves_all()
            .map_err(|failure| EdgeError::new("create consumer", failure))?;
        Ok(Self {
            client,
            topics,
            rebalances,
        })
    }

    /// Asks to join the group for all topics; polls carry it out.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn subscribe(&self) -> Result<(), EdgeError> {
        let mut list = Partitions::new(self.topics.len());
        for topic in self.topics.iter() {
            list.add(topic, -1, -1001);
        }
        let subscribed = self.client.handle().subscribe(&list);
        subscribed.map_err(|failure| EdgeError::new("subscribe", failure))
    }

    /// What can be done in a [`RevokeHook`], too.
    pub fn group(&self) -> Group<'_> {
        Group {
            handle: self.client.handle(),
            topics: &self.topics,
            asleep: &self.rebalances.asleep,
        }
    }

    /// The next thing, waiting for at most `timeout`. Rebalances come first; the hook runs in here.
    pub fn poll(&self, timeout: Duration) -> Poll<'_> {
        if let Some(rebalanced) = self.next_rebalance() {
            return rebalanced;
        }
        let Some(message) = self.client.poll(timeout) else {
            return self.next_rebalance().unwrap_or(Poll::Nothing);
        };
        // Callbacks end the poll that runs them, so a message never overtakes a rebalance.
        match message.error() {
            None => match self.topic_of(&message) {
                Some(topic) => Poll::Record(FetchedRecord { message, topic }),
                None => Poll::Nothing,
            },
            Some(Code::PartitionEOF) => match self.source_of(&message) {
                Some((source, offset)) => Poll::End { source, offset },
                None => Poll::Nothing,
            },
            Some(code) => self.error(code, &message),
        }
    }

    /// Leaves the group (a static member keeps its place for a session time-out); the hook runs in here.
    pub fn close(self) {
        self.client.close();
    }

    fn next_rebalance(&self) -> Option<Poll<'static>> {
        if let Some(failure) = self.rebalances.failure.take() {
            let error = ConsumerError {
                class: ConsumerClass::Dead,
                code: failure.code,
                text: failure.text,
            };
            return Some(Poll::Error { error, source: None });
        }
        let rebalanced = self.rebalances.events.borrow_mut().pop_front()?;
        Some(match rebalanced {
            Rebalanced::Assigned(partitions) => Poll::Assigned(partitions),
            Rebalanced::Revoked(partitions, lost) => Poll::Revoked { partitions, lost },
        })
    }

    fn error(&self, code: Code, message: &Message<'_>) -> Poll<'static> {
        let class = classify_consumer(code);
        let fatal = (code == Code::Fatal)
            .then(|| self.client.handle().fatal())
            .flatten();
        let (code, text) = match fatal {
            Some(failure) => (failure.code, failure.text),
            None => (code, message.error_text()),
        };
        Poll::Error {
            error: ConsumerError { class, code, text },
            source: self.source_of(message),
        }
    }

    fn source_of(&self, message: &Message<'_>) -> Option<(SourcePartition, i64)> {
        let topic = self.topic_of(message)?;
        let partition = message.partition();
        Some((SourcePartition { topic, partition }, message.offset()))
    }

    fn topic_of(&self, message: &Message<'_>) -> Option<SourceTopic> {
        self.client.topic_of(message).map(|at| SourceTopic(at as u16))
    }
}

/// The consumer without its poll: what may be done inside a callback.
#[derive(Clone, Copy)]
pub struct Group<'a> {
    handle: &'a Handle,
    topics: &'a [CString],
    /// Nothing was started since the assignment.
    asleep: &'a Cell<bool>,
}

impl Group<'_> {
    /// Reads these partitions from these offsets on: drops what was fetched, moves, resumes.
    ///
    /// # Errors
    /// A partition is not assigned, or did not move in time.
    pub fn start(&self, at: &[(SourcePartition, i64)], timeout: Duration) -> Result<(), EdgeError> {
        self.seek(at, timeout)?;
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
        } else if let (Some((source, _)), true) = (first.first(), self.asleep.get()) {
            let topic = &self.topics[usize::from(source.topic.0)];
            if let Err(failure) = self.handle.watermarks(topic, source.partition, timeout) {
                tracing::debug!(error = failure.text, "cannot wake a fetcher; it wakes by itself");
            }
        }
        self.asleep.set(false);
        Ok(())
    }

    /// Assigns anew, from these offsets on, what is assigned: every partition must be named, paused ones stay paused,
    /// what was fetched is dropped. The only way to go on after [`ConsumerClass::OutOfRange`], which stops a partition.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn reassign(&self, at: &[(SourcePartition, i64)]) -> Result<(), EdgeError> {
        let list = self.list(at.iter().copied());
        let assigned = self.handle.assign(&list);
        assigned.map_err(|failure| EdgeError::new("assign", failure))
    }

    /// Moves these partitions, paused or not.
    ///
    /// # Errors
    /// As [`Group::start`].
    #[expect(clippy::disallowed_methods, reason = "bounds a blocking call")]
    pub fn seek(&self, to: &[(SourcePartition, i64)], timeout: Duration) -> Result<(), EdgeError> {
        let deadline = Instant::now() + timeout;
        loop {
            let mut list = self.list(to.iter().copied());
            let result = self
                .handle
                .seek(&mut list, timeout)
                .and_then(|()| first_error(&list));
            match result {
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
        result
            .and_then(|()| first_error(&list))
            .map_err(|failure| EdgeError::new("pause", failure))
    }

    /// # Errors
    /// A partition is not assigned.
    pub fn resume(&self, partitions: &[SourcePartition]) -> Result<(), EdgeError> {
        let mut list = self.list(partitions.iter().map(|it| (*it, -1001)));
        let result = self.handle.resume(&mut list);
        result
            .and_then(|()| first_error(&list))
            .map_err(|failure| EdgeError::new("resume", failure))
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

    fn list(&self, partitions: impl ExactSizeIterator<Item = (SourcePartition, i64)>) -> Partitions {
        let mut list = Partitions::new(partitions.len());
        for (source, offset) in partitions {
            list.add(
                &self.topics[usize::from(source.topic.0)],
                source.partition,
                offset,
            );
        }
        list
    }
}

/// Does at once what librdkafka waits for, and keeps what happened for the next poll.
fn on_rebalance(
    topics: Rc<[CString]>,
    rebalances: Rc<Rebalances>,
    mut hook: Box<dyn RevokeHook>,
) -> OnRebalance {
    Box::new(move |handle, reassignment, list| {
        let group = Group {
            handle,
            topics: &topics,
            asleep: &rebalances.asleep,
        };
        let partitions = sources(&topics, &list);
        let done = match reassignment {
            Reassignment::Assign => assign_paused(&group, &partitions),
            Reassignment::Revoke => {
                let lost = handle.assignment_lost();
                hook.revoked(&group, &partitions, lost);
                rebalances
                    .events
                    .borrow_mut()
                    .push_back(Rebalanced::Revoked(partitions.clone(), lost));
                handle.unassign()
            }
        };
        match done {
            Err(failure) => rebalances.failure.set(Some(failure)),
            Ok(()) if reassignment == Reassignment::Assign => {
                rebalances
                    .events
                    .borrow_mut()
                    .push_back(Rebalanced::Assigned(partitions));
            }
            Ok(()) => {}
        }
        handle.yield_now();
    })
}

/// Paused before they are assigned, so that nothing is fetched; at an absolute offset, since the late answer to a
/// question for a logical one would override the seek that follows, and skip records.
fn assign_paused(group: &Group<'_>, partitions: &[SourcePartition]) -> Result<(), Failure> {
    let mut list = group.list(partitions.iter().map(|it| (*it, 0)));
    group.handle.pause(&mut list)?;
    first_error(&list)?;
    group.asleep.set(true);
    let list = group.list(partitions.iter().map(|it| (*it, 0)));
    group.handle.assign(&list)
}

fn sources(topics: &[CString], list: &Partitions) -> Vec<SourcePartition> {
    let number = |name: &CStr| topics.iter().position(|it| it.as_c_str() == name);
    list.iter()
        .filter_map(|it| {
            let topic = SourceTopic(number(it.topic)? as u16);
            let partition = it.partition;
            Some(SourcePartition { topic, partition })
        })
        .collect()
}

pub(super) fn first_error(list: &Partitions) -> Result<(), Failure> {
    match list.iter().find_map(|it| Some((it.error?, it))) {
        None => Ok(()),
        Some((code, it)) => Err(Failure {
            text: format!("{} [{}]: {code}", it.topic.to_string_lossy(), it.partition),
            ..Failure::of_code(code)
        }),
    }
}

/// Topic names as librdkafka takes them.
pub(super) fn c_names(names: &[String]) -> Result<Vec<CString>, EdgeError> {
    let name = |name: &String| {
        let bad = |_| EdgeError::plain(format!("topic {name:?}"), "a topic name has no NUL");
        CString::new(name.as_str()).map_err(bad)
    };
    names.iter().map(name).collect()
}
