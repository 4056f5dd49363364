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
use std::time::Duration;

use otp_topology::otp::LogTime;
use otp_topology::wire::record::{RecordBatch, SourcePartition, SourceTopic};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::{ConsumerClass, ConsumerError, EdgeError, classify_consumer};
use super::ffi::{Callbacks, Client, Failure, Kind, Message, OnRebalance, Partitions, Reassignment};
use super::group::{Group, Held};
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
        SourcePartition { topic: self.topic, partition: self.message.partition() }
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
        batch.push(self.source(), self.offset(), self.timestamp(), key, value, message.headers());
    }
}

/// What happened inside callbacks and was not handed out yet.
#[derive(Default)]
struct Rebalances {
    events: RefCell<VecDeque<Rebalanced>>,
    /// The first failure to do what librdkafka asked for.
    failure: Cell<Option<Failure>>,
    held: Held,
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
            rebalance: Some(RefCell::new(on_rebalance(topics.clone(), rebalances.clone(), hook))),
            delivery: None,
        };
        let config = properties.group_consumer(group, static_member);
        let client = Client::new(Kind::Consumer, &config, &names, callbacks)
            .map_err(|text| EdgeError::plain("create consumer", text))?;
        client.poll_serves_all().map_err(|failure| EdgeError::new("create consumer", failure))?;
        Ok(Self { client, topics, rebalances })
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
        Group { handle: self.client.handle(), topics: &self.topics, held: &self.rebalances.held }
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
                Some(topic) => {
                    let record = FetchedRecord { message, topic };
                    self.rebalances.held.moved(record.source(), record.offset() + 1);
                    Poll::Record(record)
                }
                None => Poll::Nothing,
            },
            Some(Code::PartitionEOF) => match self.source_of(&message) {
                Some((source, offset)) => {
                    self.rebalances.held.moved(source, offset);
                    Poll::End { source, offset }
                }
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
            let error = ConsumerError { class: ConsumerClass::Dead, code: failure.code, text: failure.text };
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
        let fatal = (code == Code::Fatal).then(|| self.client.handle().fatal()).flatten();
        let (code, text) = match fatal {
            Some(failure) => (failure.code, failure.text),
            None => (code, message.error_text()),
        };
        Poll::Error { error: ConsumerError { class, code, text }, source: self.source_of(message) }
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

/// Does at once what librdkafka waits for, and keeps what happened for the next poll.
fn on_rebalance(
    topics: Rc<[CString]>,
    rebalances: Rc<Rebalances>,
    mut hook: Box<dyn RevokeHook>,
) -> OnRebalance {
    Box::new(move |handle, reassignment, list| {
        let group = Group { handle, topics: &topics, held: &rebalances.held };
        let partitions = sources(&topics, &list);
        let done = match reassignment {
            Reassignment::Assign => group.assign_paused(&partitions),
            Reassignment::Revoke => {
                let lost = handle.assignment_lost();
                hook.revoked(&group, &partitions, lost);
                rebalances.events.borrow_mut().push_back(Rebalanced::Revoked(partitions.clone(), lost));
                rebalances.held.clear();
                handle.unassign()
            }
        };
        match done {
            Err(failure) => rebalances.failure.set(Some(failure)),
            Ok(()) if reassignment == Reassignment::Assign => {
                rebalances.events.borrow_mut().push_back(Rebalanced::Assigned(partitions));
            }
            Ok(()) => {}
        }
        handle.yield_now();
    })
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

/// Topic names as librdkafka takes them.
pub(super) fn c_names(names: &[String]) -> Result<Vec<CString>, EdgeError> {
    let name = |name: &String| {
        let bad = |_| EdgeError::plain(format!("topic {name:?}"), "a topic name has no NUL");
        CString::new(name.as_str()).map_err(bad)
    };
    names.iter().map(name).collect()
}
