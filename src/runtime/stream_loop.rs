//! One stream thread's loop: poll, tell, perform; until it is told to stop or cannot go on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use otp_topology::otp::LogTime;
use otp_topology::thread::Event;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use super::driver::Driver;
use super::stores::TaskHandle;
use super::wall;
use crate::kafka::{Consumer, ConsumerClass, ConsumerError, Group, Poll, RevokeHook};
use crate::telemetry::{Health, TaskState, ThreadState};

/// Records taken from the consumer before they are handed on, so that the producer works along, and the end of a commit
/// is noticed soon.
const CHUNK_RECORDS_MAX: usize = 100;
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Between two looks for the answer to a call, while there is nothing to read.
const CALL_LOOK_MS: u64 = 1;
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
    pub chunk: RecordBatch,
    pub looked_at: LogTime,
}

/// What a round of polling brought besides records.
#[derive(Default)]
struct Round {
    drained: bool,
    /// There is no room for records before the call under way has ended.
    is_full: bool,
    ends: Vec<(SourcePartition, i64)>,
    assigned: Option<Vec<SourcePartition>>,
    out_of_range: Vec<SourcePartition>,
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
        let (wait_ms, room, is_calling) = {
            let driver = self.driver.borrow();
            (driver.thread.poll_wait_ms(wall()), driver.thread.room(), driver.is_calling())
        };
        let mut round = Round { is_full: is_calling && room == 0, ..Round::default() };
        let room = if round.is_full { 0 } else { room.clamp(1, CHUNK_RECORDS_MAX) };
        let mut timeout = Duration::from_millis(if is_calling { wait_ms.min(CALL_LOOK_MS) } else { wait_ms });
        self.chunk.clear();
        while self.chunk.len() < room && self.chunk.size_bytes() < CHUNK_BYTES_MAX {
            match self.consumer.poll(timeout) {
                Poll::Record(record) => record.push_to(&mut self.chunk),
                Poll::End { source, offset } => round.ends.push((source, offset)),
                Poll::Assigned(partitions) => {
                    self.chunk.clear();
                    round.assigned = Some(partitions);
                    break;
                }
                Poll::Revoked { .. } => {
                    // What was fetched for it belongs to the next owner.
                    self.chunk.clear();
                    round.ends.clear();
                }
                Poll::Error { error, source } => match (error.class, source) {
                    (ConsumerClass::Dead, _) => return Err(error),
                    (ConsumerClass::OutOfRange, Some((source, _))) => round.out_of_range.push(source),
                    _ => tracing::warn!(%error, "the consumer goes on"),
                },
                Poll::Nothing => {
                    round.drained = true;
                    break;
                }
            }
            timeout = Duration::ZERO;
        }
        Ok(round)
    }

    fn hand_over(&mut self, round: Round) {
        if let Some(partitions) = round.assigned {
            let generation = self.consumer.group().metadata().map_or(-1, |member| member.generation());
            tracing::info!(partitions = partitions.len(), generation, "assigned");
            self.health.set_thread(self.number, ThreadState::Running);
            self.tell(Event::Assigned { partitions, generation });
        }
        self.driver.borrow_mut().more_to_read = !round.drained;
        if !self.chunk.is_empty() || round.drained {
            let batch = std::mem::take(&mut self.chunk);
            self.tell(Event::Fetched { batch, drained: round.drained });
        }
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
        let mut waits = round.is_full;
        loop {
            let Some(answer) = self.driver.borrow_mut().answer(waits) else {
                break;
            };
            waits = false;
            self.tell(answer);
        }
        self.tell(Event::Tick);
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
        let tasks = driver.thread.stages().map(|(task, stage, reason)| {
            let state = match (stage, reason) {
                ("running", _) => TaskState::Running,
                ("gated", _) => TaskState::Waiting,
                (_, Some(reason)) => TaskState::Failed { reason: reason.to_owned() },
                (_, None) => TaskState::Restoring,
            };
            (task, state)
        });
        self.health.set_tasks(self.number, tasks.collect());
    }
}
