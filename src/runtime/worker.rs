//! Answers the questions of a stream thread that must not delay its poll loop: offsets, restores, purges.
//!
//! Each stream thread has one worker thread. Questions of an assignment that has ended are dropped. A restore that runs
//! then is stopped, and [`Worker::cancel`] returns only when it has stopped. Knows nothing of transactions.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::task::ChangelogFold;
use otp_topology::thread::{AssignmentId, Event, OffsetRange, OffsetRanges, Question, RecoveryUnit};
use otp_topology::wire::record::SourcePartition;

use super::progress::Progress;
use super::restore::RestoreRun;
use super::stores::{Stores, TaskHandle};
use crate::kafka::{Admin, ChangelogReader, EdgeError, Properties, StableOffsets, outage};

/// Time-out of one request to the cluster. A revocation waits for the request that is under way, so this stays far below
/// the session time-out.
const ASK_MAX: Duration = Duration::from_secs(3);

/// The stream thread's end.
pub(super) struct Worker {
    messages: Option<Sender<Message>>,
    answers: Receiver<Event<TaskHandle>>,
    /// The latest assignment that a question came from.
    latest: Cell<AssignmentId>,
    ended: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Ask(Question),
    /// Answered when every earlier question is answered or dropped.
    Rest(Sender<()>),
}

struct WorkerThread {
    topology: Arc<Topology>,
    properties: Properties,
    stores: Arc<Stores>,
    offsets: StableOffsets,
    admin: Admin,
    reader: Option<ChangelogReader>,
    answers: Sender<Event<TaskHandle>>,
    /// Questions of this assignment and of all earlier ones are void.
    ended: Arc<AtomicU64>,
    progress: Progress,
}

impl Worker {
    /// # Errors
    /// A client of the cluster cannot be made.
    pub(super) fn start(
        name: &str,
        topology: Arc<Topology>,
        properties: Properties,
        stores: Arc<Stores>,
        progress: Progress,
    ) -> Result<Self, EdgeError> {
        let (messages, inbox) = channel();
        let (answers_in, answers) = channel();
        let ended = Arc::new(AtomicU64::new(0));
        let offsets = StableOffsets::new(&properties, &topology.application_id)?;
        let admin = Admin::new(&properties)?;
        let void = ended.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{name}-worker"))
            .spawn(move || {
                let (ended, answers, reader) = (void, answers_in, None);
                let mut worker = WorkerThread {
                    topology,
                    properties,
                    stores,
                    offsets,
                    admin,
                    reader,
                    answers,
                    ended,
                    progress,
                };
                while let Ok(message) = inbox.recv() {
                    worker.receive(message);
                }
            })
            .expect("the process may start threads");
        let latest = Cell::default();
        Ok(Self { messages: Some(messages), answers, latest, ended, thread: Some(thread) })
    }

    pub(super) fn ask(&self, question: Question) {
        if let Some(assignment) = question.assignment() {
            self.latest.set(assignment);
        }
        self.send(Message::Ask(question));
    }

    pub(super) fn answer(&self) -> Option<Event<TaskHandle>> {
        self.answers.try_recv().ok()
    }

    /// Drops all questions of the latest assignment, stops a restore, and waits until nothing is under way.
    pub(super) fn cancel(&self) {
        self.ended.store(self.latest.get().0, Ordering::SeqCst);
        let (done, wait) = channel();
        self.send(Message::Rest(done));
        let _ = wait.recv();
    }

    fn send(&self, message: Message) {
        let messages = self.messages.as_ref().expect("open until dropped");
        messages.send(message).expect("the worker thread lives as long as this end");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ended.store(u64::MAX, Ordering::SeqCst);
        self.messages = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a worker thread panicked");
        }
    }
}

impl WorkerThread {
    fn receive(&mut self, message: Message) {
        match message {
            Message::Rest(done) => drop(done.send(())),
            Message::Ask(question) if question.assignment().is_some_and(|it| self.has_ended(it)) => {}
            Message::Ask(question) => {
                if let Some(answer) = self.answer(question) {
                    // At shutdown nobody receives it.
                    let _ = self.answers.send(answer);
                }
            }
        }
    }

    fn answer(&mut self, question: Question) -> Option<Event<TaskHandle>> {
        Some(match question {
            Question::StableOffsets { assignment, unit, sources } => {
                let result = self.stable(&sources).map_err(|error| error.to_string());
                Event::StableOffsets { assignment, unit, result }
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                let result = self.ranges(unit, &sources).map_err(|error| error.to_string());
                Event::OffsetRanges { assignment, unit, result }
            }
            Question::Restore { assignment, task, from, bound } => {
                let result = self.restore(assignment, task, from, bound);
                Event::Restored { assignment, task, result }
            }
            Question::InputEnds { assignment, asked_at, sources } => {
                Event::InputEnds { assignment, asked_at, ends: self.ends(sources) }
            }
            Question::Purge { partition, before } => {
                self.purge(partition, before);
                return None;
            }
        })
    }

    fn has_ended(&self, assignment: AssignmentId) -> bool {
        assignment.0 <= self.ended.load(Ordering::SeqCst)
    }

    fn stable(&self, sources: &[SourcePartition]) -> Result<Vec<(SourcePartition, Option<i64>)>, EdgeError> {
        let named: Vec<_> = sources.iter().map(|it| (self.name(*it).to_owned(), it.partition)).collect();
        let offsets = self.offsets.read(&named, ASK_MAX)?;
        Ok(sources.iter().copied().zip(offsets).collect())
    }

    fn ranges(&self, unit: RecoveryUnit, sources: &[SourcePartition]) -> Result<OffsetRanges, EdgeError> {
        let changelog = match unit {
            RecoveryUnit::Task(task) => {
                Some((self.topology.output(self.topology.changelog).name.clone(), task))
            }
            RecoveryUnit::Forwarder(_) => None,
        };
        let sources_named = sources.iter().map(|it| (self.name(*it).to_owned(), it.partition));
        let partitions: Vec<_> = changelog.iter().cloned().chain(sources_named).collect();
        let watermarks = self.admin.watermarks(&partitions, ASK_MAX)?;
        let mut ranges = watermarks.iter().map(|it| OffsetRange { start: it.start, end: it.end });
        let changelog = changelog.and_then(|_| ranges.next()).unwrap_or(OffsetRange { start: 0, end: 0 });
        Ok(OffsetRanges { changelog, sources: sources.iter().copied().zip(ranges).collect() })
    }

    /// The ends of these inputs. An input whose leader does not answer is left out.
    fn ends(&self, sources: Vec<SourcePartition>) -> Vec<(SourcePartition, i64)> {
        let end = |it: &SourcePartition| {
            let partition = (self.name(*it).to_owned(), it.partition);
            Some(self.admin.watermarks(&[partition], ASK_MAX).ok()?.first()?.end)
        };
        sources.into_iter().filter_map(|it| Some((it, end(&it)?))).collect()
    }

    fn restore(&mut self, assignment: AssignmentId, task: i32, from: i64, bound: i64) -> Result<u64, String> {
        let store = self.stores.open(task).map_err(|error| error.to_string())?;
        let fold = ChangelogFold::new(from, bound);
        if fold.is_reached() {
            return Ok(0);
        }
        let topic = self.topology.output(self.topology.changelog).name.clone();
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => ChangelogReader::new(&self.properties, &self.topology.application_id, &topic)
                .map_err(|error| error.to_string())?,
        };
        let mut run = RestoreRun::new(task, &topic, bound, fold, &store, &self.progress);
        let mut outcome = Ok(());
        let replayed = reader.replay(task, from, |replayed| {
            let taken = match self.has_ended(assignment) {
                true => Err("the assignment has ended".to_owned()),
                false => run.take(replayed),
            };
            match taken {
                Ok(false) => return ControlFlow::Continue(()),
                Ok(true) => {}
                Err(reason) => outcome = Err(reason),
            }
            ControlFlow::Break(())
        });
        self.reader = Some(reader);
        replayed.map_err(|error| error.to_string())?;
        outcome.map(|()| run.restored())
    }

    fn purge(&self, partition: i32, before: i64) {
        let name = self.topology.output(self.topology.repartition).name.clone();
        if let Err(error) = self.admin.delete_records(&[(name, partition, before)], ASK_MAX) {
            if outage::is_known() {
                return tracing::debug!(partition, %error, "the purge waits until the brokers can be reached");
            }
            tracing::warn!(partition, %error, "the consumed part of the repartition topic was not deleted");
        }
    }

    fn name(&self, source: SourcePartition) -> &str {
        &self.topology.source(source.topic).name
    }
}
