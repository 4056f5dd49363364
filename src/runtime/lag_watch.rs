//! Shows how many requests wait for tasks that do not run: their own stream threads read nothing for them.
//!
//! Looks at the health page every few seconds, and has clients of the cluster only while a task does not run. The lag of running
//! tasks is the reporter's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::wire::record::SourceTopic;

use super::stream_threads::Parts;
use crate::kafka::{Admin, EdgeError, Properties, StableOffsets};
use crate::telemetry::{Health, Metrics, TaskState};

const INTERVAL: Duration = Duration::from_secs(5);
const ASK_MAX: Duration = Duration::from_secs(3);

/// Watches until it is dropped.
pub(crate) struct LagWatch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watcher {
    topology: Arc<Topology>,
    properties: Properties,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    clients: Option<Clients>,
    /// Whether each task ran at the last look.
    tasks: BTreeMap<i32, bool>,
}

struct Clients {
    admin: Admin,
    offsets: StableOffsets,
}

impl LagWatch {
    pub(crate) fn start(parts: &Parts) -> Self {
        let (stop, stopped) = channel();
        let mut watcher = Watcher {
            topology: parts.topology.clone(),
            properties: parts.properties.clone(),
            health: parts.health.clone(),
            metrics: parts.metrics.clone(),
            clients: None,
            tasks: BTreeMap::new(),
        };
        let thread = std::thread::Builder::new()
            .name("lag-watch".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    watcher.look(|| stopped.try_recv() == Err(TryRecvError::Disconnected));
                }
            })
            .expect("the process may start threads");
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for LagWatch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches the lag panicked");
        }
    }
}

impl Watcher {
    fn look(&mut self, is_stopped: impl Fn() -> bool) {
        let threads = self.health.report().threads;
        let tasks = threads.into_iter().flat_map(|thread| thread.tasks);
        let tasks: BTreeMap<i32, bool> =
            tasks.map(|task| (task.partition, task.state == TaskState::Running)).collect();
        let before = std::mem::replace(&mut self.tasks, tasks);
        for task in before.into_keys().filter(|task| !self.tasks.contains_key(task)) {
            for (topic, partition) in inputs(&self.topology, task) {
                self.metrics.forget_input(&topic, partition);
            }
        }
        let waiting: Vec<i32> =
            self.tasks.iter().filter(|(_, runs)| !**runs).map(|(task, _)| *task).collect();
        if waiting.is_empty() {
            self.clients = None;
            return;
        }
        for task in waiting {
            if is_stopped() {
                return;
            }
            if let Err(error) = self.show(task) {
                tracing::debug!(task, %error, "the lag of a task that does not run is unknown");
            }
        }
    }

    /// Shows what lies behind the offsets that the group has; without one, everything that is there.
    fn show(&mut self, task: i32) -> Result<(), EdgeError> {
        let clients = match self.clients.take() {
            Some(clients) => clients,
            None => Clients {
                admin: Admin::new(&self.properties)?,
                offsets: StableOffsets::new(&self.properties, &self.topology.application_id)?,
            },
        };
        let clients = self.clients.insert(clients);
        let inputs = inputs(&self.topology, task);
        let marks = clients.admin.watermarks(&inputs, ASK_MAX)?;
        let offsets = clients.offsets.read(&inputs, ASK_MAX)?;
        for (((topic, partition), marks), offset) in inputs.iter().zip(marks).zip(offsets) {
            let records = marks.end - offset.unwrap_or(marks.start).max(marks.start);
            self.metrics.set_input_lag(topic, *partition, u64::try_from(records).unwrap_or(0));
        }
        Ok(())
    }
}

/// The partitions whose records the task processes.
fn inputs(topology: &Topology, task: i32) -> Vec<(String, i32)> {
    let topics = topology.sources.iter().enumerate().filter(|(number, source)| {
        let topic = SourceTopic(u16::try_from(*number).expect("topics are numbered so"));
        matches!(source.kind, SourceKind::Requests(_) | SourceKind::Repartition)
            && topology.task_of(topic, task) == Some(task)
    });
    topics.map(|(_, source)| (source.name.clone(), task)).collect()
}
