//! The calls that end a transaction, and a thread that makes them while the stream thread processes more records. The same
//! thread makes new producers.
//!
//! All of them wait for brokers. The producer moves to the committer with a call and comes back with its end, so it has one
//! user at any time. Decides nothing: what a failure means is for the protocol.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::thread::{CallOutcome, Event};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::SourcePartition;

use super::clock::now;
use super::producers::NewProducer;
use super::stores::TaskHandle;
use crate::kafka::{
    Class, GroupMetadata, POLL_INTERVAL_MS_MIN, Producer, QUEUE_WAIT_MAX, REFUSAL_ASK_MAX, ROUNDS_WAIT_MAX,
    TransactionError,
};

/// Time-out of one transactional call, repeated ones included.
pub(super) const CALL_MAX: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// The longest of all calls that the stream thread itself makes: records are handed over, the offsets are sent, and the
/// cluster is asked why it refuses them.
const LONGEST_MS: u128 = QUEUE_WAIT_MAX.as_millis()
    + ROUNDS_WAIT_MAX.as_millis()
    + CALL_MAX.as_millis()
    + 3 * REFUSAL_ASK_MAX.as_millis();
const _: () =
    assert!(4 * LONGEST_MS <= POLL_INTERVAL_MS_MIN as u128, "a call holds up the polls of the group");

/// A call that ends a transaction.
pub(super) enum FinalCall {
    SendOffsets {
        outbox: Arc<Outbox>,
        /// The first record of the outbox that the producer does not have.
        first: usize,
        offsets: Vec<(SourcePartition, i64)>,
        member: Arc<GroupMetadata>,
    },
    /// With the number of changelog partitions.
    Commit {
        partitions: i32,
    },
    Abort,
}

impl FinalCall {
    pub(super) fn make(&self, producer: &Producer) -> Event<TaskHandle> {
        match self {
            Self::SendOffsets { outbox, first, offsets, member } => {
                let sent = producer
                    .produce_remaining(outbox, *first)
                    .and_then(|()| retried(|left| producer.send_offsets(offsets, member, left)));
                Event::OffsetsSent(outcome_of(sent, producer))
            }
            Self::Commit { partitions } => {
                let outcome = outcome_of(retried(|left| producer.commit(left)), producer);
                let delivered = |partition| Some((partition, producer.delivered(partition)? + 1));
                let changelog_next = (0..*partitions).filter_map(delivered).collect();
                Event::Committed { outcome, changelog_next }
            }
            Self::Abort => Event::Aborted(outcome_of(retried(|left| producer.abort(left)), producer)),
        }
    }
}

#[expect(clippy::large_enum_variant, reason = "nearly all jobs are calls")]
enum Job {
    Call(Producer, FinalCall),
    Make(NewProducer),
}

impl Job {
    /// With the producer, unless none could be made.
    fn done(self, is_needed: &AtomicBool) -> Ended {
        match self {
            Self::Call(producer, call) => {
                let event = call.make(&producer);
                (Some(producer), event)
            }
            Self::Make(new) => match new.make(|| is_needed.load(Ordering::Relaxed)) {
                Ok(producer) => (Some(producer), Event::ProducerReplaced(Ok(()))),
                Err(why) => (None, Event::ProducerReplaced(Err(why))),
            },
        }
    }
}

type Ended = (Option<Producer>, Event<TaskHandle>);

/// The stream thread's end.
pub(super) struct Committer {
    jobs: Option<Sender<Job>>,
    ends: Receiver<Ended>,
    busy: Busy,
    /// False: no producer is needed any more.
    is_needed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the committer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    Idle,
    /// It makes a call of the open transaction.
    Calling,
    /// It makes a producer. That may take long, and nothing of the transaction is under way.
    Replacing,
}

impl Committer {
    pub(super) fn start() -> Self {
        let (jobs, todo) = channel::<Job>();
        let (ends_in, ends) = channel();
        let is_needed = Arc::new(AtomicBool::new(true));
        let needed = is_needed.clone();
        let thread = std::thread::Builder::new()
            .name("stream-commits".to_owned())
            .spawn(move || {
                while let Ok(job) = todo.recv() {
                    if ends_in.send(job.done(&needed)).is_err() {
                        break;
                    }
                }
            })
            .expect("the process may start threads");
        Self { jobs: Some(jobs), ends, busy: Busy::Idle, is_needed, thread: Some(thread) }
    }

    /// Makes a call. The next one waits for its end.
    pub(super) fn call(&mut self, producer: Producer, call: FinalCall) {
        self.send(Job::Call(producer, call), Busy::Calling);
    }

    /// Makes a producer.
    pub(super) fn replace(&mut self, new: NewProducer) {
        self.send(Job::Make(new), Busy::Replacing);
    }

    pub(super) fn busy(&self) -> Busy {
        self.busy
    }

    /// The end of the job under way: if it has come, or when it comes if `waits` and it is a call.
    pub(super) fn ended(&mut self, waits: bool) -> Option<Ended> {
        let ended = match self.busy {
            Busy::Idle => return None,
            Busy::Calling if waits => {
                Some(self.ends.recv().expect("the committer lives as long as its jobs"))
            }
            Busy::Calling | Busy::Replacing => self.ends.try_recv().ok(),
        };
        if ended.is_some() {
            self.busy = Busy::Idle;
        }
        ended
    }

    fn send(&mut self, job: Job, busy: Busy) {
        self.busy = busy;
        let jobs = self.jobs.as_ref().expect("open until dropped");
        jobs.send(job).expect("the committer lives as long as its jobs");
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.is_needed.store(false, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes a call, with the time that is left, and makes it again while librdkafka calls its failure retriable.
pub(super) fn retried(
    call: impl Fn(Duration) -> Result<(), TransactionError>,
) -> Result<(), TransactionError> {
    let until = now() + CALL_MAX;
    loop {
        match call(until.saturating_duration_since(now())) {
            Err(error) if error.class == Class::Retriable && now() + RETRY_PAUSE < until => {
                std::thread::sleep(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}

/// The result of a call for the protocol.
pub(super) fn outcome_of(result: Result<(), TransactionError>, producer: &Producer) -> CallOutcome {
    let Err(error) = result else {
        return CallOutcome::Done;
    };
    match error.class {
        Class::Abortable => match producer.refusal(&error) {
            Some(refusal) => CallOutcome::Refused(refusal),
            None => CallOutcome::Unknown(error.to_string()),
        },
        Class::FencedGeneration => CallOutcome::FencedByGroup,
        Class::Retriable | Class::FencedEpoch | Class::UnknownOutcome | Class::Fatal => {
            CallOutcome::Unknown(error.to_string())
        }
    }
}
