//! A reader of events, as an analyst or a gateway is one: it sees committed events only.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Headers};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use serde_json::Value;

use crate::caller::random_id;

const REQUEST_MAX: Duration = Duration::from_secs(30);
const WAIT_MAX: Duration = Duration::from_secs(30);
const QUIET: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub(crate) struct Event {
    headers: Vec<(String, Vec<u8>)>,
    /// Null for a dead letter.
    pub body: Value,
}

/// Reads a topic from where it ended when the reader was made, and keeps its events.
pub(crate) struct Reader {
    topic: &'static str,
    consumer: BaseConsumer,
    events: Vec<Event>,
}

impl Event {
    pub(crate) fn of(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let headers = headers.map(|it| (it.key.to_owned(), it.value.unwrap_or_default().to_vec()));
        let body = message.payload().and_then(|value| serde_json::from_slice(value).ok());
        Self { headers: headers.collect(), body: body.unwrap_or(Value::Null) }
    }

    /// The value of a header; empty if it is absent.
    pub(crate) fn header(&self, name: &str) -> &[u8] {
        self.headers.iter().rfind(|(it, _)| it == name).map_or(&[], |(_, value)| value.as_slice())
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.header(name)).into_owned()
    }
}

impl Reader {
    pub(crate) fn new(bootstrap: &str, topic: &'static str) -> Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", format!("otp-example-{}", random_id()))
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        consumer.assign(&at_end(&consumer, topic)?)?;
        Ok(Self { topic, consumer, events: Vec::new() })
    }

    /// The events that fit, when there are `count` of them and no event has come for a while.
    pub(crate) fn wait(&mut self, count: usize, fits: impl Fn(&Event) -> bool) -> Result<Vec<Event>> {
        let until = Instant::now() + WAIT_MAX;
        loop {
            let message = self.consumer.poll(QUIET).transpose()?;
            let is_quiet = message.is_none();
            self.events.extend(message.map(|message| Event::of(&message)));
            let found: Vec<Event> = self.events.iter().filter(|it| fits(it)).cloned().collect();
            if is_quiet && found.len() == count {
                return Ok(found);
            }
            if found.len() > count || Instant::now() > until {
                bail!("{} events on {}, and not {count}", found.len(), self.topic);
            }
        }
    }
}

/// The partitions of a topic, each at the offset of the next record.
pub(crate) fn at_end(consumer: &BaseConsumer, topic: &str) -> Result<TopicPartitionList> {
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_MAX)?;
    let partitions = metadata.topics().first().map_or(&[][..], |it| it.partitions());
    if partitions.is_empty() {
        bail!("there is no topic {topic}: start the service with `otp-stream run --create-topics`");
    }
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        let (_, end) = consumer.fetch_watermarks(topic, partition.id(), REQUEST_MAX)?;
        list.add_partition_offset(topic, partition.id(), Offset::Offset(end))?;
    }
    Ok(list)
}
