//! The poll loop of one stream thread: it polls the consumer and hands each round to the driver, until it is stopped or
//! cannot go on.
//!
//! Owns the consumer. The driver is shared with the rebalance callback, which runs inside a poll.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use otp_topology::thread::Event;
use otp_topology::wire::record::SourcePartition;

use super::driver::{Driver, PollPlan, SEEK_MAX};
use super::inputs::AvroInputs;
use super::round::Round;
use crate::kafka::{Consumer, ConsumerClass, ConsumerError, Group, Poll, RevokeHook, outage};

/// What is taken from the consumer in one round: about as much as one fetch brings.
const ROUND_RECORDS_MAX: usize = 1_000;
const ROUND_BYTES_MAX: usize = 1 << 20;

/// How often the registry's answer is looked for while a partition waits for it.
const ANSWER_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Runs inside the poll in which the group revokes partitions.
pub(super) struct RevokeCallback(pub Rc<RefCell<Driver>>);

impl RevokeHook for RevokeCallback {
    fn revoked(&mut self, group: &Group<'_>, _partitions: &[SourcePartition], lost: bool) {
        self.0.borrow_mut().end_assignment(Event::Revoked { lost }, group);
    }
}

pub(super) struct StreamLoop {
    pub consumer: Consumer,
    pub driver: Rc<RefCell<Driver>>,
    /// `None`: every topic that is read is JSON.
    pub inputs: Option<Rc<RefCell<AvroInputs>>>,
    pub stop: Arc<AtomicBool>,
    pub rejoins: Rejoins,
}

/// How often the members of this process were asked to join the group again, and how often this one was.
#[derive(Clone, Default)]
pub(super) struct Rejoins {
    asked: Arc<AtomicUsize>,
    done: usize,
}

impl Rejoins {
    pub(super) fn ask(&self) {
        self.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that were made before do not count.
    pub(super) fn for_new_member(&self) -> Self {
        Self { asked: self.asked.clone(), done: self.asked.load(Ordering::Relaxed) }
    }

    /// Whether this member was asked since the last call.
    fn is_asked(&mut self) -> bool {
        let done = std::mem::replace(&mut self.done, self.asked.load(Ordering::Relaxed));
        done != self.done
    }
}

/// Why the loop ended.
pub(super) enum Ended {
    Stopped,
    /// The consumer is dead; a new one may live.
    ConsumerDead(String),
    /// The membership was lost in an outage.
    BrokersAway(String),
    Failed(String),
}

impl StreamLoop {
    pub(super) fn run(mut self) -> Ended {
        let ended = loop {
            if self.stop.load(Ordering::Relaxed) {
                break Ended::Stopped;
            }
            if self.rejoins.is_asked()
                && let Err(error) = self.consumer.subscribe()
            {
                break Ended::ConsumerDead(error.to_string());
            }
            let round = match self.poll() {
                Ok(round) => round,
                Err(error) => break Ended::ConsumerDead(error.to_string()),
            };
            // librdkafka's clients of a group and of a transaction look for their coordinator dozens of times a second.
            if round.is_lost && outage::is_known() {
                break Ended::BrokersAway("the brokers do not answer".to_owned());
            }
            self.driver.borrow_mut().take_round(round, &self.consumer.group());
            if let Some(failure) = self.driver.borrow_mut().take_failure() {
                break Ended::Failed(failure);
            }
        };
        let last = match &ended {
            // The open transaction is finished before the member leaves.
            Ended::Stopped => Event::Stop,
            Ended::ConsumerDead(_) | Ended::BrokersAway(_) | Ended::Failed(_) => {
                Event::Revoked { lost: true }
            }
        };
        self.driver.borrow_mut().end_assignment(last, &self.consumer.group());
        self.consumer.close();
        ended
    }

    fn poll(&mut self) -> Result<Round, ConsumerError> {
        let PollPlan { mut timeout, room } = self.driver.borrow().poll_plan();
        timeout = timeout.min(self.open_gates()?);
        let mut round = Round { is_full: room == 0, ..Round::default() };
        let room = room.min(ROUND_RECORDS_MAX);
        let (mut records, mut bytes) = (0, 0);
        while records < room && bytes < ROUND_BYTES_MAX {
            match self.consumer.poll(timeout) {
                Poll::Record(record) => {
                    records += 1;
                    bytes += match &self.inputs {
                        None => round.push(&record, record.value(), None),
                        Some(inputs) => inputs.borrow_mut().take(&record, &self.consumer.group(), &mut round),
                    };
                }
                Poll::End { source, offset } if self.holds(source, offset) => {}
                Poll::End { source, offset } => round.ends.push((source, offset)),
                Poll::Assigned(partitions) => {
                    round.chunks.clear();
                    round.assigned = Some(partitions);
                    break;
                }
                Poll::Revoked { lost, .. } => {
                    round.is_lost = lost;
                    // What was fetched before belongs to the next owner.
                    round.chunks.clear();
                    round.ends.clear();
                }
                Poll::Error { error, source } => match (error.class, source) {
                    (ConsumerClass::Dead, _) => return Err(error),
                    (ConsumerClass::OutOfRange, Some((source, _))) => round.out_of_range.push(source),
                    _ => outage::consumer_error(&error),
                },
                Poll::Nothing => {
                    round.caught_up = round.chunks.is_empty() && self.driver.borrow().is_pacing_over();
                    break;
                }
            }
            timeout = Duration::ZERO;
        }
        Ok(round)
    }

    /// Reads on where a schema is known by now. Returns the longest time that a poll may take.
    fn open_gates(&self) -> Result<Duration, ConsumerError> {
        let Some(inputs) = &self.inputs else { return Ok(Duration::MAX) };
        let mut inputs = inputs.borrow_mut();
        let opened = inputs.opened();
        if !opened.is_empty() {
            self.consumer.group().start(&opened, SEEK_MAX).map_err(|error| ConsumerError::dead(&error))?;
        }
        Ok(if inputs.are_waiting() { ANSWER_POLL_INTERVAL } else { Duration::MAX })
    }

    fn holds(&self, source: SourcePartition, offset: i64) -> bool {
        self.inputs.as_ref().is_some_and(|inputs| inputs.borrow().holds(source, offset))
    }
}
