//! The transactional producer of one stream thread.
//!
//! Each method is one step of Kafka's transaction protocol. The caller decides what follows from a failure, see [`Class`].
//! Only one thread uses a producer at a time, but it may move to another thread between two calls.
//!
//! The caller collects the records of a transaction in an [`Outbox`]. They reach librdkafka in *rounds*. A round holds
//! consecutive records, at most one produce request for each partition:
//!
//! ```text
//!  begin ─▶ produce_early (any number of times, while records are processed)
//!             │  returns immediately; hands over one round, or nothing
//!             ▼
//!           produce_remaining ─▶ round ─ delivered ─▶ round ─ delivered ─▶ … ─▶ last round
//!                                                                                 │
//!           delivered ◀─ commit (waits until everything is delivered) ◀─ send_offsets
//! ```
//!
//! Two properties of librdkafka explain why a round waits for the one before it, and what is produced early:
//!
//! - It sends the requests of an idempotent producer to a partition one at a time. Its thread spins while a second
//!   request waits behind the first.
//! - A transaction must register each partition with its coordinator, which costs a request. librdkafka sends it as soon
//!   as the partition has a record, while the record itself still waits for `linger.ms`.
//!
//! | records that the producer does not have yet | [`Producer::produce_early`] |
//! |---|---|
//! | few, and the first of the transaction | hands them over, so that their partitions are registered before the commit |
//! | few, and not the first | leaves them for [`Producer::produce_remaining`]: they share its request |
//! | many ([`FEW_RECORDS_MAX`] or more) | hands over a round, if everything before is delivered |

use std::cell::Cell;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use otp_topology::wire::outbox::{Outbox, Outgoing, OutputTopic};
use otp_topology::wire::record::SourcePartition;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::errors::{Class, EdgeError, TransactionError};
use super::ffi::{GroupMetadata, NativeError, OnDelivery, Partitions, ProducerClient, c_names};
use super::properties::{BATCH_SIZE_BYTES, Properties};

/// Longest wait of one record for room in librdkafka's queue.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// First and longest wait for a producer id. Each wait is twice the one before.
const INIT_WAIT_MIN: Duration = Duration::from_millis(20);
const INIT_WAIT_MAX: Duration = Duration::from_millis(640);
/// Longest wait of a round for the delivery of the round before. After that the round is produced anyway: a late delivery
/// may be a failed one, and the next call reports it.
const DELIVERY_WAIT_MAX: Duration = Duration::from_millis(500);
/// Fewer records are not worth a produce request of their own before the commit.
const FEW_RECORDS_MAX: usize = 1_000;
/// Shortest time that the brokers need to write the markers that end a transaction. Until then the coordinator refuses
/// the partitions of the next transaction, and librdkafka tries again only after 20 ms.
const MARKERS_MIN: Duration = Duration::from_millis(1);
/// Most bytes of one partition in a round.
const REQUEST_BYTES_MAX: usize = 900_000;
/// Most bytes that a record adds to its key, value and headers in a request.
const RECORD_OVERHEAD_BYTES_MAX: usize = 40;

const _: () =
    assert!(REQUEST_BYTES_MAX < BATCH_SIZE_BYTES, "librdkafka would split a round into two requests");

/// By changelog partition, the highest offset that was delivered since the transaction began; negative: none.
type DeliveredOffsets = Vec<i64>;

pub struct Producer {
    client: ProducerClient,
    outputs: usize,
    sources: Vec<CString>,
    changelog: Option<OutputTopic>,
    deliveries: Arc<Mutex<DeliveredOffsets>>,
    committed_at: Cell<Option<Instant>>,
}

impl Producer {
    /// `outputs` and `sources` are topic names; their positions are the numbers of [`OutputTopic`]s and `SourceTopic`s.
    /// The producer remembers the delivered offsets of the topic `changelog`.
    ///
    /// # Errors
    /// librdkafka refuses a property or a topic name.
    pub fn new(
        properties: &Properties,
        transactional_id: &str,
        outputs: &[String],
        sources: &[String],
        changelog: Option<OutputTopic>,
    ) -> Result<Self, EdgeError> {
        let deliveries = Arc::<Mutex<DeliveredOffsets>>::default();
        let config = properties.transactional_producer(transactional_id);
        let refused = |failure| EdgeError::new("create producer", failure);
        let (topics, sources) = (c_names(outputs).map_err(refused)?, c_names(sources).map_err(refused)?);
        let client = ProducerClient::new(&config, &topics, on_delivery(deliveries.clone()))
            .map_err(|text| EdgeError::plain("create producer", text))?;
        Ok(Self {
            client,
            outputs: outputs.len(),
            sources,
            changelog,
            deliveries,
            committed_at: Cell::new(None),
        })
    }

    /// Takes over the transactional id: fences its other owners and ends the transaction that they left open.
    ///
    /// librdkafka itself asks the coordinator only every 500 ms, before it has a connection and while the coordinator
    /// aborts the open transaction of a dead process. Both take a few milliseconds. A new call makes it ask immediately, so
    /// this method makes short calls.
    ///
    /// # Errors
    /// See [`Class`]. After a time-out the same producer may try again.
    pub fn init(&self, timeout: Duration) -> Result<(), TransactionError> {
        let (started, mut wait) = (now(), INIT_WAIT_MIN);
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            match step("init_transactions", self.client.handle().init_transactions(wait.min(left))) {
                Err(error) if wait < left && is_temporary(error.class) => {
                    wait = INIT_WAIT_MAX.min(wait * 2);
                }
                result => return result,
            }
        }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn begin(&self) -> Result<(), TransactionError> {
        locked(&self.deliveries).fill(-1);
        step("begin_transaction", self.client.handle().begin_transaction())
    }

    /// Hands over at most one round of the outbox, from record `first` on, and returns the first record that it did not
    /// hand over. Does not wait. The table above says when it hands over nothing; that is also so shortly after a commit
    /// ([`MARKERS_MIN`]) unless there are many records.
    ///
    /// # Errors
    /// See [`Class`]. [`Class::Abortable`]: a record is too large, or its partition is unknown.
    pub fn produce_early(&self, outbox: &Outbox, first: usize) -> Result<usize, TransactionError> {
        let are_few = outbox.len() - first < FEW_RECORDS_MAX;
        if are_few && (first > 0 || self.has_just_committed()) {
            return Ok(first);
        }
        self.client.serve(Duration::ZERO);
        if self.client.outstanding() > 0 { Ok(first) } else { self.produce_round(outbox, first) }
    }

    /// Hands over all records of the outbox from record `first` on, round after round. Waits between rounds.
    ///
    /// # Errors
    /// As [`Producer::produce_early`].
    pub fn produce_remaining(&self, outbox: &Outbox, mut first: usize) -> Result<(), TransactionError> {
        // If few records were produced early, their request has room for this round, too.
        let mut must_wait = first >= FEW_RECORDS_MAX;
        while first < outbox.len() {
            if must_wait {
                self.client.flush(DELIVERY_WAIT_MAX);
            }
            first = self.produce_round(outbox, first)?;
            must_wait = true;
        }
        Ok(())
    }

    /// Returns the first record that is not part of the round.
    fn produce_round(&self, outbox: &Outbox, first: usize) -> Result<usize, TransactionError> {
        let mut sizes = vec![Vec::new(); self.outputs];
        let mut next = first;
        for record in outbox.iter_from(first) {
            let partitions: &mut Vec<usize> = &mut sizes[usize::from(record.topic().0)];
            let partition = record.partition() as usize;
            if partitions.len() <= partition {
                partitions.resize(partition + 1, 0);
            }
            let size = partitions[partition] + record.size_bytes() + RECORD_OVERHEAD_BYTES_MAX;
            if size > REQUEST_BYTES_MAX && partitions[partition] > 0 {
                break;
            }
            partitions[partition] = size;
            self.produce(record)?;
            next += 1;
        }
        Ok(next)
    }

    /// Hands a copy of a record to librdkafka. Waits for at most [`QUEUE_WAIT_MAX`] while the queue is full.
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

    /// Adds consumed offsets (of the next records to read) to the transaction. The group coordinator refuses them if
    /// `group` is not the current generation, so this call fences a producer that no longer owns its partitions.
    ///
    /// # Errors
    /// See [`Class`].
    ///
    /// # Panics
    /// `offsets` is empty: librdkafka would send nothing, and the transaction would not be fenced.
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

    /// Waits until every record is delivered, then commits.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn commit(&self, timeout: Duration) -> Result<(), TransactionError> {
        let result = step("commit_transaction", self.client.handle().commit_transaction(timeout));
        self.committed_at.set(Some(now()));
        result
    }

    /// Aborts the transaction, its undelivered records included.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn abort(&self, timeout: Duration) -> Result<(), TransactionError> {
        step("abort_transaction", self.client.handle().abort_transaction(timeout))
    }

    /// The highest offset that a record of this transaction has in a changelog partition. Final after a commit.
    pub fn delivered(&self, changelog_partition: i32) -> Option<i64> {
        let offsets = locked(&self.deliveries);
        offsets.get(usize::try_from(changelog_partition).ok()?).copied().filter(|offset| *offset >= 0)
    }

    fn has_just_committed(&self) -> bool {
        self.committed_at.get().is_some_and(|at| at.elapsed() < MARKERS_MIN)
    }

    /// The error for a record that librdkafka did not take. If only the record is at fault, the error is abortable: the
    /// caller can then search the batch for it, and the producer stays usable.
    #[expect(clippy::wildcard_enum_match_arm, reason = "librdkafka's codes grow")]
    fn refused(&self, failure: NativeError) -> TransactionError {
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

/// Whether another call for a producer id may succeed. No transaction is open yet, so a time-out leaves nothing unknown.
fn is_temporary(class: Class) -> bool {
    match class {
        Class::Retriable | Class::UnknownOutcome => true,
        Class::Abortable | Class::FencedGeneration | Class::FencedEpoch | Class::Fatal => false,
    }
}

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "bounds a blocking call; decides nothing")]
    Instant::now()
}

fn step(call: &'static str, result: Result<(), NativeError>) -> Result<(), TransactionError> {
    result.map_err(|failure| TransactionError::new(call, failure))
}

/// For example, librdkafka returns `State` for a record if the transaction has already failed in the background.
fn abortable(failure: NativeError) -> TransactionError {
    TransactionError { class: Class::Abortable, ..TransactionError::new("produce", failure) }
}

/// A poisoned lock is usable: each delivery report updates one number.
fn locked(deliveries: &Mutex<DeliveredOffsets>) -> MutexGuard<'_, DeliveredOffsets> {
    deliveries.lock().unwrap_or_else(PoisonError::into_inner)
}

fn on_delivery(deliveries: Arc<Mutex<DeliveredOffsets>>) -> OnDelivery {
    // A failed delivery fails the commit, which reports the error.
    Box::new(move |opaque, offset, error| {
        if let (None, Some(partition)) = (error, opaque.checked_sub(1)) {
            let mut offsets = locked(&deliveries);
            if offsets.len() <= partition {
                offsets.resize(partition + 1, -1);
            }
            offsets[partition] = offsets[partition].max(offset);
        }
    })
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;
