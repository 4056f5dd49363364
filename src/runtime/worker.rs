//! Off the polling path: what a stream thread asks of the cluster and must not wait for.
//!
//! One OS thread per stream thread. Jobs of an assignment that has ended are dropped; a restore under way is told to
//! stop, and [`Worker::cancel`] returns only after it has.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::otp::LogTime;
use otp_topology::state::StateStore;
use otp_topology::task::{Restorer, Topology};
use otp_topology::thread::{AssignmentId, Event, Extent, Extents, Unit};
use otp_topology::wire::record::SourcePartition;

use super::progress::Progress;
use super::stores::TaskHandle;
use super::wall;
use crate::kafka::{Admin, ChangelogReader, EdgeError, Properties, Replayed, StableOffsets};

/// How long one question to the cluster may take; a revocation waits for the one under way, so it stays well under the
/// session time-out.
const ASK_MAX: Duration = Duration::from_secs(3);
/// Records of the changelog in one write to the store.
const RESTORE_BATCH_RECORDS: u64 = 5_000;
/// Without any progress for this long a restore says what it waits for.
const RESTORE_QUIET_MAX_MS: u64 = 15_000;
/// Without any progress for this long the task fails.
const RESTORE_DEADLINE_MS: u64 = 120_000;

pub(super) enum Job {
    Stable {
        assignment: AssignmentId,
        unit: Unit,
        sources: Vec<SourcePartition>,
    },
    Extents {
        assignment: AssignmentId,
        unit: Unit,
        sources: Vec<SourcePartition>,
    },
    Restore {
        assignment: AssignmentId,
        task: i32,
        store: TaskHandle,
        from: i64,
        bound: i64,
    },
    Probe {
        assignment: AssignmentId,
        asked_at: LogTime,
        sources: Vec<SourcePartition>,
    },
    Purge {
        partition: i32,
        before: i64,
    },
    /// Answered when everything before it is done or dropped.
    Rest(Sender<()>),
}

/// The stream thread's end.
pub(super) struct Worker {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Event<TaskHandle>>,
    ended: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

struct Desk {
    topology: Arc<Topology>,
    properties: Properties,
    offsets: StableOffsets,
    admin: Admin,
    reader: Option<ChangelogReader>,
    answers: Sender<Event<TaskHandle>>,
    /// Jobs of assignments up to this one are void.
    ended: Arc<AtomicU64>,
    progress: Progress,
}

impl Worker {
    /// # Errors
    /// A client cannot be made, or no thread.
    pub fn start(
        name: &str,
        topology: Arc<Topology>,
        properties: Properties,
        progress: Progress,
    ) -> Result<Self, EdgeError> {
        let (jobs, todo) = channel();
        let (answers_in, answers) = channel();
        let ended = Arc::new(AtomicU64::new(0));
        let offsets = StableOffsets::new(&properties, &topology.application_id)?;
        let admin = Admin::new(&properties)?;
        let void = ended.clone();
        let thread = std::thread::Builder::new()
            .name(format!("{name}-worker"))
            .spawn(move || {
                let (ended, answers) = (void, answers_in);
                let mut desk =
                    Desk { topology, properties, offsets, admin, reader: None, answers, ended, progress };
                while let Ok(job) = todo.recv() {
                    desk.perform(job);
                }
            })
            .expect("the process may start threads");
        Ok(Self { jobs: Some(jobs), answers, ended, thread: Some(thread) })
    }

    pub fn ask(&self, job: Job) {
        let jobs = self.jobs.as_ref().expect("open until dropped");
        jobs.send(job).expect("the worker lives as long as its jobs");
    }

    pub fn answer(&self) -> Option<Event<TaskHandle>> {
        self.answers.try_recv().ok()
    }

    /// Ends the jobs of an assignment, and waits until none is under way.
    pub fn cancel(&self, assignment: AssignmentId) {
        self.ended.store(assignment.0, Ordering::SeqCst);
        let (done, wait) = channel();
        self.ask(Job::Rest(done));
        let _ = wait.recv();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ended.store(u64::MAX, Ordering::SeqCst);
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a worker thread panicked");
        }
    }
}

impl Desk {
    fn perform(&mut self, job: Job) {
        let answer = match job {
            Job::Rest(done) => {
                let _ = done.send(());
                return;
            }
            Job::Purge { partition, before } => return self.purge(partition, before),
            Job::Stable { assignment, .. }
            | Job::Extents { assignment, .. }
            | Job::Restore { assignment, .. }
            | Job::Probe { assignment, .. }
                if self.has_ended(assignment) =>
            {
                return;
            }
            Job::Stable { assignment, unit, sources } => {
                let result = self.stable(&sources).map_err(|error| error.to_string());
                Event::Stable { assignment, unit, result }
            }
            Job::Extents { assignment, unit, sources } => {
                let result = self.extents(unit, &sources).map_err(|error| error.to_string());
                Event::Extents { assignment, unit, result }
            }
            Job::Restore { assignment, task, store, from, bound } => {
                let result = self.restore(assignment, task, &store, from, bound);
                Event::Restored { assignment, task, result }
            }
            Job::Probe { assignment, asked_at, sources } => {
                let ends =
                    sources.into_iter().filter_map(|it| Some((it, self.extent(it).ok()?.end))).collect();
                Event::Probed { assignment, asked_at, ends }
            }
        };
        // Nobody listens any more at shutdown.
        let _ = self.answers.send(answer);
    }

    fn has_ended(&self, assignment: AssignmentId) -> bool {
        assignment.0 <= self.ended.load(Ordering::SeqCst)
    }

    fn stable(&self, sources: &[SourcePartition]) -> Result<Vec<(SourcePartition, Option<i64>)>, EdgeError> {
        let named: Vec<_> = sources.iter().map(|it| (self.name(*it).to_owned(), it.partition)).collect();
        let offsets = self.offsets.read(&named, ASK_MAX)?;
        Ok(sources.iter().copied().zip(offsets).collect())
    }

    fn extents(&self, unit: Unit, sources: &[SourcePartition]) -> Result<Extents, EdgeError> {
        let changelog = match unit {
            Unit::Task(task) => {
                let name = &self.topology.output(self.topology.changelog).name;
                let ends = self.admin.watermarks(name, task, ASK_MAX)?;
                Extent { start: ends.start, end: ends.end }
            }
            Unit::Forwarder(_) => Extent { start: 0, end: 0 },
        };
        let sources =
            sources.iter().map(|it| Ok((*it, self.extent(*it)?))).collect::<Result<_, EdgeError>>()?;
        Ok(Extents { changelog, sources })
    }

    fn extent(&self, source: SourcePartition) -> Result<Extent, EdgeError> {
        let ends = self.admin.watermarks(self.name(source), source.partition, ASK_MAX)?;
        Ok(Extent { start: ends.start, end: ends.end })
    }

    fn restore(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        store: &TaskHandle,
        from: i64,
        bound: i64,
    ) -> Result<u64, String> {
        let mut restorer = Restorer::new(from, bound);
        if restorer.is_reached() {
            return Ok(0);
        }
        let mut bar = self.progress.begin(task, restorer.remaining());
        let topic = self.topology.output(self.topology.changelog).name.clone();
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => ChangelogReader::new(&self.properties, &self.topology.application_id, &topic)
                .map_err(|error| error.to_string())?,
        };
        let mut outcome = Ok(());
        let (mut written, mut moved_at, mut told) = (0, wall(), false);
        let replayed = reader.replay(task, from, |replayed| {
            if self.has_ended(assignment) {
                outcome = Err("the assignment has ended".to_owned());
                return ControlFlow::Break(());
            }
            match replayed {
                Replayed::Record { offset, key, value } => {
                    moved_at = wall_now_and_then(&restorer, moved_at);
                    if let Err(error) = restorer.record(offset, Some(key), value) {
                        outcome = Err(error.to_string());
                        return ControlFlow::Break(());
                    }
                }
                Replayed::End { offset } => restorer.end(offset),
                Replayed::Idle => {
                    let quiet_ms = wall().since(moved_at);
                    if quiet_ms > RESTORE_QUIET_MAX_MS && !told {
                        told = true;
                        tracing::warn!(
                            task,
                            topic,
                            bound,
                            "the restore waits for an open transaction in the changelog; it ends with its transaction.timeout.ms"
                        );
                    }
                    if quiet_ms > RESTORE_DEADLINE_MS {
                        outcome = Err(format!(
                            "the restore of task {task} stands still before offset {bound} of `{topic}`: a hanging \
                             transaction; find it with kafka-transactions.sh find-hanging and abort it"
                        ));
                        return ControlFlow::Break(());
                    }
                }
            }
            if restorer.is_reached() || restorer.restored() - written >= RESTORE_BATCH_RECORDS {
                bar.advance(restorer.restored() - written, restorer.remaining());
                written = restorer.restored();
                if let Err(error) = store.write(&restorer.take_batch(wall())) {
                    outcome = Err(error.to_string());
                    return ControlFlow::Break(());
                }
            }
            if restorer.is_reached() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.reader = Some(reader);
        replayed.map_err(|error| error.to_string())?;
        outcome.map(|()| restorer.restored())
    }

    fn purge(&self, partition: i32, before: i64) {
        let name = self.topology.output(self.topology.repartition).name.clone();
        if let Err(error) = self.admin.delete_records(&[(name, partition, before)], ASK_MAX) {
            tracing::warn!(partition, %error, "the consumed part of the repartition topic was not deleted");
        }
    }

    fn name(&self, source: SourcePartition) -> &str {
        &self.topology.source(source.topic).name
    }
}

/// Reading the clock for each of half a million records a second would cost more than the records.
fn wall_now_and_then(restorer: &Restorer, last: LogTime) -> LogTime {
    if restorer.restored().is_multiple_of(1_024) { wall() } else { last }
}
