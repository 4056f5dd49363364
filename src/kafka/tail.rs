//! Reads the committed records of several topics from given offsets, without joining a group.
//!
//! The demo and the benchmarks use it; the service itself does not.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::EdgeError;
use super::ffi::{Callbacks, Client, ClientKind, Message, NativeError, Partitions, c_names};
use super::properties::Properties;

/// A partition of one of the topics. `topic` is the position in the list of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TailPartition {
    pub topic: usize,
    pub partition: i32,
}

/// The result of a poll.
pub enum Seen<'a> {
    Record(SeenRecord<'a>),
    /// A fetch reached the last stable offset, which is this one.
    End(TailPartition, i64),
    /// Nothing arrived within the time-out.
    Nothing,
}

/// One record, borrowed from librdkafka.
pub struct SeenRecord<'a> {
    message: Message<'a>,
    topic: usize,
}

impl SeenRecord<'_> {
    pub fn partition(&self) -> TailPartition {
        TailPartition { topic: self.topic, partition: self.message.partition() }
    }

    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// Milliseconds since 1970; negative if the record has no timestamp.
    pub fn timestamp_ms(&self) -> i64 {
        self.message.timestamp_ms()
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    pub fn value(&self) -> Option<&[u8]> {
        self.message.value()
    }

    /// The headers in order, without those whose name is not UTF-8.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.message.headers()
    }
}

/// A reader. It stays on the thread that created it.
pub struct Tail {
    client: Client,
    topics: Vec<CString>,
}

impl Tail {
    /// `group` is never joined; its name saves an extra access rule.
    ///
    /// # Errors
    /// librdkafka refuses a property or a topic name.
    pub fn new(properties: &Properties, group: &str, topics: &[String]) -> Result<Self, EdgeError> {
        let refused = |failure| EdgeError::new("create tail", failure);
        let topics = c_names(topics).map_err(refused)?;
        let config = properties.tail(group);
        let client = Client::new(ClientKind::Consumer, &config, &topics, Callbacks::default())
            .map_err(|text| EdgeError::plain("create tail", text))?;
        client.poll_serves_all().map_err(refused)?;
        Ok(Self { client, topics })
    }

    /// Reads exactly these partitions, from these offsets.
    ///
    /// # Errors
    /// librdkafka refuses the assignment.
    pub fn start(&self, at: &[(TailPartition, i64)]) -> Result<(), EdgeError> {
        let mut list = Partitions::new(at.len());
        for (partition, offset) in at {
            list.add(&self.topics[partition.topic], partition.partition, *offset);
        }
        let assigned = self.client.handle().assign(&list);
        assigned.map_err(|failure| EdgeError::new("tail", failure))
    }

    /// The next record. Waits for at most `timeout`, and waits out temporary errors.
    ///
    /// # Errors
    /// An offset is outside the log, a topic does not exist, or the cluster denies access.
    pub fn poll(&self, timeout: Duration) -> Result<Seen<'_>, EdgeError> {
        use super::errors::{ConsumerClass, classify_consumer};
        let Some(message) = self.client.poll(timeout) else {
            return Ok(Seen::Nothing);
        };
        let Some(topic) = self.client.topic_of(&message) else {
            return Ok(Seen::Nothing);
        };
        match message.error() {
            None => Ok(Seen::Record(SeenRecord { message, topic })),
            Some(Code::PartitionEOF) => {
                let partition = TailPartition { topic, partition: message.partition() };
                Ok(Seen::End(partition, message.offset()))
            }
            Some(code) => match classify_consumer(code) {
                ConsumerClass::Transient => Ok(Seen::Nothing),
                ConsumerClass::Dead
                | ConsumerClass::OutOfRange
                | ConsumerClass::UnknownTopic
                | ConsumerClass::Denied => {
                    let text = message.error_text();
                    Err(EdgeError::new("tail", NativeError { text, ..NativeError::of_code(code) }))
                }
            },
        }
    }
}
