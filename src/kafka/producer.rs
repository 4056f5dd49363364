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

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use otp_codec::EncodeError;
use otp_topology::thread::Refusal;
use otp_topology::wire::outbox::{Outbox, Outgoing, OutputTopic};
use otp_topology::wire::record::SourcePartition;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::encodings::{AvroEncoding, Encodings};
use super::errors::{Class, EdgeError, TransactionError};
use super::ffi::{GroupMetadata, NativeError, OnDelivery, Partitions, ProducerClient, c_names};
use super::properties::{BATCH_SIZE_BYTES, Properties};
use super::refusal::{FailedCall, OutputTopics};

/// Longest wait of one record for room in librdkafka's queue.
pub(crate) const QUEUE_WAIT_MAX: Duration = Duration::from_secs(5);
/// First and longest wait for a producer id. Each wait is twice the one before.
const INIT_WAIT_MIN: Duration = Duration::from_millis(20);
const INIT_WAIT_MAX: Duration = Duration::from_millis(640);
/// Longest wait of a round for the delivery of the round before. After that the round is produced anyway: a late delivery
/// may be a failed one, and the next call reports it.
const DELIVERY_WAIT_MAX: Duration = Duration::from_millis(500);
/// Longest wait of all rounds of a transaction together.
pub(crate) const ROUNDS_WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the reports of records that an error has dropped. librdkafka reports them immediately.
const REPORTS_WAIT_MAX: Duration = Duration::from_millis(500);
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

/// What was reported of the records since the transaction began.
#[derive(Default)]
struct Deliveries {
    /// By changelog partition, the highest offset that was delivered; negative: none.
    changelog: Vec<i64>,
    /// Topics of which a record was not delivered, each with its first error.
    failed: BTreeMap<OutputTopic, Code>,
}

pub struct Producer {
    client: ProducerClient,
    outputs: OutputTopics,
    sources: Vec<CString>,
    /// Whether the transaction has records of a topic.
    written: Vec<Cell<bool>>,
    deliveries: Arc<Mutex<Deliveries>>,
    committed_at: Cell<Option<Instant>>,
    encodings: Arc<Encodings>,
    /// The last value in Avro.
    avro: RefCell<Vec<u8>>,
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
        let deliveries = Arc::<Mutex<Deliveries>>::default();
        let config = properties.transactional_producer(transactional_id);
        let refused = |failure| EdgeError::new("create producer", failure);
        let (topics, sources) = (c_names(outputs).map_err(refused)?, c_names(sources).map_err(refused)?);
        let client = ProducerClient::new(&config, &topics, on_delivery(deliveries.clone(), changelog))
            .map_err(|text| EdgeError::plain("create producer", text))?;
        Ok(Self {
            client,
            outputs: OutputTopics::new(properties, outputs),
            sources,
            written: vec![Cell::new(false); outputs.len()],
            deliveries,
            committed_at: Cell::new(None),
            encodings: Arc::default(),
            avro: RefCell::default(),
        })
    }

    /// Writes some topics as Avro.
    #[must_use]
    pub fn with_encodings(mut self, encodings: Arc<Encodings>) -> Self {
        self.encodings = encodings;
        self
    }

    /// Takes over the transactional id: fences its other owners and ends the transaction that they left open.
    ///
    /// librdkafka itself asks the coordinator only every 500 ms, before it has a connection and while the coordinator
    /// aborts the open transaction of a dead process. Both take a few milliseconds. A new call makes it ask immediately, so
    /// this method makes short calls. `is_needed` is asked before each: false ends the method.
    ///
    /// # Errors
    /// See [`Class`]. After a time-out the same producer may try again.
    pub fn init(&self, timeout: Duration, is_needed: impl Fn() -> bool) -> Result<(), TransactionError> {
        let (started, mut wait) = (now(), INIT_WAIT_MIN);
        loop {
            let left = timeout.saturating_sub(started.elapsed());
            let asked = now();
            match step("init_transactions", self.client.handle().init_transactions(wait.min(left))) {
                Err(error) if wait < left && is_temporary(error.class) && is_needed() => {
                    // It may be refused for now without a wait.
                    std::thread::sleep(INIT_WAIT_MIN.saturating_sub(asked.elapsed()));
                    wait = INIT_WAIT_MAX.min(wait * 2);
                }
                result => return result,
            }
        }
    }

    /// Learns the brokers' clock from a record that nobody reads: its transaction is aborted. So the first request is judged
    /// by that clock, too. If no broker stamps the record in time, nothing is learnt.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn ask_time(&self, of: OutputTopic, timeout: Duration) -> Result<(), TransactionError> {
        self.begin()?;
        let (topic, no_headers) = (usize::from(of.0), (0, std::iter::empty()));
        let produced = self.client.produce(topic, 0, Some(b"clock"), None, no_headers, opaque_of(of, 0));
        if produced.is_ok() {
            self.client.flush(timeout);
        }
        self.abort(timeout)
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// See [`Class`].
    pub fn begin(&self) -> Result<(), TransactionError> {
        {
            let mut deliveries = locked(&self.deliveries);
            deliveries.changelog.fill(-1);
            deliveries.failed.clear();
        }
        self.written.iter().for_each(|it| it.set(false));
        step("begin_transaction", self.client.handle().begin_transaction())
    }

    /// Hands over at most one round of the outbox, from record `first` on, and returns the first record that it did not
    /// hand over. Does not wait. The table above says when it hands over nothing; that is also so shortly after a commit
    /// ([`MARKERS_MIN`]) unless there are many records.
    ///
    /// # Errors
    /// See [`Class`].
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
        let started = now();
        while first < outbox.len() {
            if must_wait {
                let left = ROUNDS_WAIT_MAX.saturating_sub(started.elapsed());
                self.client.flush(DELIVERY_WAIT_MAX.min(left));
            }
            first = self.produce_round(outbox, first)?;
            must_wait = true;
        }
        Ok(())
    }

    /// Returns the first record that is not part of the round.
    fn produce_round(&self, outbox: &Outbox, first: usize) -> Result<usize, TransactionError> {
        let mut sizes = vec![Vec::new(); self.written.len()];
        let mut next = first;
        for record in outbox.iter_from(first) {
            let partitions: &mut Vec<usize> = &mut sizes[usize::from(record.topic().0)];
            let partition = record.partition() as usize;
            if partitions.len() <= partition {
                partitions.resize(partition + 1, 0);
            }
            let growth = self.encodings.of(record.topic()).map_or(0, AvroEncoding::growth_bytes_max);
            let size = partitions[partition] + record.size_bytes() + growth + RECORD_OVERHEAD_BYTES_MAX;
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
        let opaque = opaque_of(record.topic(), partition);
        self.written[topic].set(true);
        let avro = self.encodings.of(record.topic());
        let mut encoded = self.avro.borrow_mut();
        if let Some(avro) = avro {
            avro.encode(record, &mut encoded).map_err(|error| unfit(&error))?;
        }
        let value = record.value().map(|json| if avro.is_some() { &encoded[..] } else { json });
        let mut full_since = None;
        loop {
            let headers = record
                .headers()
                .map(|(name, value)| (name.as_bytes(), avro.map_or(value, |avro| avro.header(name, value))));
            let headers = headers.chain(avro.map(AvroEncoding::own_header));
            let headers = (record.header_count() + usize::from(avro.is_some()), headers);
            match self.client.produce(topic, partition, record.key(), value, headers, opaque) {
                Ok(()) => return Ok(()),
                Err(failure) if failure.code == Code::QueueFull => {
                    let since = *full_since.get_or_insert_with(now);
                    if since.elapsed() > QUEUE_WAIT_MAX {
                        return Err(abortable(failure));
                    }
                    self.client.serve(Duration::from_millis(5));
                }
                Err(failure) => return Err(self.not_taken(record.topic(), failure)),
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
        let deliveries = locked(&self.deliveries);
        let offset = deliveries.changelog.get(usize::try_from(changelog_partition).ok()?);
        offset.copied().filter(|offset| *offset >= 0)
    }

    /// What the cluster refuses of a call that failed, as far as it says. `None`: nothing is known to be refused. Asks the
    /// cluster, which may take some seconds.
    pub fn refusal(&self, error: &TransactionError) -> Option<Refusal> {
        // The records that the error has dropped are reported, too.
        self.client.flush(REPORTS_WAIT_MAX);
        let failed = locked(&self.deliveries).failed.clone();
        let written = |it: &OutputTopic| self.written[usize::from(it.0)].get();
        let written = (0..).map(OutputTopic).take(self.written.len()).filter(written).collect();
        self.outputs.refusal(&FailedCall { error, failed, written })
    }

    fn has_just_committed(&self) -> bool {
        self.committed_at.get().is_some_and(|at| at.elapsed() < MARKERS_MIN)
    }

    /// The error for a record that librdkafka did not take.
    #[expect(clippy::wildcard_enum_match_arm, reason = "librdkafka's codes grow")]
    fn not_taken(&self, topic: OutputTopic, failure: NativeError) -> TransactionError {
        if let Some(fatal) = self.client.handle().fatal() {
            return TransactionError::new("produce", fatal);
        }
        match failure.code {
            // The transaction has failed in the background. This call tells how.
            Code::State => match self.client.handle().begin_transaction() {
                Err(failure) if failure.abortable => TransactionError::new("produce", failure),
                Ok(()) | Err(_) => abortable(failure),
            },
            Code::MessageSizeTooLarge
            | Code::UnknownPartition
            | Code::UnknownTopic
            | Code::InvalidArgument => {
                locked(&self.deliveries).failed.entry(topic).or_insert(failure.code);
                abortable(failure)
            }
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

/// An event does not fit its schema: nothing of the transaction may be committed.
fn unfit(error: &EncodeError) -> TransactionError {
    let failure = NativeError { text: error.to_string(), ..NativeError::of_code(Code::InvalidArgument) };
    TransactionError { class: Class::Fatal, ..TransactionError::new("produce", failure) }
}

fn abortable(failure: NativeError) -> TransactionError {
    TransactionError { class: Class::Abortable, ..TransactionError::new("produce", failure) }
}

/// A poisoned lock is usable: each delivery report updates one entry.
fn locked(deliveries: &Mutex<Deliveries>) -> MutexGuard<'_, Deliveries> {
    deliveries.lock().unwrap_or_else(PoisonError::into_inner)
}

const _: () = assert!(usize::BITS >= 64, "a delivery report carries topic and partition in a pointer");

/// What the delivery report of a record carries.
fn opaque_of(topic: OutputTopic, partition: i32) -> usize {
    usize::from(topic.0) << 32 | partition as usize
}

fn on_delivery(deliveries: Arc<Mutex<Deliveries>>, changelog: Option<OutputTopic>) -> OnDelivery {
    Box::new(move |opaque, offset, error| {
        let (topic, partition) = (OutputTopic((opaque >> 32) as u16), opaque & u32::MAX as usize);
        match error {
            None if changelog == Some(topic) => {
                let offsets = &mut locked(&deliveries).changelog;
                if offsets.len() <= partition {
                    offsets.resize(partition + 1, -1);
                }
                offsets[partition] = offsets[partition].max(offset);
            }
            // Dropped because of an error of another record.
            None | Some(Code::PurgeQueue | Code::PurgeInflight) => {}
            // A failed delivery fails the commit, which reports the error.
            Some(code) => drop(locked(&deliveries).failed.entry(topic).or_insert(code)),
        }
    })
}

#[cfg(test)]
#[path = "producer_tests.rs"]
mod tests;
