//! A plain producer and a plain `read_committed` consumer, as an upstream service and its consumers use them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList, error::KafkaError};

use super::event::{Event, Request};

const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
const EVENT_LIMIT: Duration = Duration::from_secs(40);

/// Partition and offset of a produced record.
type Location = (i32, i64);

/// Handles delivery reports.
#[derive(Default)]
struct Deliveries {
    lost: AtomicUsize,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Option<mpsc::Sender<Location>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, sender: Self::DeliveryOpaque) {
        match (result, *sender) {
            // If the receiver is gone, the test has failed already.
            (Ok(message), Some(sender)) => sender.send((message.partition(), message.offset())).unwrap_or(()),
            (Ok(_), None) => {}
            (Err(_), _) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// An idempotent producer that partitions like a Java client (murmur2).
pub(crate) struct Upstream(ThreadedProducer<Deliveries>);

impl Upstream {
    pub(crate) fn new(bootstrap: &str) -> Self {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "1")
            // A broker may refuse the first request to a partition that was just created, take the second, and then call
            // the repeated first one a duplicate, which the client counts as delivered.
            .set("max.in.flight", "1")
            .create_with_context(Deliveries::default())
            .expect("a producer");
        Self(producer)
    }

    /// Waits until the client knows a topic with all its partitions. Before that, librdkafka refuses records for some of them.
    pub(crate) fn await_topic(&self, topic: &str, partitions: i32) {
        let until = Instant::now() + DELIVERY_LIMIT;
        let count = || {
            let metadata = self.0.client().fetch_metadata(Some(topic), DELIVERY_LIMIT).expect("metadata");
            metadata.topics().first().map_or(0, |topic| topic.partitions().len())
        };
        while i32::try_from(count()) != Ok(partitions) {
            assert!(Instant::now() < until, "the topic {topic} does not exist");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many records were not delivered.
    pub(crate) fn lost(&self) -> usize {
        self.0.context().lost.load(Ordering::Relaxed)
    }

    /// Produces a record and waits for its delivery.
    pub(crate) fn produce(&self, topic: &str, request: &Request) -> Location {
        let (sender, locations) = mpsc::channel();
        self.hand_over(topic, request, Some(sender));
        locations.recv_timeout(DELIVERY_LIMIT).expect("the broker takes the record")
    }

    /// Produces a record and does not wait.
    pub(crate) fn produce_async(&self, topic: &str, request: &Request) {
        self.hand_over(topic, request, None);
    }

    fn hand_over(&self, topic: &str, request: &Request, sender: Option<mpsc::Sender<Location>>) {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &request.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let mut record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(topic, Box::new(sender)).headers(headers);
        record.key = request.key.as_deref();
        record.payload = request.payload.as_deref();
        record.partition = request.partition;
        loop {
            match self.0.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => panic!("{error}"),
            }
        }
    }
}

/// Reads topics from their beginning and keeps every event.
pub(crate) struct Tap {
    bootstrap: String,
    isolation: &'static str,
    /// One for the topics of the beginning, and one for each topic that was created again.
    consumers: Vec<BaseConsumer>,
    pub events: Vec<Event>,
}

impl Tap {
    pub(crate) fn on(bootstrap: &str, topics: &[&str]) -> Self {
        Self::with(bootstrap, topics, "read_committed")
    }

    /// Also reads records of open and aborted transactions.
    pub(crate) fn read_uncommitted(bootstrap: &str, topics: &[&str]) -> Self {
        Self::with(bootstrap, topics, "read_uncommitted")
    }

    fn with(bootstrap: &str, topics: &[&str], isolation: &'static str) -> Self {
        let mut tap =
            Self { bootstrap: bootstrap.to_owned(), isolation, consumers: Vec::new(), events: Vec::new() };
        tap.read_also(topics);
        tap
    }

    /// Reads these topics, too.
    pub(crate) fn read_also(&mut self, topics: &[&str]) {
        let consumer = self.consumer();
        consumer.assign(&from_beginning(&consumer, topics)).expect("the partitions are assigned");
        self.consumers.push(consumer);
    }

    /// Goes on with new consumers where the old ones stand. A consumer that was reading while its only broker stood still has
    /// once brought nothing for more than 90 seconds after it.
    pub(crate) fn renew(&mut self) {
        let renewed = self.consumers.iter().map(|old| {
            let mut places = old.assignment().expect("an assignment");
            places.set_all_offsets(Offset::Beginning).expect("assigned");
            for place in old.position().expect("positions").elements() {
                if let Offset::Offset(_) = place.offset() {
                    let offset = place.offset();
                    places.set_partition_offset(place.topic(), place.partition(), offset).expect("assigned");
                }
            }
            let new = self.consumer();
            new.assign(&places).expect("the partitions are assigned");
            new
        });
        self.consumers = renewed.collect();
    }

    fn consumer(&self) -> BaseConsumer {
        ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "tap")
            .set("isolation.level", self.isolation)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50")
            .set("fetch.message.max.bytes", "262144")
            .create()
            .expect("a consumer")
    }

    /// Stops reading a topic that will be deleted, and keeps its events.
    pub(crate) fn leave(&mut self, topic: &str) {
        for consumer in &self.consumers {
            let assigned = consumer.assignment().expect("an assignment");
            let mut left = TopicPartitionList::new();
            for element in assigned.elements().iter().filter(|element| element.topic() == topic) {
                left.add_partition(topic, element.partition());
            }
            if left.count() > 0 {
                consumer.incremental_unassign(&left).expect("the partitions were assigned");
            }
        }
    }

    /// Waits for the first event that fits. Events read before count, too.
    pub(crate) fn wait(&mut self, what: &str, fits: impl Fn(&Event) -> bool) -> Event {
        self.wait_many(what, 1, fits).swap_remove(0)
    }

    /// Waits for the first `count` events that fit, in the order of arrival.
    pub(crate) fn wait_many(
        &mut self,
        what: &str,
        count: usize,
        fits: impl Fn(&Event) -> bool,
    ) -> Vec<Event> {
        let until = Instant::now() + EVENT_LIMIT;
        let mut found = Vec::new();
        let mut seen = 0;
        loop {
            while seen < self.events.len() {
                if fits(&self.events[seen]) {
                    found.push(self.events[seen].clone());
                }
                seen += 1;
                if found.len() == count {
                    return found;
                }
            }
            if Instant::now() > until {
                panic!("{what}: {} of {count} after {EVENT_LIMIT:?}{}", found.len(), self.last_events());
            }
            self.poll(Duration::from_millis(50));
        }
    }

    /// Reads until no event arrives for `quiet`.
    pub(crate) fn settle(&mut self, quiet: Duration) {
        let mut last = Instant::now();
        while last.elapsed() < quiet {
            if self.poll(Duration::from_millis(20)) {
                last = Instant::now();
            }
        }
    }

    /// Reads what is available and waits for at most `timeout`. Returns whether an event arrived.
    pub(crate) fn poll(&mut self, timeout: Duration) -> bool {
        let before = self.events.len();
        let mut timeout = timeout;
        for consumer in &self.consumers {
            while let Some(message) = consumer.poll(timeout) {
                match message {
                    Ok(message) => self.events.push(Event::of(&message)),
                    Err(error) if transient(&error) => {}
                    Err(error) => panic!("the reader: {error}"),
                }
                timeout = Duration::ZERO;
            }
        }
        self.events.len() > before
    }

    /// Locations of the last events, without their content, for the message of a failure.
    fn last_events(&self) -> String {
        let last = self.events.iter().rev().take(12).rev();
        last.map(|e| format!("\n  {}[{}]@{} {}", e.topic, e.partition, e.offset, e.text("ce_type"))).collect()
    }
}

fn from_beginning(consumer: &BaseConsumer, topics: &[&str]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for topic in topics {
        for partition in 0..partitions_of(consumer, topic) {
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
        }
    }
    list
}

fn transient(error: &KafkaError) -> bool {
    matches!(
        error,
        KafkaError::MessageConsumption(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::PartitionEOF
        )
    )
}

/// The number of partitions of an existing topic.
fn partitions_of(consumer: &BaseConsumer, topic: &str) -> i32 {
    let until = Instant::now() + DELIVERY_LIMIT;
    while Instant::now() < until {
        let metadata = consumer.fetch_metadata(Some(topic), DELIVERY_LIMIT).expect("metadata");
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        if count > 0 {
            return i32::try_from(count).expect("a partition count");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the topic {topic} does not exist");
}
