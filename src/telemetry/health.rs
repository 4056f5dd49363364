//! The state of health, as the stream threads tell it and the HTTP port shows it.
//!
//! ```text
//! thread: Starting ─▶ Running ⇄ Recovering        any ─▶ Dead, Stopped
//! task:   Restoring ─▶ Waiting ─▶ Running         any ─▶ Failed;   revoked: forgotten
//! ```
//!
//! Ready = every thread has joined the group with its producer initialised, and no task failed. A spare instance
//! without partitions is ready. Restoring does not make an instance unready: its progress is a metric.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// What a stream thread does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ThreadState {
    /// Not joined yet, or the producer is not initialised.
    #[default]
    Starting,
    Running,
    /// A new producer or consumer is being made.
    Recovering {
        reason: String,
    },
    /// Gave up; only a new process helps.
    Dead {
        reason: String,
    },
    /// Ended in good order.
    Stopped,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum TaskState {
    Restoring,
    /// Restored; the directory or the policies are not there yet.
    Waiting,
    Running,
    Failed {
        reason: String,
    },
}

/// Shared by the stream threads and the HTTP port.
#[derive(Debug)]
pub struct Health {
    threads: Mutex<Vec<ThreadHealth>>,
}

/// A copy of the state at one moment; serializes to the body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub ready: bool,
    pub live: bool,
    pub threads: Vec<ThreadHealth>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ThreadHealth {
    pub thread: usize,
    #[serde(flatten)]
    pub state: ThreadState,
    pub tasks: Vec<TaskHealth>,
}

#[derive(Clone, Debug, Serialize)]
pub struct TaskHealth {
    pub partition: i32,
    #[serde(flatten)]
    pub state: TaskState,
}

impl ThreadState {
    fn is_ready(&self) -> bool {
        match self {
            Self::Running => true,
            Self::Starting | Self::Recovering { .. } | Self::Dead { .. } | Self::Stopped => false,
        }
    }
}

impl TaskState {
    /// Every name that [`TaskState::name`] gives.
    pub const NAMES: [&'static str; 4] = ["restoring", "waiting", "running", "failed"];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Restoring => "restoring",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Failed { .. } => "failed",
        }
    }
}

impl Health {
    /// All threads are starting.
    pub fn new(threads: usize) -> Self {
        let starting = |thread| ThreadHealth { thread, state: ThreadState::Starting, tasks: Vec::new() };
        Self { threads: Mutex::new((0..threads).map(starting).collect()) }
    }

    /// # Panics
    /// There are not so many threads.
    pub fn set_thread(&self, thread: usize, state: ThreadState) {
        self.lock()[thread].state = state;
    }

    /// What each task of a thread does; tasks that are not named went to another instance or thread.
    ///
    /// # Panics
    /// There are not so many threads.
    pub fn set_tasks(&self, thread: usize, tasks: Vec<(i32, TaskState)>) {
        let tasks = tasks.into_iter().map(|(partition, state)| TaskHealth { partition, state });
        self.lock()[thread].tasks = tasks.collect();
    }

    pub fn report(&self) -> Report {
        let threads = self.lock().clone();
        let failed = |task: &TaskHealth| matches!(task.state, TaskState::Failed { .. });
        let ready = |thread: &ThreadHealth| thread.state.is_ready() && !thread.tasks.iter().any(failed);
        Report {
            ready: !threads.is_empty() && threads.iter().all(ready),
            live: !threads.iter().any(|thread| matches!(thread.state, ThreadState::Dead { .. })),
            threads,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<ThreadHealth>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Report {
    /// Tasks by the name of their state.
    pub fn tasks_by_state(&self) -> BTreeMap<&'static str, i64> {
        let mut counts: BTreeMap<_, _> = TaskState::NAMES.into_iter().map(|name| (name, 0)).collect();
        for task in self.threads.iter().flat_map(|thread| &thread.tasks) {
            *counts.entry(task.state.name()).or_default() += 1;
        }
        counts
    }
}
