//! Answers the questions of a stream thread that must not delay its poll loop: offsets, restores, purges.
//!
//! Each stream thread has one worker thread. Questions that came meanwhile are answered together: a thread with many tasks
//! asks as many questions at once, and each costs the cluster's answer. Questions of an assignment that has ended are dropped. A restore that runs
//! then is stopped, and [`Worker::cancel`] returns only when it has stopped. Knows nothing of transactions.

mod asked;

use std::cell::Cell;
use std::collections::BTreeMap;
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

use asked::{Asked, EndsQuestion, Partition, Restore, UnitQuestion, ask_together};

use super::clock::now;
use super::progress::Progress;
use super::restore::RestoreRun;
use super::stores::{Stores, TaskHandle};
use crate::kafka::{Admin, ChangelogReader, EdgeError, Properties, StableOffsets, outage};

/// Time-out of one request to the cluster. A revocation waits for the request that is under way, so this stays far below
/// the session time-out.
const ASK_MAX: Duration = Duration::from_secs(3);

/// After this time the questions of one kind that are not answered yet have failed. A broker that answers nothing costs
/// [`ASK_MAX`] for each.
const ASK_ALL_MAX: Duration = Duration::from_secs(12);

/// Restores that run at the same time.
const TAILS_MAX: usize = 16;

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
                while let Ok(first) = inbox.recv() {
                    // What was asked meanwhile is answered together.
                    worker.receive(std::iter::once(first).chain(inbox.try_iter()).collect());
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
    fn receive(&mut self, messages: Vec<Message>) {
        let mut asked = Asked::default();
        for message in messages {
            match message {
                Message::Ask(question) => asked.add(question),
                Message::Rest(done) => {
                    self.answer_all(std::mem::take(&mut asked));
                    let _ = done.send(());
                }
            }
        }
        self.answer_all(asked);
    }

    fn answer_all(&mut self, mut asked: Asked) {
        asked.drop_ended(|assignment| self.has_ended(assignment));
        self.answer_stable(&asked.stable);
        self.answer_ranges(&asked.ranges);
        self.restore_all(&asked.restores);
        for EndsQuestion { assignment, asked_at, sources } in asked.ends {
            let ends = self.ends(&sources, self.limit([assignment]));
            self.send(Event::InputEnds { assignment, asked_at, ends });
        }
        for (partition, before) in asked.purges {
            self.purge(partition, before);
        }
    }

    /// At shutdown nobody receives it.
    fn send(&self, answer: Event<TaskHandle>) {
        let _ = self.answers.send(answer);
    }

    fn has_ended(&self, assignment: AssignmentId) -> bool {
        assignment.0 <= self.ended.load(Ordering::SeqCst)
    }

    /// Whether the questions of these assignments have had their time, or nobody waits for an answer.
    fn limit(&self, assignments: impl IntoIterator<Item = AssignmentId>) -> impl Fn() -> bool {
        let (until, assignments) = (now() + ASK_ALL_MAX, Vec::from_iter(assignments));
        move || now() >= until || assignments.iter().all(|it| self.has_ended(*it))
    }

    fn answer_stable(&self, asked: &[UnitQuestion]) {
        let named: Vec<_> = asked.iter().map(|it| self.named(&it.sources)).collect();
        let limit = self.limit(asked.iter().map(|it| it.assignment));
        let offsets = ask_together(&named, limit, |partitions| self.offsets.read(partitions, ASK_MAX));
        for (UnitQuestion { assignment, unit, sources }, offsets) in asked.iter().zip(offsets) {
            let result = offsets.map(|offsets| sources.iter().copied().zip(offsets).collect());
            self.send(Event::StableOffsets { assignment: *assignment, unit: *unit, result });
        }
    }

    fn answer_ranges(&self, asked: &[UnitQuestion]) {
        let changelog_of = |unit: RecoveryUnit| match unit {
            RecoveryUnit::Task(task) => Some((self.changelog().to_owned(), task)),
            RecoveryUnit::Forwarder(_) => None,
        };
        let partitions = |it: &UnitQuestion| -> Vec<_> {
            changelog_of(it.unit).into_iter().chain(self.named(&it.sources)).collect()
        };
        let named: Vec<_> = asked.iter().map(partitions).collect();
        let limit = self.limit(asked.iter().map(|it| it.assignment));
        let marks = ask_together(&named, limit, |partitions| self.admin.watermarks(partitions, ASK_MAX));
        for (UnitQuestion { assignment, unit, sources }, marks) in asked.iter().zip(marks) {
            let result = marks.map(|marks| {
                let mut ranges = marks.iter().map(|it| OffsetRange { start: it.start, end: it.end });
                let changelog = changelog_of(*unit).and_then(|_| ranges.next());
                let changelog = changelog.unwrap_or(OffsetRange { start: 0, end: 0 });
                OffsetRanges { changelog, sources: sources.iter().copied().zip(ranges).collect() }
            });
            self.send(Event::OffsetRanges { assignment: *assignment, unit: *unit, result });
        }
    }

    /// The ends of these inputs. An input whose leader does not answer is left out.
    fn ends(&self, sources: &[SourcePartition], is_over: impl Fn() -> bool) -> Vec<(SourcePartition, i64)> {
        let named: Vec<_> = self.named(sources).into_iter().map(|it| vec![it]).collect();
        let marks = ask_together(&named, is_over, |partitions| self.admin.watermarks(partitions, ASK_MAX));
        let ends = sources.iter().zip(marks);
        ends.filter_map(|(it, marks)| Some((*it, marks.ok()?.first()?.end))).collect()
    }

    /// Tails are replayed together, because most of their time is waiting. Anything longer is replayed alone, in large
    /// batches.
    fn restore_all(&mut self, asked: &[Restore]) {
        let (tails, long): (Vec<Restore>, Vec<Restore>) = asked.iter().copied().partition(Restore::is_tail);
        for group in tails.chunks(TAILS_MAX).chain(long.chunks(1)) {
            let (mut ended, failed) = self.replay(group);
            for restore in group {
                let result = match ended.remove(&restore.task) {
                    Some(result) => result,
                    None if group.len() == 1 => Err(failed.clone()),
                    // Whose fault it is shows when each is replayed alone.
                    None => self.replay(&[*restore]).0.remove(&restore.task).unwrap_or(Err(failed.clone())),
                };
                let Restore { assignment, task, .. } = *restore;
                self.send(Event::Restored { assignment, task, result });
            }
        }
    }

    /// Replays changelog partitions into their stores. Returns the restores that have ended, by task, and why the others have
    /// not.
    fn replay(&mut self, group: &[Restore]) -> (BTreeMap<i32, Result<u64, String>>, String) {
        let topic = self.changelog().to_owned();
        let (mut ended, mut runs) = (BTreeMap::new(), BTreeMap::new());
        for Restore { assignment, task, from, bound } in group {
            let fold = ChangelogFold::new(*from, *bound);
            match self.stores.open(*task) {
                Err(error) => drop(ended.insert(*task, Err(error.to_string()))),
                Ok(_) if fold.is_reached() => drop(ended.insert(*task, Ok(0))),
                Ok(store) => {
                    let run = RestoreRun::new(*task, &topic, *bound, fold, store, &self.progress);
                    runs.insert(*task, (*assignment, *from, run));
                }
            }
        }
        if runs.is_empty() {
            return (ended, String::new());
        }
        let from: Vec<_> = runs.iter().map(|(task, (_, from, _))| (*task, *from)).collect();
        let reader = match self.reader(&topic) {
            Ok(reader) => reader,
            Err(error) => return (ended, error.to_string()),
        };
        let replayed = reader.replay(&from, |task, replayed| {
            let (assignment, _, run) = runs.get_mut(&task).expect("what was asked for is reported");
            let result = match self.has_ended(*assignment) {
                true => Err("the assignment has ended".to_owned()),
                false => run.take(replayed),
            };
            if let Ok(false) = result {
                return ControlFlow::Continue(());
            }
            ended.insert(task, result.map(|_| run.restored()));
            runs.remove(&task);
            ControlFlow::Break(())
        });
        self.reader = Some(reader);
        (ended, replayed.err().map(|error| error.to_string()).unwrap_or_default())
    }

    fn reader(&mut self, topic: &str) -> Result<ChangelogReader, EdgeError> {
        match self.reader.take() {
            Some(reader) => Ok(reader),
            None => ChangelogReader::new(&self.properties, &self.topology.application_id, topic),
        }
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

    fn named(&self, sources: &[SourcePartition]) -> Vec<Partition> {
        let name = |it: &SourcePartition| (self.topology.source(it.topic).name.clone(), it.partition);
        sources.iter().map(name).collect()
    }

    fn changelog(&self) -> &str {
        &self.topology.output(self.topology.changelog).name
    }
}
