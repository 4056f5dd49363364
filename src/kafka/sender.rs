//! A producer without transactions, as callers of the service have one: single records, and load.
//!
//! Nothing of the service itself goes through it. Deliveries are served on the calling thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::consumer::c_names;
use super::errors::EdgeError;
use super::ffi::{Failure, ProducerClient};
use super::properties::Properties;

/// How long one record may wait for room in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Deliveries {
    done: AtomicU64,
    failed: OnceLock<Code>,
}

/// A record to send.
#[derive(Clone, Copy, Debug)]
pub struct ToSend<'a> {
    /// Its place in the list of topics.
    pub topic: usize,
    pub partition: i32,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, Option<&'a [u8]>)],
}

pub struct Sender {
    client: ProducerClient,
    deliveries: Arc<Deliveries>,
    sent: Cell<u64>,
}

impl Sender {
    /// `topics` are numbered in their order.
    ///
    /// # Errors
    /// A property or a topic's name is refused.
    pub fn new(properties: &Properties, topics: &[String]) -> Result<Self, EdgeError> {
        let deliveries = Arc::<Deliveries>::default();
        let counted = deliveries.clone();
        let on_delivery = Box::new(move |_, _, error| {
            counted.done.fetch_add(1, Ordering::Relaxed);
            if let Some(code) = error {
                counted.failed.get_or_init(|| code);
            }
        });
        let client = ProducerClient::new(&properties.sender(), &c_names(topics)?, on_delivery)
            .map_err(|text| EdgeError::plain("create producer", text))?;
        Ok(Self { client, deliveries, sent: Cell::new(0) })
    }

    /// Hands a copy of a record over; waits (bounded) if the queue is full.
    ///
    /// # Errors
    /// librdkafka does not take it.
    pub fn send(&self, record: ToSend<'_>) -> Result<(), EdgeError> {
        let mut full_since = None;
        loop {
            let names = record.headers.iter().map(|(name, value)| (name.as_bytes(), *value));
            let headers = (record.headers.len(), names);
            let ToSend { topic, partition, key, value, .. } = record;
            match self.client.produce(topic, partition, key, value, headers, 0) {
                Ok(()) => {
                    self.sent.set(self.sent.get() + 1);
                    return Ok(());
                }
                Err(failure) if failure.code == Code::QueueFull => {
                    let since = *full_since.get_or_insert_with(now);
                    if since.elapsed() > QUEUE_WAIT_MAX {
                        return Err(EdgeError::new("send", failure));
                    }
                    self.client.serve(Duration::from_millis(5));
                }
                Err(failure) => return Err(EdgeError::new("send", failure)),
            }
        }
    }

    /// Serves deliveries for at most `timeout`.
    ///
    /// # Errors
    /// A record was not delivered.
    pub fn serve(&self, timeout: Duration) -> Result<(), EdgeError> {
        self.client.serve(timeout);
        match self.deliveries.failed.get() {
            None => Ok(()),
            Some(code) => Err(EdgeError::new("deliver", Failure::of_code(*code))),
        }
    }

    /// Waits until everything is delivered.
    ///
    /// # Errors
    /// A record was not delivered, or not in time.
    pub fn flush(&self, timeout: Duration) -> Result<(), EdgeError> {
        let deadline = now() + timeout;
        while self.deliveries.done.load(Ordering::Relaxed) < self.sent.get() {
            self.serve(Duration::from_millis(10))?;
            if now() > deadline {
                return Err(EdgeError::new("deliver", Failure::of_code(Code::MessageTimedOut)));
            }
        }
        self.serve(Duration::ZERO)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.client.purge();
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "bounds how long a send may block; decides nothing")]
    Instant::now()
}
