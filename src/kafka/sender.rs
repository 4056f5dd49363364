//! A producer without transactions, as callers of the service use one: for single records and for load.
//!
//! The service itself writes nothing with it. Delivery reports are handled on the calling thread.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::EdgeError;
use super::ffi::{NativeError, ProducerClient, c_names};
use super::properties::Properties;

/// Longest wait of one record for room in librdkafka's queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Deliveries {
    /// Records that were delivered or failed.
    done: AtomicU64,
    first_failure: OnceLock<Code>,
}

/// A record for [`Sender::send`].
#[derive(Clone, Copy, Debug)]
pub struct ToSend<'a> {
    /// Position in the list of topics.
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
    /// # Errors
    /// librdkafka refuses a property or a topic name.
    pub fn new(properties: &Properties, topics: &[String]) -> Result<Self, EdgeError> {
        let deliveries = Arc::<Deliveries>::default();
        let counted = deliveries.clone();
        let on_delivery = Box::new(move |_, _, error| {
            counted.done.fetch_add(1, Ordering::Relaxed);
            if let Some(code) = error {
                counted.first_failure.get_or_init(|| code);
            }
        });
        let topics = c_names(topics).map_err(|failure| EdgeError::new("create producer", failure))?;
        let client = ProducerClient::new(&properties.sender(), &topics, on_delivery)
            .map_err(|text| EdgeError::plain("create producer", text))?;
        Ok(Self { client, deliveries, sent: Cell::new(0) })
    }

    /// Hands a copy of a record to librdkafka. Waits for at most [`QUEUE_WAIT_MAX`] while the queue is full.
    ///
    /// # Errors
    /// librdkafka does not take the record.
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

    /// Handles delivery reports for at most `timeout`.
    ///
    /// # Errors
    /// A record was not delivered.
    pub fn serve(&self, timeout: Duration) -> Result<(), EdgeError> {
        self.client.serve(timeout);
        match self.deliveries.first_failure.get() {
            None => Ok(()),
            Some(code) => Err(EdgeError::new("deliver", NativeError::of_code(*code))),
        }
    }

    /// Waits until every record is delivered.
    ///
    /// # Errors
    /// A record was not delivered, or not within `timeout`.
    pub fn flush(&self, timeout: Duration) -> Result<(), EdgeError> {
        let deadline = now() + timeout;
        while self.deliveries.done.load(Ordering::Relaxed) < self.sent.get() {
            self.serve(Duration::from_millis(10))?;
            if now() > deadline {
                return Err(EdgeError::new("deliver", NativeError::of_code(Code::MessageTimedOut)));
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
