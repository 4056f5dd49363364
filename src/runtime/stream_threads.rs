//! The stream threads of one process: their start, their restarts with a new consumer, and their orderly end.
//!
//! Performs nothing of the protocol.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::thread::{Limits, StreamThread};

use super::calls::ProducerCalls;
use super::clock::wall;
use super::committer::CALL_MAX;
use super::driver::Driver;
use super::progress::Progress;
use super::reporter::Reporter;
use super::stores::Stores;
use super::stream_loop::{Ended, RevokeCallback, StreamLoop};
use super::worker::Worker;
use crate::kafka::{Consumer, Properties, outage};
use crate::telemetry::{Health, Metrics, SILENCE_MAX, ThreadState};

/// Consecutive consumers that die before a stream thread gives up.
const CONSUMERS_MAX: u32 = 5;
/// A consumer that lived this long is not counted with those before it.
const CONSUMER_LIFE_MS: u64 = 60_000;
const CONSUMER_PAUSE: Duration = Duration::from_secs(1);
/// How long all threads together may take to end.
const END_MAX: Duration = Duration::from_secs(90);
const END_POLL_INTERVAL: Duration = Duration::from_millis(10);

// A thread that ends sends offsets, commits, and if that fails aborts, or waits for its worker.
const _: () = assert!(3 * CALL_MAX.as_millis() < END_MAX.as_millis());
// A thread is not called stuck while it ends.
const _: () = assert!(END_MAX.as_millis() < SILENCE_MAX.as_millis());

/// A stream thread gave up.
#[derive(Debug, thiserror::Error)]
#[error("stream thread {thread}: {reason}")]
pub(crate) struct ThreadDied {
    pub thread: usize,
    pub reason: String,
}

/// What stream threads are made of.
#[derive(Clone)]
pub(crate) struct Parts {
    pub topology: Arc<Topology>,
    pub properties: Properties,
    pub limits: Limits,
    pub stores: Arc<Stores>,
    pub metrics: Arc<Metrics>,
    pub health: Arc<Health>,
    pub progress: Progress,
    /// Member and transactional ids begin with it.
    pub instance: String,
    pub is_static: bool,
}

/// Running stream threads.
pub(crate) struct StreamThreads {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<(), ThreadDied>>>,
}

impl StreamThreads {
    pub(crate) fn start(parts: &Parts, threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number| {
            let (parts, stop) = (parts.clone(), stop.clone());
            std::thread::Builder::new()
                .name(format!("stream-{number}"))
                .spawn(move || supervise(&parts, number, &stop))
                .expect("the process may start threads")
        };
        Self { threads: (0..threads).map(start).collect(), stop }
    }

    /// Asks every thread to finish or abort, flush, and end.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Whether a thread has ended although it was not asked to.
    pub(crate) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Waits until all threads have ended, but not longer than a fixed time. What a thread leaves open is settled by the next
    /// start.
    ///
    /// # Errors
    /// A thread gave up, or does not end.
    pub(crate) fn join(self) -> Result<(), ThreadDied> {
        self.stop();
        let mut outcome = Ok(());
        let mut left = END_MAX;
        for (thread, handle) in self.threads.into_iter().enumerate() {
            while !handle.is_finished() {
                left = left.checked_sub(END_POLL_INTERVAL).ok_or_else(|| ThreadDied {
                    thread,
                    reason: format!(
                        "it has not ended within {} s, a call hangs; start again: that settles what it left open",
                        END_MAX.as_secs()
                    ),
                })?;
                std::thread::sleep(END_POLL_INTERVAL);
            }
            let panicked = || ThreadDied { thread, reason: "it panicked; see the log".to_owned() };
            let ended = handle.join().unwrap_or_else(|_| Err(panicked()));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

/// Runs a stream thread, with a new consumer when the old one is dead, a few times.
fn supervise(parts: &Parts, number: usize, stop: &Arc<AtomicBool>) -> Result<(), ThreadDied> {
    let failed = |reason: String| {
        parts.health.set_thread(number, ThreadState::Dead { reason: reason.clone() });
        ThreadDied { thread: number, reason }
    };
    parts.health.set_thread(number, ThreadState::Starting);
    let mut consumers = 0;
    loop {
        let began = wall();
        let ended = match prepare(parts, number, stop) {
            Ok(stream_loop) => stream_loop.run(),
            Err(reason) => Ended::ConsumerDead(reason),
        };
        parts.health.set_tasks(number, Vec::new());
        consumers = consecutive(consumers, wall().since(began));
        match ended.explained() {
            Ended::Stopped => {
                parts.health.set_thread(number, ThreadState::Stopped);
                return Ok(());
            }
            Ended::Failed(reason) => return Err(failed(reason)),
            Ended::ConsumerDead(reason) if consumers >= CONSUMERS_MAX || stop.load(Ordering::Relaxed) => {
                return Err(failed(reason));
            }
            Ended::ConsumerDead(reason) => {
                tracing::error!(
                    thread = number,
                    reason,
                    "the member is dead; a new one joins. If this repeats, another process runs under the same identity \
                     (a copied store directory?)"
                );
                parts.health.set_thread(number, ThreadState::Recovering { reason });
                std::thread::sleep(CONSUMER_PAUSE * consumers);
            }
        }
    }
}

impl Ended {
    /// The same, with the first cause of the failure, if the clients of the cluster know one.
    fn explained(self) -> Self {
        match self {
            Self::Stopped => Self::Stopped,
            Self::ConsumerDead(reason) => Self::ConsumerDead(outage::with_first_cause(reason)),
            Self::Failed(reason) => Self::Failed(outage::with_first_cause(reason)),
        }
    }
}

/// How many consecutive consumers have died young, with one more that lived this long.
const fn consecutive(last: u32, lived_ms: u64) -> u32 {
    if lived_ms >= CONSUMER_LIFE_MS { 1 } else { last + 1 }
}

fn prepare(parts: &Parts, number: usize, stop: &Arc<AtomicBool>) -> Result<StreamLoop, String> {
    let identity = format!("{}-{number}", parts.instance);
    let name = format!("stream-{number}");
    let topology = parts.topology.clone();
    let progress = parts.progress.clone();
    let (properties, stores) = (parts.properties.clone(), parts.stores.clone());
    let worker = Worker::start(&name, topology.clone(), properties, stores, progress)
        .map_err(|error| error.to_string())?;
    let calls = ProducerCalls::start(
        topology.clone(),
        parts.properties.clone(),
        format!("{}-{identity}", topology.application_id),
        || !stop.load(Ordering::Relaxed),
    )?;
    let reporter = Reporter::new(number, topology.clone(), parts.metrics.clone(), parts.health.clone());
    let thread = StreamThread::new(topology.clone(), parts.limits.clone());
    let driver = Driver::new(thread, calls, worker, parts.stores.clone(), reporter);
    let driver = Rc::new(RefCell::new(driver));
    let topics: Vec<String> = topology.sources.iter().map(|source| source.name.clone()).collect();
    let member = parts.is_static.then_some(identity.as_str());
    let callback = Box::new(RevokeCallback(driver.clone()));
    let consumer = Consumer::new(&parts.properties, &topology.application_id, member, &topics, callback)
        .map_err(|error| error.to_string())?;
    consumer.subscribe().map_err(|error| error.to_string())?;
    Ok(StreamLoop { consumer, driver, stop: stop.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_consumers_that_die_young_exhaust_a_thread() {
        for (lives_ms, gives_up) in [
            (&[0, 10, 59_999, 500, 0][..], true),
            (&[0, 10, 59_999, 500], false),
            (&[0, 10, 500, 60_000, 0, 10, 500], false),
            (&[60_000; 200], false),
            (&[90_000, 0, 0, 0, 0], true),
        ] {
            let mut row = 0;
            for lived_ms in lives_ms {
                assert!(row < CONSUMERS_MAX, "{lives_ms:?}: it gave up before");
                row = consecutive(row, *lived_ms);
            }
            assert_eq!(row >= CONSUMERS_MAX, gives_up, "{lives_ms:?}");
        }
    }
}
