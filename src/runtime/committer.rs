//! The two calls that end a transaction, and a thread that makes them while the stream thread processes more records.
//!
//! Both wait for brokers. The producer moves to the committer with a call and comes back with its end, so it has one user at
//! any time. Decides nothing: what a failure means is for the protocol.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::thread::{CallOutcome, Event};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::SourcePartition;

use super::stores::TaskHandle;
use crate::kafka::{Class, GroupMetadata, Producer, TransactionError};

/// Time-out of one transactional call.
pub(super) const CALL_MAX: Duration = Duration::from_secs(10);
/// How often a call is made that librdkafka calls retriable.
const TRIES_MAX: u32 = 5;
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// One of the two calls that end a transaction.
pub(super) enum FinalCall {
    SendOffsets {
        outbox: Arc<Outbox>,
        /// The first record of the outbox that the producer does not have.
        first: usize,
        offsets: Vec<(SourcePartition, i64)>,
        member: Arc<GroupMetadata>,
    },
    /// With the number of changelog partitions.
    Commit { partitions: i32 },
}

impl FinalCall {
    pub(super) fn make(&self, producer: &Producer) -> Event<TaskHandle> {
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
    calls: Option<Sender<(Producer, FinalCall)>>,
    ends: Receiver<(Producer, Event<TaskHandle>)>,
    is_calling: bool,
    thread: Option<JoinHandle<()>>,
}

impl Committer {
    pub(super) fn start() -> Self {
        let (calls, todo) = channel::<(Producer, FinalCall)>();
        let (ends_in, ends) = channel();
        let thread = std::thread::Builder::new()
            .name("stream-commits".to_owned())
            .spawn(move || {
                while let Ok((producer, call)) = todo.recv() {
                    let end = call.make(&producer);
                    if ends_in.send((producer, end)).is_err() {
                        break;
                    }
                }
            })
            .expect("the process may start threads");
        Self { calls: Some(calls), ends, is_calling: false, thread: Some(thread) }
    }

    /// Makes a call. The next one waits for its end.
    pub(super) fn call(&mut self, producer: Producer, call: FinalCall) {
        self.is_calling = true;
        let calls = self.calls.as_ref().expect("open until dropped");
        calls.send((producer, call)).expect("the committer lives as long as its calls");
    }

    pub(super) fn is_calling(&self) -> bool {
        self.is_calling
    }

    /// The end of the call under way: if it has come, or when it comes if `waits`.
    pub(super) fn ended(&mut self, waits: bool) -> Option<(Producer, Event<TaskHandle>)> {
        if !self.is_calling {
            return None;
        }
        let ended = if waits {
            Some(self.ends.recv().expect("the committer lives as long as its calls"))
        } else {
            self.ends.try_recv().ok()
        };
        self.is_calling = ended.is_none();
        ended
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

/// Makes a call, and makes it again while librdkafka calls its failure retriable.
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

/// As [`retried`], with the outcome for the protocol.
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
