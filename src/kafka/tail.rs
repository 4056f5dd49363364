//! Reads partitions of several topics from given offsets on, committed records only, in no group: an onlooker.

use std::ffi::CString;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::consumer::c_names;
use super::errors::EdgeError;
use super::ffi::{Callbacks, Client, Failure, Kind, Message, Partitions};
use super::properties::Properties;

/// A partition of one of the topics, by the topic's place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub topic: usize,
    pub partition: i32,
}

/// What a look brings.
pub enum Seen<'a> {
    Record(SeenRecord<'a>),
    /// A fetch reached the end of what is committed.
    End(Place, i64),
    /// Nothing within the time.
    Nothing,
}

/// One record, borrowed from librdkafka.
pub struct SeenRecord<'a> {
    message: Message<'a>,
    topic: usize,
}

impl SeenRecord<'_> {
    pub fn place(&self) -> Place {
        Place { topic: self.topic, partition: self.message.partition() }
    }

    pub fn offset(&self) -> i64 {
        self.message.offset()
    }

    /// Milliseconds since 1970; negative if the record has no time.
    pub fn timestamp_ms(&self) -> i64 {
        self.message.timestamp_ms()
    }

    pub fn key(&self) -> Option<&[u8]> {
        self.message.key()
    }

    pub fn value(&self) -> Option<&[u8]> {
        self.message.value()
    }

    /// In order; a header whose name is not UTF-8 is left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.message.headers()
    }
}

/// Lives on the thread that made it.
pub struct Tail {
    client: Client,
    topics: Vec<CString>,
}

impl Tail {
    /// `group` is never joined; its name only spares another access rule.
    ///
    /// # Errors
    /// A property or a topic's name is refused.
    pub fn new(properties: &Properties, group: &str, topics: &[String]) -> Result<Self, EdgeError> {
        let topics = c_names(topics)?;
        let config = properties.tail(group);
        let client = Client::new(Kind::Consumer, &config, &topics, Callbacks::default())
            .map_err(|text| EdgeError::plain("create tail", text))?;
        client.poll_serves_all().map_err(|failure| EdgeError::new("create tail", failure))?;
        Ok(Self { client, topics })
    }

    /// Reads these partitions, and no others, from these offsets on.
    ///
    /// # Errors
    /// librdkafka refuses.
    pub fn start(&self, at: &[(Place, i64)]) -> Result<(), EdgeError> {
        let mut list = Partitions::new(at.len());
        for (place, offset) in at {
            list.add(&self.topics[place.topic], place.partition, *offset);
        }
        let assigned = self.client.handle().assign(&list);
        assigned.map_err(|failure| EdgeError::new("tail", failure))
    }

    /// The next record, waiting for at most `timeout`.
    ///
    /// # Errors
    /// An offset is outside the log, a topic is gone, or a right is missing. What passes is waited for.
    pub fn look(&self, timeout: Duration) -> Result<Seen<'_>, EdgeError> {
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
                let place = Place { topic, partition: message.partition() };
                Ok(Seen::End(place, message.offset()))
            }
            Some(code) => match classify_consumer(code) {
                ConsumerClass::Transient => Ok(Seen::Nothing),
                ConsumerClass::Dead
                | ConsumerClass::OutOfRange
                | ConsumerClass::UnknownTopic
                | ConsumerClass::Denied => {
                    let text = message.error_text();
                    Err(EdgeError::new("tail", Failure { text, ..Failure::of_code(code) }))
                }
            },
        }
    }
}
