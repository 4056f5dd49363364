//! A caller: writes requests to its request topic and reads the replies on its reply topic.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::reader::{Event, at_end};

pub(crate) const REPLY_MAX: Duration = Duration::from_secs(30);

/// One caller of the service's configuration.
///
/// The reply topic is read from its end and without a consumer group: every instance of a service sees all replies and takes
/// those with its own correlation ids.
pub(crate) struct Caller {
    request_topic: &'static str,
    client_ref: String,
    producer: BaseProducer,
    consumer: BaseConsumer,
}

/// What came of a request.
pub(crate) enum Answer {
    Reply(Event),
    /// No reply came in time. Send again with the same `ce_id`.
    TimeOut {
        correlation: [u8; 16],
    },
}

impl Caller {
    pub(crate) fn new(
        bootstrap: &str,
        request_topic: &'static str,
        reply_topic: &str,
        client_ref: &str,
    ) -> Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            // As Java's clients partition: a request with the recommended key is then served in place.
            .set("partitioner", "murmur2_random")
            .create()?;
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", format!("otp-example-{}", random_id()))
            .set("enable.auto.commit", "false")
            // Without it a caller sees replies of transactions that were aborted.
            .set("isolation.level", "read_committed")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        consumer.assign(&at_end(&consumer, reply_topic)?)?;
        Ok(Self { request_topic, client_ref: client_ref.to_owned(), producer, consumer })
    }

    /// Sends a request and waits for its reply.
    pub(crate) fn ask(&self, key: &str, value: &str, id: &str, limit: Duration) -> Result<Answer> {
        let correlation: [u8; 16] = rand::random();
        self.produce(key, value, id, &correlation)?;
        let until = Instant::now() + limit;
        while Instant::now() < until {
            let Some(message) = self.consumer.poll(Duration::from_millis(100)) else { continue };
            let event = Event::of(&message?);
            // Other replies are those of other instances, and those that came too late.
            if event.header("kafka_correlationId") == correlation {
                return Ok(Answer::Reply(event));
            }
        }
        Ok(Answer::TimeOut { correlation })
    }

    /// As [`Caller::ask`], for a request that must have a reply. Returns the reply and its body.
    pub(crate) fn ask_once(&self, key: &str, body: &Value) -> Result<Event> {
        self.must_reply(key, body, &random_id())
    }

    /// As [`Caller::ask_once`], with an id of the request.
    pub(crate) fn must_reply(&self, key: &str, body: &Value, id: &str) -> Result<Event> {
        match self.ask(key, &body.to_string(), id, REPLY_MAX)? {
            Answer::Reply(reply) => Ok(reply),
            Answer::TimeOut { .. } => bail!("no reply to the request on {} within 30 s", self.request_topic),
        }
    }

    /// From now on no reply arrives. The list of partitions must not outlive the consumer, which would wait for it at its end.
    pub(crate) fn stop_reading(&self) -> Result<()> {
        Ok(self.consumer.pause(&self.consumer.assignment()?)?)
    }

    pub(crate) fn read_again(&self) -> Result<()> {
        Ok(self.consumer.resume(&self.consumer.assignment()?)?)
    }

    fn produce(&self, key: &str, value: &str, id: &str, correlation: &[u8]) -> Result<()> {
        let headers = OwnedHeaders::new()
            .insert(Header { key: "ce_id", value: Some(id) })
            .insert(Header { key: "kafka_correlationId", value: Some(correlation) })
            .insert(Header { key: "otp-client-ref", value: Some(&self.client_ref) });
        let record = BaseRecord::to(self.request_topic).key(key).payload(value).headers(headers);
        self.producer.send(record).map_err(|(error, _)| error)?;
        self.producer.flush(REPLY_MAX).with_context(|| format!("{}: not delivered", self.request_topic))
    }
}

/// 128 random bits in hexadecimal.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
