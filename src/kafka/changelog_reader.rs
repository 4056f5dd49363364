//! Reads the committed records of changelog partitions, each from a given offset, as fast as possible.
//!
//! Knows no store and no end offset: it reports the ends that fetches reach, and the caller stops it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::EdgeError;
use super::ffi::{Callbacks, Client, ClientKind, Message, NativeError, Partitions, c_names};
use super::properties::Properties;

/// One step of a replay.
#[derive(Debug)]
pub(crate) enum Replayed<'a> {
    /// A record. `value` is `None` for a tombstone. A record without a key has the empty key.
    Record { offset: i64, key: &'a [u8], value: Option<&'a [u8]> },
    /// A fetch reached the last stable offset: every committed record below this offset was reported.
    End { offset: i64 },
    /// No record arrived for [`IDLE`]. The caller may decide to stop.
    Idle,
}

/// Silence after which [`Replayed::Idle`] is reported.
const IDLE: Duration = Duration::from_millis(100);
/// Most messages taken from librdkafka in one call.
const MESSAGES_MAX: usize = 500;

/// A reader of one topic's partitions. It stays on the thread that created it.
pub(crate) struct ChangelogReader {
    client: Client,
    topic: std::ffi::CString,
}

impl ChangelogReader {
    /// # Errors
    /// librdkafka refuses a property or the topic name.
    pub(crate) fn new(properties: &Properties, group: &str, topic: &str) -> Result<Self, EdgeError> {
        let refused = |failure| EdgeError::new("create changelog reader", failure);
        let names = c_names(&[topic.to_owned()]).map_err(refused)?;
        let config = properties.changelog_reader(group);
        let client = Client::new(ClientKind::Consumer, &config, &names, Callbacks::default())
            .map_err(|text| EdgeError::plain("create changelog reader", text))?;
        client.poll_serves_all().map_err(refused)?;
        let [topic] = <[_; 1]>::try_from(names).expect("one name was given");
        Ok(Self { client, topic })
    }

    /// Calls `each` for every record of these partitions, each from its offset (0 or above), until `each` has broken once for
    /// every partition. Waits out temporary errors.
    ///
    /// # Errors
    /// An offset is outside its log, the topic does not exist, or the cluster denies access.
    pub(crate) fn replay(
        &self,
        from: &[(i32, i64)],
        mut each: impl FnMut(i32, Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), EdgeError> {
        let what = || {
            let partitions = from.iter().map(|(partition, from)| format!(" [{partition}] from {from}"));
            format!("replay {}{}", self.topic.to_string_lossy(), partitions.collect::<String>())
        };
        let mut list = Partitions::new(from.len());
        for (partition, from) in from {
            list.add(&self.topic, *partition, *from);
        }
        self.client.handle().assign(&list).map_err(|failure| EdgeError::new(what(), failure))?;
        let outcome = self.pump(from.iter().map(|(partition, _)| *partition).collect(), &mut each);
        let unassigned = self.client.handle().unassign();
        outcome.and(unassigned).map_err(|failure| EdgeError::new(what(), failure))
    }

    fn pump(
        &self,
        mut left: BTreeSet<i32>,
        each: &mut impl FnMut(i32, Replayed<'_>) -> ControlFlow<()>,
    ) -> Result<(), NativeError> {
        while !left.is_empty() {
            let messages = self.client.poll_many(IDLE, MESSAGES_MAX);
            if messages.is_empty() {
                left.retain(|partition| each(*partition, Replayed::Idle).is_continue());
            }
            for message in &messages {
                let partition = message.partition();
                let replayed = match message.error() {
                    None | Some(Code::PartitionEOF) if !left.contains(&partition) => continue,
                    None => record(message),
                    Some(Code::PartitionEOF) => Replayed::End { offset: message.offset() },
                    Some(code) if is_permanent(code) => {
                        let text = message.error_text();
                        return Err(NativeError { text, ..NativeError::of_code(code) });
                    }
                    Some(_) => {
                        left.retain(|partition| each(*partition, Replayed::Idle).is_continue());
                        continue;
                    }
                };
                if each(partition, replayed).is_break() {
                    left.remove(&partition);
                }
            }
        }
        Ok(())
    }
}

fn record<'a>(message: &'a Message<'_>) -> Replayed<'a> {
    Replayed::Record {
        offset: message.offset(),
        key: message.key().unwrap_or_default(),
        value: message.value(),
    }
}

fn is_permanent(code: Code) -> bool {
    use super::errors::{ConsumerClass, classify_consumer};
    match classify_consumer(code) {
        ConsumerClass::Dead
        | ConsumerClass::OutOfRange
        | ConsumerClass::UnknownTopic
        | ConsumerClass::Denied => true,
        ConsumerClass::Transient => false,
    }
}
