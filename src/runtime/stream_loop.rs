//! One stream thread's loop: poll, tell, perform; until it is told to stop or cannot go on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use otp_topology::otp::LogTime;
use otp_topology::thread::{Event, TaskStage};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use super::clock::wall;
use super::driver::{Driver, now};
use super::pace::Pace;
use super::stores::TaskHandle;
use crate::kafka::{Consumer, ConsumerClass, ConsumerError, FetchedRecord, Group, Poll, RevokeHook};
use crate::telemetry::{Health, TaskState, ThreadState};

/// What is taken from the consumer in one round: about what one fetch brings.
const ROUND_RECORDS_MAX: usize = 1_000;
const ROUND_BYTES_MAX: usize = 1 << 20;
/// Records that are handed on at a time, so that the producer works along, and the end of a commit is noticed soon.
const CHUNK_RECORDS_MAX: usize = 100;
/// Between two looks for the answer to a call, while there is nothing to read.
const CALL_LOOK: Duration = Duration::from_millis(1);
/// Between two looks at health.
const HEALTH_INTERVAL_MS: u64 = 200;

/// Runs inside the poll in which partitions go back to the group.
pub(super) struct Hook(pub Rc<RefCell<Driver>>);

impl RevokeHook for Hook {
    fn revoked(&mut self, group: &Group<'_>, _partitions: &[SourcePartition], lost: bool) {
        self.0.borrow_mut().tell(Event::Revoked { lost }, group);
    }
}

pub(super) struct StreamLoop {
    pub number: usize,
    pub consumer: Consumer,
    pub driver: Rc<RefCell<Driver>>,
    pub health: Arc<Health>,
    pub stop: Arc<AtomicBool>,
    pub pace: Pace,
    pub looked_at: LogTime,
}

/// What a round of polling brought besides records.
#[derive(Default)]
struct Round {
    chunks: Vec<RecordBatch>,
    /// Nothing is left to read.
    drained: bool,
    /// There is no room for records before the call under way has ended.
    is_full: bool,
    ends: Vec<(SourcePartition, i64)>,
    assigned: Option<Vec<SourcePartition>>,
    out_of_range: Vec<SourcePartition>,
}

impl Round {
    /// Takes a record in; returns its bytes.
    fn push(&mut self, record: &FetchedRecord<'_>) -> usize {
        if self.chunks.last().is_none_or(|chunk| chunk.len() >= CHUNK_RECORDS_MAX) {
            self.chunks.push(RecordBatch::default());
        }
        let chunk = self.chunks.last_mut().expect("one was put there");
        let before = chunk.size_bytes();
        record.push_to(chunk);
        chunk.size_bytes() - before
    }
}

/// Why the loop ended.
pub(super) enum Ended {
    Stopped,
    /// The consumer is dead; a new one may live.
    ConsumerDead(String),
    Failed(String),
}

impl StreamLoop {
    pub fn run(mut self) -> Ended {
        let ended = loop {
            if self.stop.load(Ordering::Relaxed) {
                break Ended::Stopped;
            }
            match self.poll() {
                Ok(round) => self.hand_over(round),
                Err(error) => break Ended::ConsumerDead(error.to_string()),
            }
            if let Some(failure) = self.driver.borrow_mut().failure.take() {
                break Ended::Failed(failure);
            }
            self.look();
        };
        match &ended {
            // The open transaction is finished before the member leaves.
            Ended::Stopped => self.tell(Event::Stop),
            Ended::ConsumerDead(_) | Ended::Failed(_) => self.tell(Event::Revoked { lost: true }),
        }
        self.consumer.close();
        ended
    }

    fn poll(&mut self) -> Result<Round, ConsumerError> {
        let (mut timeout, room, is_calling) = self.outlook();
        let mut round = Round { is_full: is_calling && room == 0, ..Round::default() };
        let room = if round.is_full { 0 } else { room.clamp(1, ROUND_RECORDS_MAX) };
        let (mut records, mut bytes) = (0, 0);
        while records < room && bytes < ROUND_BYTES_MAX {
            match self.consumer.poll(timeout) {
                Poll::Record(record) => {
                    records += 1;
                    bytes += round.push(&record);
                }
                Poll::End { source, offset } => round.ends.push((source, offset)),
                Poll::Assigned(partitions) => {
                    round.chunks.clear();
                    round.assigned = Some(partitions);
                    break;
                }
                Poll::Revoked { .. } => {
                    // What was fetched for it belongs to the next owner.
                    round.chunks.clear();
                    round.ends.clear();
                }
                Poll::Error { error, source } => match (error.class, source) {
                    (ConsumerClass::Dead, _) => return Err(error),
                    (ConsumerClass::OutOfRange, Some((source, _))) => round.out_of_range.push(source),
                    _ => tracing::warn!(%error, "the consumer goes on"),
                },
                Poll::Nothing => {
                    let is_over = self.pace.wait(now()).is_none_or(|left| left.is_zero());
                    round.drained = round.chunks.is_empty() && is_over;
                    break;
                }
            }
            timeout = Duration::ZERO;
        }
        Ok(round)
    }

    /// How long to wait for records, for how many there is room, and whether a call is under way.
    fn outlook(&self) -> (Duration, usize, bool) {
        let driver = self.driver.borrow();
        let idle = Duration::from_millis(driver.thread.poll_wait_ms(wall()));
        let wait = self.pace.wait(now()).unwrap_or(idle);
        let look = if driver.is_calling() { CALL_LOOK } else { Duration::MAX };
        (wait.min(look), driver.thread.room(), driver.is_calling())
    }

    fn hand_over(&mut self, round: Round) {
        if let Some(partitions) = round.assigned {
            let generation = self.consumer.group().metadata().map_or(-1, |member| member.generation());
            tracing::info!(partitions = partitions.len(), generation, "assigned");
            self.health.set_thread(self.number, ThreadState::Running);
            self.tell(Event::Assigned { partitions, generation });
        }
        self.hand_over_records(round.chunks, round.drained);
        for (source, offset) in round.ends {
            self.tell(Event::ReachedEnd { source, offset });
        }
        for source in round.out_of_range {
            self.tell(Event::OutOfRange { source });
        }
        loop {
            let Some(answer) = self.driver.borrow().worker.answer() else {
                break;
            };
            self.tell(answer);
        }
        // The end of one call is waited for where there is no room; the next may come with some.
        self.take_answers(round.is_full);
        self.tell(Event::Tick);
    }

    fn hand_over_records(&mut self, chunks: Vec<RecordBatch>, drained: bool) {
        if drained {
            self.pace.drained();
            self.driver.borrow_mut().more_to_read = false;
            return self.tell(Event::Fetched { batch: RecordBatch::default(), caught_up: true });
        }
        if !chunks.is_empty() {
            self.pace.read(now(), self.driver.borrow().committed_at);
            self.driver.borrow_mut().more_to_read = chunks.len() > 1;
        }
        for batch in chunks {
            self.tell(Event::Fetched { batch, caught_up: false });
            self.take_answers(false);
        }
    }

    /// The answer to a call of the producer, if it is there, or `waits`, and those to the calls that follow.
    fn take_answers(&self, mut waits: bool) {
        loop {
            let Some(answer) = self.driver.borrow_mut().answer(waits) else {
                break;
            };
            waits = false;
            self.tell(answer);
        }
    }

    fn tell(&self, event: Event<TaskHandle>) {
        self.driver.borrow_mut().tell(event, &self.consumer.group());
    }

    fn look(&mut self) {
        let now = wall();
        if now.since(self.looked_at) < HEALTH_INTERVAL_MS {
            return;
        }
        self.looked_at = now;
        let driver = self.driver.borrow();
        let tasks = driver.thread.stages().map(|(task, stage)| (task, state_of(stage)));
        self.health.set_tasks(self.number, tasks.collect());
    }
}

fn state_of(stage: TaskStage<'_>) -> TaskState {
    match stage {
        TaskStage::Opening | TaskStage::AskingOffsets | TaskStage::AskingRanges | TaskStage::Restoring => {
            TaskState::Restoring
        }
        TaskStage::Gated => TaskState::Waiting,
        TaskStage::Running => TaskState::Running,
        TaskStage::Failed { reason } => TaskState::Failed { reason: reason.to_owned() },
    }
}
