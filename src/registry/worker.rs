//! A thread that asks the registry, so that stream threads never wait for it.
//!
//! Who needs a schema asks [`Worker::schema_of`] again and again; the answer is there at once, or it is [`Lookup::Pending`].
//! Nothing is given up: while the registry gives no definite answer, the worker asks again, after pauses that grow from one
//! second to thirty.
//!
//! ```text
//! first   the subjects: each gets its schema, or is in definite trouble
//! then    the ids that were asked for, one after the other; one that got no answer goes behind the others
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use otp_codec::Lookup;
use tokio::sync::{Notify, oneshot};

use super::client::{Client, SchemaAnswer};
use super::fault::OpenError;
use super::registration::{self, Subject, Trouble};
use crate::config::SchemaRegistry;

/// Most ids that wait for an answer. Another one is taken when it is asked for again.
const ASKED_MAX: usize = 64;
/// Most schemas that are kept. Beyond them the oldest one is dropped, and asked again when it is needed.
const KEPT_MAX: usize = 1_000;
/// How long "not found" is kept. The schema may be registered later.
const ABSENT_MS: u64 = 10_000;
/// Most ids that are kept as "not found". They are apart, so that records with invented ids push out no schema.
const ABSENT_MAX: usize = 256;
const PAUSE_MS_MIN: u64 = 1_000;
const PAUSE_MS_MAX: u64 = 30_000;

/// Whether all subjects have their schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Not yet; the worker goes on. The reason, if the registry gave no answer.
    Waiting(Option<String>),
    /// The id of each subject's schema.
    Done(BTreeMap<String, u32>),
    /// Some subjects are in definite trouble. The worker has given up registering.
    Refused(Vec<Trouble>),
}

/// The worker and what it knows. Dropping it ends the thread.
pub struct Worker {
    shared: Arc<Shared>,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    /// An id was asked for.
    asked: Notify,
}

struct State {
    registration: Registration,
    kept: BTreeMap<u32, Lookup>,
    /// The keys of `kept`, the oldest one first.
    order: VecDeque<u32>,
    /// Ids that were not found, and until when that counts, the oldest one first.
    absent: VecDeque<(u32, Instant)>,
    asked: VecDeque<u32>,
    /// Why the registry gave no definite answer to the last request.
    outage: Option<String>,
}

impl Worker {
    /// Starts the thread. It first registers the subjects, or looks them up where `auto_register` is false.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn start(settings: &SchemaRegistry, subjects: Vec<Subject>) -> Result<Self, OpenError> {
        let client = Client::new(settings)?;
        let may_write = settings.auto_register;
        let failed = |error: std::io::Error| OpenError {
            key: "schema_registry",
            what: format!("the thread that asks the registry cannot start ({error})"),
            remedy: "check the limits of threads and open files",
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let shared = Arc::new(Shared::new());
        let own = Arc::clone(&shared);
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = own.serve(&client, &subjects, may_write) => {}
                }
            });
            // A name that is being resolved cannot be interrupted.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("registry".to_owned()).spawn(work).map_err(failed)?;
        Ok(Self { shared, stop: Some(stop), thread: Some(thread) })
    }

    /// What is known of an id. Asks the registry if nothing is; never waits.
    pub fn schema_of(&self, id: u32) -> Lookup {
        let mut state = self.shared.state();
        if let Some(answer) = state.known(id) {
            return answer;
        }
        if state.asked.len() < ASKED_MAX && !state.asked.contains(&id) {
            state.asked.push_back(id);
            self.shared.asked.notify_one();
        }
        Lookup::Pending
    }

    pub fn registration(&self) -> Registration {
        self.shared.state().registration.clone()
    }

    /// Why the registry gives no definite answers; `None`: it does, or nothing was asked.
    pub fn outage(&self) -> Option<String> {
        self.shared.state().outage.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that asks the schema registry panicked");
        }
    }
}

impl Shared {
    fn new() -> Self {
        let state = State {
            registration: Registration::Waiting(None),
            kept: BTreeMap::new(),
            order: VecDeque::new(),
            absent: VecDeque::new(),
            asked: VecDeque::new(),
            outage: None,
        };
        Self { state: Mutex::new(state), asked: Notify::new() }
    }

    /// A panic elsewhere leaves the state as it was between two answers.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, client: &Client, subjects: &[Subject], may_write: bool) {
        let registration = self.register_all(client, subjects, may_write).await;
        self.state().registration = registration;
        let mut pauses = Pauses::default();
        let mut failures = 0;
        loop {
            let Some(id) = self.state().asked.front().copied() else {
                self.asked.notified().await;
                continue;
            };
            match client.schema_of(id).await {
                Ok(answer) => {
                    self.set_outage(None);
                    self.state().keep(id, answer);
                    (pauses, failures) = (Pauses::default(), 0);
                }
                Err(fault) => {
                    self.set_outage(Some(fault.to_string()));
                    self.state().asked.rotate_left(1);
                    failures += 1;
                    let all_failed = failures >= self.state().asked.len();
                    if all_failed {
                        failures = 0;
                        pauses.pause().await;
                    }
                }
            }
        }
    }

    /// Returns when each subject is registered or in definite trouble.
    async fn register_all(&self, client: &Client, subjects: &[Subject], may_write: bool) -> Registration {
        let (mut ids, mut troubles) = (BTreeMap::new(), Vec::new());
        for subject in subjects {
            let mut pauses = Pauses::default();
            loop {
                match registration::register(client, subject, may_write).await {
                    Ok(id) => {
                        ids.insert(subject.name.clone(), id);
                        break;
                    }
                    Err(trouble @ Trouble::Unavailable { .. }) => {
                        let reason = trouble.to_string();
                        self.set_outage(Some(reason.clone()));
                        self.state().registration = Registration::Waiting(Some(reason));
                        pauses.pause().await;
                    }
                    Err(trouble) => {
                        troubles.push(trouble);
                        break;
                    }
                }
            }
            self.set_outage(None);
        }
        if troubles.is_empty() { Registration::Done(ids) } else { Registration::Refused(troubles) }
    }

    /// Logs the beginning and the end of an outage.
    fn set_outage(&self, reason: Option<String>) {
        let before = std::mem::replace(&mut self.state().outage, reason.clone());
        match (before, reason) {
            (None, Some(reason)) => {
                tracing::warn!(reason, "the schema registry gives no answer; asking it again")
            }
            (Some(_), None) => tracing::info!("the schema registry answers again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

impl State {
    fn known(&self, id: u32) -> Option<Lookup> {
        if let Some(answer) = self.kept.get(&id) {
            return Some(answer.clone());
        }
        let (_, until) = self.absent.iter().rev().find(|(absent, _)| *absent == id)?;
        (now() < *until).then_some(Lookup::NotFound)
    }

    fn keep(&mut self, id: u32, answer: SchemaAnswer) {
        self.asked.retain(|asked| *asked != id);
        let answer = match answer {
            SchemaAnswer::Found(text) => Lookup::Found(text.into()),
            SchemaAnswer::Unreadable(reason) => Lookup::Unreadable(reason.into()),
            SchemaAnswer::NotFound => {
                self.absent.push_back((id, now() + Duration::from_millis(ABSENT_MS)));
                if self.absent.len() > ABSENT_MAX {
                    self.absent.pop_front();
                }
                return;
            }
        };
        if self.kept.insert(id, answer).is_none() {
            self.order.push_back(id);
        }
        if self.order.len() > KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.kept.remove(&oldest);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long an absence is remembered decides nothing about a record"
)]
fn now() -> Instant {
    Instant::now()
}

/// Pauses between attempts, each twice as long as the one before.
struct Pauses(u64);

impl Default for Pauses {
    fn default() -> Self {
        Self(PAUSE_MS_MIN)
    }
}

impl Pauses {
    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.0)).await;
        self.0 = (self.0 * 2).min(PAUSE_MS_MAX);
    }
}
