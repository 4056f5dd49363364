//! Reads one changelog partition at a time, from an offset on, committed records only, as fast as it goes.
//!
//! Knows neither bounds nor stores: it tells the ends it sees, and the caller says when it is enough.

use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::consumer::c_names;
use super::errors::EdgeError;
use super::ffi::{Callbacks, Client, Failure, Kind, Message, Partitions};
use super::properties::Properties;

/// What a replay comes upon.
#[derive(Debug)]
pub enum Replayed<'a> {
    /// A record; a null value deletes. A record without a key has the empty key.
    Record { offset: i64, key: &'a [u8], value: Option<&'a [u8]> },
    /// A fetch reached the end of what is committed: every record below this offset was told.
    End { offset: i64 },
    /// Nothing came for a while; a good moment to ask whether to go on.
    Idle,
}

/// How long a wait lasts before it tells [`Replayed::Idle`].
const IDLE: Duration = Duration::from_millis(100);
/// What is taken from librdkafka at once.
const MESSAGES_MAX: usize = 500;

/// A reader of one topic's partitions; lives on the thread that made it.
pub struct ChangelogReader {
    client: Client,
    topic: std::ffi::CString,
}

impl ChangelogReader {
    /// # Errors
    /// A property or the topic's name is refused.
    pub fn new(properties: &Properties, group: &str, topic: &str) -> Result<Self, EdgeError> {
        let names = c_names(&[topic.to_owned()])?;
        let config = properties.changelog_reader(group);
        let client = Client::new(Kind::Consumer, &config, &names, Callbacks::default())
            .map_err(|text| EdgeError::plain("create changelog reader", text))?;
        client.poll_serves_all().map_err(|failure| EdgeError::new("create changelog reader", failure))?;
        let [topic] = <[_; 1]>::try_from(names).expect("one name was given");
        Ok(Self { client, topic })
    }

    /// Tells every record of a partition from offset `from` (0 or above) on, until `each` breaks.
    ///
    /// # Errors
    /// The offset is outside the log, the topic is gone, or a right is missing. What passes is waited for.
    pub fn replay(
        &self,
        partition: i32,
        from: i64,
        mut each: impl FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EdgeError> {
        let what = || format!("replay {} [{partition}] from {from}", self.topic.to_string_lossy());
        let mut list = Partitions::new(1);
        list.add(&self.topic, partition, from);
        self.client.handle().assign(&list).map_err(|failure| EdgeError::new(what(), failure))?;
        let outcome = self.pump(partition, &mut each);
        let unassigned = self.client.handle().unassign();
        outcome.and(unassigned).map_err(|failure| EdgeError::new(what(), failure))
    }

    fn pump(
        &self,
        partition: i32,
        each: &mut impl FnMut(Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        loop {
            let messages = self.client.poll_many(IDLE, MESSAGES_MAX);
            if messages.is_empty() && each(Replayed::Idle).is_break() {
                return Ok(());
            }
            for message in &messages {
                let told = match message.error() {
                    None | Some(Code::PartitionEOF) if message.partition() != partition => continue,
                    None => each(record(message)),
                    Some(Code::PartitionEOF) => each(Replayed::End { offset: message.offset() }),
                    Some(code) if is_lasting(code) => {
                        let text = message.error_text();
                        return Err(Failure { text, ..Failure::of_code(code) });
                    }
                    Some(_) => each(Replayed::Idle),
                };
                if told.is_break() {
                    return Ok(());
                }
            }
        }
    }
}

fn record<'a>(message: &'a Message<'_>) -> Replayed<'a> {
    Replayed::Record {
        offset: message.offset(),
        key: message.key().unwrap_or_default(),
        value: message.value(),
    }
}

fn is_lasting(code: Code) -> bool {
    use super::errors::{ConsumerClass, classify_consumer};
    match classify_consumer(code) {
        ConsumerClass::Dead
        | ConsumerClass::OutOfRange
        | ConsumerClass::UnknownTopic
        | ConsumerClass::Denied => true,
        ConsumerClass::Transient => false,
    }
}
