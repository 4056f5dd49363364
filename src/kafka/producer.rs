//! The transactional producer of one stream thread.
//!
//! One call of ours is one step of the protocol; what to do about a failure is the caller's (see [`Class`]). Deliveries
//! are served on the calling thread, inside [`Producer::commit`] and where the queue is full. It may go from thread to
//! thread.

use std::cell::Cell;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use otp_topology::wire::outbox::{Outbox, Outgoing, OutputTopic};
use otp_topology::wire::record::SourcePartition;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::consumer::c_names;
use super::errors::{Class, EdgeError, TransactionError};
use super::ffi::{Failure, GroupMetadata, OnDelivery, Partitions, ProducerClient};
use super::properties::Properties;

/// How long one record may wait for room in the queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// The first wait for a producer id, and the longest; each is twice the one before.
const INIT_WAIT_MIN: Duration = Duration::from_millis(20);
const INIT_WAIT_MAX: Duration = Duration::from_millis(640);
/// How long a record waits for the delivery of those before it. What stays undelivered for longer may be the sign of an
/// error, and the next call tells.
const DELIVERY_WAIT_MAX: Duration = Duration::from_millis(500);
/// Fewer records are not worth a request of their own before the commit.
const FEW_RECORDS: usize = 1_000;
/// How long the markers of a transaction take at least. The next one cannot have partitions before they are written, and
/// librdkafka asks again only after 20 ms.
const MARKERS_MIN: Duration = Duration::from_millis(1);
/// What one request carries for a partition, in bytes; below `batch.size`.
const REQUEST_BYTES_MAX: usize = 900_000;
/// What a record adds to its key, value and headers in a request, at most.
const RECORD_BYTES: usize = 40;

/// What was delivered since the transaction began.
#[derive(Default)]
struct Deliveries {
    /// Per changelog partition the highest offset; negative for none.
    changelog: Vec<i64>,
    failed: Option<Code>,
}

pub struct Producer {
    client: ProducerClient,
    outputs: usize,
    sources: Vec<CString>,
    changelog: Option<OutputTopic>,
    deliveries: Arc<Mutex<Deliveries>>,
    committed_at: Cell<Option<Instant>>,
}

impl Producer {
    /// `outputs` and `sources` are numbered as [`OutputTopic`]s and `SourceTopic`s in their order. Of the topic
    /// `changelog` delivered offsets are kept.
    ///
    /// # Errors
    /// A property or a topic's name is refused.
    pub fn new(
        properties: &Properties,
        transactional_id: &str,
        outputs: &[String],
        sources: &[String],
        changelog: Option<OutputTopic>,
    ) -> Result<Self, EdgeError> {
        let deliveries = Arc::<Mutex<Deliveries>>::default();
        let config = properties.transactional_producer(transactional_id);
        let client = ProducerClient::new(&config, &c_names(outputs)?, on_delivery(deliveries.clone()))
            .map_err(|text| EdgeError::plain("create producer", text))?;
        Ok(Self {
            client,
            outputs: outputs.len(),
            sources: c_names(sources)?,
            changelog,
            deliveries,
            committed_at: Cell::new(None),
        })
    }

    /// Takes over the transactional id: fences its other owners and settles what they left open.
    ///
    /// librdkafka asks again only every 500 ms, both before it has a connection and while the coordinator aborts what a
    /// dead process left open, which takes a few milliseconds. Calling it again makes it ask at once.
    ///
    /// # Errors
    /// See [`Class`]; a time-out may be tried again on the same producer.
    pub fn init(&self, timeout: Duration) -> Result<(), TransactionError> {
        let (begun, mut wait) = (now(), INIT_WAIT_MIN);
        loop {
            let left = timeout.saturating_sub(begun.elapsed());
            match step("init_transactions", self.client.handle().init_transactions(wait.min(left))) {
                Err(error) if wait < left && is_passing(error.class) => {
                    wait = INIT_WAIT_MAX.min(wait * 2);
                }
                result => return result,
            }
        }
    }

    /// # Errors
    /// See [`Class`].
    pub fn begin(&self) -> Result<(), TransactionError> {
        let mut deliveries = locked(&self.deliveries);
        deliveries.changelog.fill(-1);
        deliveries.failed = None;
        drop(deliveries);
        step("begin_transaction", self.client.handle().begin_transaction())
    }

    /// Hands over copies of the outbox's records from the `first`th on, if they are many, everything before them is
    /// delivered, and no more than one request per partition carries. Returns the first that is left.
    ///
    /// librdkafka sends an idempotent producer's requests to a partition one at a time, and its thread spins while more
    /// waits behind one. The first records of a transaction go over even if they are few: they linger for company, but
    /// librdkafka adds their partitions to the transaction meanwhile, a millisecond later and with a request; but not at
    /// once after a commit, whose markers are still being written.
    ///
    /// # Errors
    /// See [`Class`]; a record that is too large, or for an unknown partition, is [`Class::Abortable`].
    pub fn produce_along(&self, outbox: &Outbox, first: usize) -> Result<usize, TransactionError> {
        let few = outbox.len() - first < FEW_RECORDS;
        if few && (first > 0 || self.has_just_committed()) {
            return Ok(first);
        }
        self.client.serve(Duration::ZERO);
        if self.client.outstanding() > 0 { Ok(first) } else { self.produce_wave(outbox, first) }
    }

    /// As [`Producer::produce_along`], but waits in between until nothing is left.
    ///
    /// # Errors
    /// As there.
    pub fn produce_rest(&self, outbox: &Outbox, mut first: usize) -> Result<(), TransactionError> {
        // Behind a few there is room in the same request.
        let mut wait = first >= FEW_RECORDS;
        while first < outbox.len() {
            if wait {
                self.client.flush(DELIVERY_WAIT_MAX);
            }
            first = self.produce_wave(outbox, first)?;
            wait = true;
        }
        Ok(())
    }

    fn produce_wave(&self, outbox: &Outbox, first: usize) -> Result<usize, TransactionError> {
        let mut sizes = vec![Vec::new(); self.outputs];
        let mut next = first;
        for record in outbox.iter_from(first) {
            let partitions: &mut Vec<usize> = &mut sizes[usize::from(record.topic().0)];
            let partition = record.partition() as usize;
            if partitions.len() <= partition {
                partitions.resize(partition + 1, 0);
            }
            let size = partitions[partition] + record.size_bytes() + RECORD_BYTES;
            if size > REQUEST_BYTES_MAX && partitions[partition] > 0 {
                break;
            }
            partitions[partition] = size;
            self.produce(record)?;
            next += 1;
        }
        Ok(next)
    }

    /// Hands a copy of a record over; waits (bounded) if the queue is full.
    fn produce(&self, record: Outgoing<'_>) -> Result<(), TransactionError> {
        let topic = usize::from(record.topic().0);
        let partition = record.partition();
        let opaque = if self.changelog == Some(record.topic()) { partition as usize + 1 } else { 0 };
        let mut full_since = None;
        loop {
            let headers = record.headers().map(|(name, value)| (name.as_bytes(), value));
            let headers = (record.header_count(), headers);
            let produced =
                self.client.produce(topic, partition, record.key(), record.value(), headers, opaque);
            match produced {
                Ok(()) => return Ok(()),
                Err(failure) if failure.code == Code::QueueFull => {
                    let since = *full_since.get_or_insert_with(now);
                    if since.elapsed() > QUEUE_WAIT_MAX {
                        return Err(abortable(failure));
                    }
                    self.client.serve(Duration::from_millis(5));
                }
                Err(failure) => return Err(self.refused(failure)),
            }
        }
    }

    /// Adds the next offsets to the transaction: the fence of ownership. `offsets` must not be empty, or nothing is
    /// sent and nothing fenced.
    ///
    /// # Errors
    /// See [`Class`].
    ///
    /// # Panics
    /// `offsets` is empty.
    pub fn send_offsets(
        &self,
        offsets: &[(SourcePartition, i64)],
        group: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        assert!(!offsets.is_empty(), "a transaction without offsets is not fenced");
        let mut list = Partitions::new(offsets.len());
        for (source, offset) in offsets {
            list.add(&self.sources[usize::from(source.topic.0)], source.partition, *offset);
        }
        let sent = self.client.handle().send_offsets(&list, group, timeout);
        step("send_offsets_to_transaction", sent)
    }

    /// Waits until everything is delivered, then commits.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn commit(&self, timeout: Duration) -> Result<(), TransactionError> {
        let result = step("commit_transaction", self.client.handle().commit_transaction(timeout));
        self.committed_at.set(Some(now()));
        result
    }

    /// # Errors
    /// See [`Class`].
    pub fn abort(&self, timeout: Duration) -> Result<(), TransactionError> {
        step("abort_transaction", self.client.handle().abort_transaction(timeout))
    }

    /// The highest offset that this transaction's records have in a changelog partition; complete after a commit.
    pub fn delivered(&self, changelog_partition: i32) -> Option<i64> {
        let offsets = &locked(&self.deliveries).changelog;
        offsets.get(usize::try_from(changelog_partition).ok()?).copied().filter(|offset| *offset >= 0)
    }

    /// Why the first record of this transaction that was not delivered was not.
    pub fn delivery_failure(&self) -> Option<Code> {
        locked(&self.deliveries).failed
    }

    fn has_just_committed(&self) -> bool {
        self.committed_at.get().is_some_and(|at| at.elapsed() < MARKERS_MIN)
    }

    /// A record that librdkafka did not take. What is wrong with the record alone is worth a bisection, not a restart.
    fn refused(&self, failure: Failure) -> TransactionError {
        if let Some(fatal) = self.client.handle().fatal() {
            return TransactionError::new("produce", fatal);
        }
        match failure.code {
            Code::MessageSizeTooLarge
            | Code::UnknownPartition
            | Code::UnknownTopic
            | Code::InvalidArgument
            | Code::State => abortable(failure),
            _ => TransactionError::new("produce", failure),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.client.purge();
    }
}

/// Whether asking for a producer id again may help; nothing is open yet that could have an unknown outcome.
fn is_passing(class: Class) -> bool {
    match class {
        Class::Retriable | Class::UnknownOutcome => true,
        Class::Abortable | Class::FencedGeneration | Class::FencedEpoch | Class::Fatal => false,
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "bounds a blocking call; decides nothing")]
    Instant::now()
}

fn step(call: &'static str, result: Result<(), Failure>) -> Result<(), TransactionError> {
    result.map_err(|failure| TransactionError::new(call, failure))
}

/// librdkafka answers `State` to a produce after the transaction already failed in the background.
fn abortable(failure: Failure) -> TransactionError {
    TransactionError { class: Class::Abortable, ..TransactionError::new("produce", failure) }
}

/// What is told of one delivery is whole, whatever happened to the thread that told it.
fn locked(deliveries: &Mutex<Deliveries>) -> MutexGuard<'_, Deliveries> {
    deliveries.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_delivery(deliveries: Arc<Mutex<Deliveries>>) -> OnDelivery {
    Box::new(move |opaque, offset, error| match (error, opaque.checked_sub(1)) {
        (Some(code), _) => drop(locked(&deliveries).failed.get_or_insert(code)),
        (None, Some(partition)) => {
            let offsets = &mut locked(&deliveries).changelog;
            if offsets.len() <= partition {
                offsets.resize(partition + 1, -1);
            }
            offsets[partition] = offsets[partition].max(offset);
        }
        (None, None) => {}
    })
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;
