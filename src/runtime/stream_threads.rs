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

use super::avro::Avro;
use super::calls::ProducerCalls;
use super::clock::wall;
use super::committer::CALL_MAX;
use super::driver::Driver;
use super::inputs::AvroInputs;
use super::open_transactions::OpenTransactions;
use super::progress::Progress;
use super::reporter::Reporter;
use super::stores::Stores;
use super::stream_loop::{Ended, Rejoins, RevokeCallback, StreamLoop};
use super::worker::Worker;
use crate::kafka::{Admin, Consumer, Properties, outage};
use crate::telemetry::{Health, Metrics, SILENCE_MAX, ThreadState};

/// Shortest and longest pause before a new member replaces a dead one. Each pause is twice the one before.
const REJOIN_PAUSE_MIN: Duration = Duration::from_secs(1);
const REJOIN_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Longest wait for brokers during an outage, before the pause.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// After a member that lived this long, the pauses begin with the shortest again.
const MEMBER_LIFE: Duration = Duration::from_secs(60);
/// How long all threads together may take to end.
const END_MAX: Duration = Duration::from_secs(90);
const END_POLL_INTERVAL: Duration = Duration::from_millis(10);

// A thread that ends sends offsets and commits, does so again for what lies over that commit, and if that fails aborts.
const _: () = assert!(5 * CALL_MAX.as_millis() < END_MAX.as_millis());
// A thread is not called stuck while it ends.
const _: () = assert!(END_MAX.as_millis() < SILENCE_MAX.as_millis());

/// A stream thread ended although it was not asked to.
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
    pub open: OpenTransactions,
    /// Member and transactional ids begin with it.
    pub instance: String,
    pub is_static: bool,
    /// `None`: every topic is JSON.
    pub avro: Option<Arc<Avro>>,
}

/// Running stream threads.
pub(crate) struct StreamThreads {
    stop: Arc<AtomicBool>,
    rejoins: Rejoins,
    threads: Vec<JoinHandle<Result<(), ThreadDied>>>,
}

impl StreamThreads {
    pub(crate) fn start(parts: &Parts, threads: usize) -> Self {
        let (stop, rejoins) = (Arc::new(AtomicBool::new(false)), Rejoins::default());
        let start = |number| {
            let (parts, stop, rejoins) = (parts.clone(), stop.clone(), rejoins.clone());
            std::thread::Builder::new()
                .name(format!("stream-{number}"))
                .spawn(move || supervise(&parts, number, &stop, &rejoins))
                .expect("the process may start threads")
        };
        Self { threads: (0..threads).map(start).collect(), stop, rejoins }
    }

    /// Makes every member release its partitions and join the group again. The group then assigns all partitions that
    /// exist, if one of the members is the group's leader.
    pub(crate) fn join_again(&self) {
        self.rejoins.ask();
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
    /// A thread failed, or does not end.
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

/// Runs a stream thread, with a new consumer whenever the old one is dead. A member dies when brokers fail, when the cluster
/// denies it something, or when another process runs under its identity; all three may end, so it never gives up.
fn supervise(
    parts: &Parts,
    number: usize,
    stop: &Arc<AtomicBool>,
    rejoins: &Rejoins,
) -> Result<(), ThreadDied> {
    parts.health.set_thread(number, ThreadState::Starting);
    let mut pause = REJOIN_PAUSE_MIN;
    loop {
        let began = wall();
        let ended = match await_brokers(&parts.properties) {
            Ok(()) => match prepare(parts, number, stop, rejoins) {
                Ok(stream_loop) => stream_loop.run(),
                Err(reason) => Ended::ConsumerDead(reason),
            },
            Err(reason) => Ended::BrokersAway(reason),
        };
        parts.health.set_tasks(number, Vec::new());
        match ended.explained() {
            Ended::Stopped => {
                parts.health.set_thread(number, ThreadState::Stopped);
                return Ok(());
            }
            Ended::Failed(reason) => {
                parts.health.set_thread(number, ThreadState::Dead { reason: reason.clone() });
                return Err(ThreadDied { thread: number, reason });
            }
            Ended::ConsumerDead(reason) => {
                tracing::error!(
                    thread = number,
                    reason,
                    "the member is dead; a new one joins. If this repeats, another process runs under the same identity \
                     (a copied store directory?)"
                );
                parts.health.set_thread(number, ThreadState::Recovering { reason });
            }
            Ended::BrokersAway(reason) => {
                tracing::error!(thread = number, reason, "a new member joins when a broker answers");
                parts.health.set_thread(number, ThreadState::Recovering { reason });
            }
        }
        if Duration::from_millis(wall().since(began)) >= MEMBER_LIFE {
            pause = REJOIN_PAUSE_MIN;
        }
        sleep_unless_stopped(pause, stop);
        pause = (pause * 2).min(REJOIN_PAUSE_MAX);
        if stop.load(Ordering::Relaxed) {
            parts.health.set_thread(number, ThreadState::Stopped);
            return Ok(());
        }
    }
}

fn sleep_unless_stopped(pause: Duration, stop: &AtomicBool) {
    let mut left = pause;
    while !left.is_zero() && !stop.load(Ordering::Relaxed) {
        std::thread::sleep(left.min(END_POLL_INTERVAL));
        left = left.saturating_sub(END_POLL_INTERVAL);
    }
}

impl Ended {
    /// The same, with the first cause of the failure, if the clients of the cluster know one.
    fn explained(self) -> Self {
        match self {
            Self::Stopped => Self::Stopped,
            Self::ConsumerDead(reason) => Self::ConsumerDead(outage::with_first_cause(reason)),
            Self::BrokersAway(reason) => Self::BrokersAway(outage::with_first_cause(reason)),
            Self::Failed(reason) => Self::Failed(outage::with_first_cause(reason)),
        }
    }
}

/// During an outage, waits with a client that connects rarely. The clients of the protocol need brokers that answer.
fn await_brokers(properties: &Properties) -> Result<(), String> {
    if !outage::is_known() {
        return Ok(());
    }
    let asked = Admin::new(properties).and_then(|admin| admin.brokers(ANSWER_MAX));
    asked.map(drop).map_err(|error| {
        // The cause may be another one by now.
        outage::log_connection_errors(properties);
        error.to_string()
    })
}

fn prepare(
    parts: &Parts,
    number: usize,
    stop: &Arc<AtomicBool>,
    rejoins: &Rejoins,
) -> Result<StreamLoop, String> {
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
        parts.avro.as_ref().map(|avro| Arc::new(avro.encodings(&topology))).unwrap_or_default(),
        || !stop.load(Ordering::Relaxed),
    )?;
    let reporter = Reporter::new(number, topology.clone(), parts.metrics.clone(), parts.health.clone());
    let thread = StreamThread::new(topology.clone(), parts.limits.clone());
    let inputs = parts.avro.clone().map(|avro| {
        let inputs = AvroInputs::new(number, topology.clone(), avro, parts.health.clone());
        Rc::new(RefCell::new(inputs))
    });
    let driver = Driver::new(
        topology.clone(),
        thread,
        calls,
        worker,
        parts.stores.clone(),
        reporter,
        inputs.clone(),
        parts.open.of(number),
    );
    let driver = Rc::new(RefCell::new(driver));
    let topics: Vec<String> = topology.sources.iter().map(|source| source.name.clone()).collect();
    let member = parts.is_static.then_some(identity.as_str());
    let callback = Box::new(RevokeCallback(driver.clone()));
    let consumer = Consumer::new(&parts.properties, &topology.application_id, member, &topics, callback)
        .map_err(|error| error.to_string())?;
    consumer.subscribe().map_err(|error| error.to_string())?;
    Ok(StreamLoop { consumer, driver, inputs, stop: stop.clone(), rejoins: rejoins.for_new_member() })
}
