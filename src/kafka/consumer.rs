//! A member of the group. It delivers records, ends of partitions and rebalances to the thread that polls it.
//!
//! Never decides what to commit or where to start reading: newly assigned partitions stay paused until [`Group::start`]
//! sets their offsets. Everything happens on the polling thread:
//!
//! ```text
//! poll ─► Assigned      the callback has assigned the partitions and paused them
//!      ─► Revoked       the callback has run the RevokeHook and unassigned the partitions
//!      ─► Record, End, Error, Nothing
//! ```

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::rc::Rc;
use std::time::Duration;

use otp_topology::otp::LogTime;
use otp_topology::wire::json::JsonError;
use otp_topology::wire::record::{LeaderEpoch, RecordBatch, SourcePartition, SourceTopic};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::{ConsumerClass, ConsumerError, EdgeError, classify_consumer};
use super::ffi::{
    Callbacks, Client, ClientKind, Message, NativeError, OnRebalance, Partitions, Reassignment, c_names,
};
use super::group::{Group, OwnedPartitions};
use super::properties::Properties;

/// Runs on the polling thread, inside a poll, before partitions return to the group. It must end whatever belongs to the
/// assignment (first of all the open transaction), in bounded time. It must not poll the consumer.
pub trait RevokeHook {
    /// `lost`: another member may own the partitions already.
    fn revoked(&mut self, group: &Group<'_>, partitions: &[SourcePartition], lost: bool);
}

/// The result of a poll.
pub enum Poll<'a> {
    Record(FetchedRecord<'a>),
    /// A fetch reached the end of the partition: every record below this offset was delivered.
    End {
        source: SourcePartition,
        offset: i64,
    },
    /// This member owns exactly these partitions. They are paused.
    Assigned(Vec<SourcePartition>),
    /// This member no longer owns these partitions. The hook has run.
    Revoked {
        partitions: Vec<SourcePartition>,
        lost: bool,
    },
    Error {
        error: ConsumerError,
        /// The partition and offset where the error occurred.
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

    /// The record's timestamp; 1970 if it has none.
    pub fn timestamp(&self) -> LogTime {
        LogTime::from_ms(u64::try_from(self.message.timestamp_ms()).unwrap_or(0))
    }

    pub fn value(&self) -> Option<&[u8]> {
        self.message.value()
    }

    pub fn leader_epoch(&self) -> Option<LeaderEpoch> {
        self.message.leader_epoch()
    }

    /// Appends a copy of the record to a batch, with this value. Leaves out headers whose name is not UTF-8.
    pub fn push_to(&self, batch: &mut RecordBatch, value: Option<&[u8]>, undecodable: Option<JsonError>) {
        let key = self.message.key();
        batch.push(self.source(), self.offset(), self.timestamp(), key, value, self.message.headers());
        batch.set_leader_epoch(self.leader_epoch());
        batch.set_undecodable(undecodable);
    }
}

/// What happened inside callbacks and was not returned by a poll yet.
#[derive(Default)]
struct Rebalances {
    events: RefCell<VecDeque<Rebalanced>>,
    /// A failure to assign or unassign.
    failure: Cell<Option<NativeError>>,
    owned: OwnedPartitions,
}

enum Rebalanced {
    Assigned(Vec<SourcePartition>),
    Revoked(Vec<SourcePartition>, bool),
}

/// A group member.
pub struct Consumer {
    client: Client,
    topics: Rc<[CString]>,
    rebalances: Rc<Rebalances>,
}

impl Consumer {
    /// Does not join the group yet: see [`Consumer::subscribe`]. The position of a topic in `topics` is its
    /// [`SourceTopic`].
    ///
    /// # Errors
    /// librdkafka refuses a property or a topic name.
    pub fn new(
        properties: &Properties,
        group: &str,
        static_member: Option<&str>,
        topics: &[String],
        hook: Box<dyn RevokeHook>,
    ) -> Result<Self, EdgeError> {
        let names = c_names(topics).map_err(|failure| EdgeError::new("create consumer", failure))?;
        let topics: Rc<[CString]> = names.as_slice().into();
        let rebalances = Rc::new(Rebalances::default());
        let callbacks = Callbacks {
            rebalance: Some(RefCell::new(on_rebalance(topics.clone(), rebalances.clone(), hook))),
            ..Callbacks::default()
        };
        let config = properties.group_consumer(group, static_member);
        let client = Client::new(ClientKind::Consumer, &config, &names, callbacks)
            .map_err(|text| EdgeError::plain("create consumer", text))?;
        client.poll_serves_all().map_err(|failure| EdgeError::new("create consumer", failure))?;
        Ok(Self { client, topics, rebalances })
    }

    /// Starts to join the group for all topics. Polling completes it.
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

    /// The operations that a [`RevokeHook`] may use, too.
    pub fn group(&self) -> Group<'_> {
        Group { handle: self.client.handle(), topics: &self.topics, owned: &self.rebalances.owned }
    }

    /// The next event. Waits for at most `timeout`. Rebalances come first; the hook runs inside this call.
    pub fn poll(&self, timeout: Duration) -> Poll<'_> {
        if let Some(rebalanced) = self.next_rebalance() {
            return rebalanced;
        }
        let Some(message) = self.client.poll(timeout) else {
            return self.next_rebalance().unwrap_or(Poll::Nothing);
        };
        // A callback ends the poll in which it runs, so no message overtakes a rebalance.
        match message.error() {
            None => match self.topic_of(&message) {
                Some(topic) => {
                    let record = FetchedRecord { message, topic };
                    self.rebalances.owned.set_next(record.source(), record.offset() + 1);
                    Poll::Record(record)
                }
                None => Poll::Nothing,
            },
            Some(Code::PartitionEOF) => match self.source_of(&message) {
                Some((source, offset)) => {
                    self.rebalances.owned.set_next(source, offset);
                    Poll::End { source, offset }
                }
                None => Poll::Nothing,
            },
            Some(code) => self.error(code, &message),
        }
    }

    /// Leaves the group; the hook runs inside this call. The group keeps a static member's partitions for a session
    /// time-out.
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

/// Assigns or unassigns immediately, as librdkafka demands, and queues the event for the next poll.
fn on_rebalance(
    topics: Rc<[CString]>,
    rebalances: Rc<Rebalances>,
    mut hook: Box<dyn RevokeHook>,
) -> OnRebalance {
    Box::new(move |handle, reassignment, list| {
        let group = Group { handle, topics: &topics, owned: &rebalances.owned };
        let partitions = sources(&topics, &list);
        let done = match reassignment {
            Reassignment::Assign => group.assign_paused(&partitions),
            Reassignment::Revoke => {
                let lost = handle.assignment_lost();
                hook.revoked(&group, &partitions, lost);
                rebalances.events.borrow_mut().push_back(Rebalanced::Revoked(partitions.clone(), lost));
                rebalances.owned.clear();
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
