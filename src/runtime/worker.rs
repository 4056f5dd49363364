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
use otp_topology::task::{Restorer, Topology};
use otp_topology::thread::{AssignmentId, Event, Extent, Extents, Unit};
use otp_topology::wire::record::SourcePartition;

use super::progress::Progress;
use super::restore::Restore;
use super::stores::TaskHandle;
use crate::kafka::{Admin, ChangelogReader, EdgeError, Properties, StableOffsets};

/// How long one question to the cluster may take; a revocation waits for the one under way, so it stays well under the
/// session time-out.
const ASK_MAX: Duration = Duration::from_secs(3);
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
                Event::Probed { assignment, asked_at, ends: self.ends(sources) }
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
            Unit::Task(task) => Some((self.topology.output(self.topology.changelog).name.clone(), task)),
            Unit::Forwarder(_) => None,
        };
        let sources_named = sources.iter().map(|it| (self.name(*it).to_owned(), it.partition));
        let places: Vec<_> = changelog.iter().cloned().chain(sources_named).collect();
        let extents = self.admin.watermarks(&places, ASK_MAX)?;
        let mut extents = extents.iter().map(|it| Extent { start: it.start, end: it.end });
        let changelog = changelog.and_then(|_| extents.next()).unwrap_or(Extent { start: 0, end: 0 });
        Ok(Extents { changelog, sources: sources.iter().copied().zip(extents).collect() })
    }

    /// The ends of those that are known; nobody waits for the others.
    fn ends(&self, sources: Vec<SourcePartition>) -> Vec<(SourcePartition, i64)> {
        let end = |it: &SourcePartition| {
            let place = (self.name(*it).to_owned(), it.partition);
            Some(self.admin.watermarks(&[place], ASK_MAX).ok()?.first()?.end)
        };
        sources.into_iter().filter_map(|it| Some((it, end(&it)?))).collect()
    }

    fn restore(
        &mut self,
        assignment: AssignmentId,
        task: i32,
        store: &TaskHandle,
        from: i64,
        bound: i64,
    ) -> Result<u64, String> {
        let restorer = Restorer::new(from, bound);
        if restorer.is_reached() {
            return Ok(0);
        }
        let topic = self.topology.output(self.topology.changelog).name.clone();
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => ChangelogReader::new(&self.properties, &self.topology.application_id, &topic)
                .map_err(|error| error.to_string())?,
        };
        let mut restore = Restore::new(task, &topic, bound, restorer, store, &self.progress);
        let mut outcome = Ok(());
        let replayed = reader.replay(task, from, |replayed| {
            let taken = match self.has_ended(assignment) {
                true => Err("the assignment has ended".to_owned()),
                false => restore.take(replayed),
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
        outcome.map(|()| restore.restored())
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
