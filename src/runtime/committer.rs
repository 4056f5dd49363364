//! The calls that end a transaction, and a thread that makes them while the stream thread goes on.
//!
//! They wait for brokers, and hand over whatever the producer has not got yet. The producer goes along with a call and comes
//! back with its answer: there is one user of it at any time.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::thread::{CallOutcome, Event};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::SourcePartition;

use super::stores::TaskHandle;
use crate::kafka::{Class, GroupMetadata, Producer, TransactionError};

/// How long one transactional call may take.
pub(super) const CALL_MAX: Duration = Duration::from_secs(10);
/// A call that librdkafka calls retriable is made so often.
const TRIES_MAX: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// One of the two calls that end a transaction.
pub(super) enum EndCall {
    SendOffsets {
        outbox: Arc<Outbox>,
        /// The first record of the outbox that the producer has not got.
        first: usize,
        offsets: Vec<(SourcePartition, i64)>,
        member: Arc<GroupMetadata>,
    },
    /// With the number of changelog partitions.
    Commit { partitions: i32 },
}

impl EndCall {
    pub fn make(&self, producer: &Producer) -> Event<TaskHandle> {
        match self {
            Self::SendOffsets { outbox, first, offsets, member } => {
                Event::OffsetsSent(match producer.produce_remaining(outbox, *first) {
                    Ok(()) => tried(|| producer.send_offsets(offsets, member, CALL_MAX)),
                    Err(error) => outcome_of(&error),
                })
            }
            Self::Commit { partitions } => {
                let outcome = tried(|| producer.commit(CALL_MAX));
                let delivered = |partition| Some((partition, producer.delivered(partition)? + 1));
                let changelog_next = (0..*partitions).filter_map(delivered).collect();
                Event::Committed { outcome, changelog_next }
            }
        }
    }
}

/// The stream thread's end.
pub(super) struct Committer {
    calls: Option<Sender<(Producer, EndCall)>>,
    answers: Receiver<(Producer, Event<TaskHandle>)>,
    is_calling: bool,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub fn start() -> Self {
        let (calls, todo) = channel::<(Producer, EndCall)>();
        let (answers_in, answers) = channel();
        let thread = std::thread::Builder::new()
            .name("stream-commits".to_owned())
            .spawn(move || {
                while let Ok((producer, call)) = todo.recv() {
                    let answer = call.make(&producer);
                    if answers_in.send((producer, answer)).is_err() {
                        break;
                    }
                }
            })
            .expect("the process may start threads");
        Self { calls: Some(calls), answers, is_calling: false, thread: Some(thread) }
    }

    /// Makes a call; the next waits for its answer.
    pub fn call(&mut self, producer: Producer, call: EndCall) {
        self.is_calling = true;
        let calls = self.calls.as_ref().expect("open until dropped");
        calls.send((producer, call)).expect("the committer lives as long as its calls");
    }

    pub fn is_calling(&self) -> bool {
        self.is_calling
    }

    /// The answer to the call under way, if it is there, or `waits`.
    pub fn answer(&mut self, waits: bool) -> Option<(Producer, Event<TaskHandle>)> {
        if !self.is_calling {
            return None;
        }
        let answer = if waits {
            Some(self.answers.recv().expect("the committer lives as long as its calls"))
        } else {
            self.answers.try_recv().ok()
        };
        self.is_calling = answer.is_none();
        answer
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.calls = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Makes a call, again while librdkafka says that this may help.
pub(super) fn retried(call: impl Fn() -> Result<(), TransactionError>) -> Result<(), TransactionError> {
    let mut tries = 1;
    loop {
        match call() {
            Err(error) if error.class == Class::Retriable && tries < TRIES_MAX => {
                tries += 1;
                std::thread::sleep(RETRY_PAUSE);
            }
            result => return result,
        }
    }
}

/// As [`retried`].
pub(super) fn tried(call: impl Fn() -> Result<(), TransactionError>) -> CallOutcome {
    match retried(call) {
        Ok(()) => CallOutcome::Done,
        Err(error) => outcome_of(&error),
    }
}

pub(super) fn outcome_of(error: &TransactionError) -> CallOutcome {
    match error.class {
        Class::Abortable => CallOutcome::Abortable(error.to_string()),
        Class::FencedGeneration => CallOutcome::FencedByGroup,
        Class::Retriable | Class::FencedEpoch | Class::UnknownOutcome | Class::Fatal => {
            CallOutcome::Unknown(error.to_string())
        }
    }
}
