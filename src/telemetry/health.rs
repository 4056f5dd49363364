//! The health of the process. Stream threads report it; the HTTP port shows it.
//!
//! Restarts nothing: a supervisor acts on `/livez` and `/readyz`.
//!
//! ```text
//! thread: Starting ─▶ Running ⇄ Recovering        any ─▶ Dead, Stopped;   no report for too long: Stuck
//! task:   Restoring ─▶ Waiting ─▶ Running         any ─▶ Failed;   revoked: removed
//! ```
//!
//! An instance is ready if every thread has joined the group with an initialised producer, and no task has failed. An
//! instance without partitions is ready. So is one that restores: the progress of a restore is a metric.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Longest time between two reports of a stream thread. It reports many times a second, and its blocking calls end long
/// before this limit. One that does not end is a fault of the client library.
pub const SILENCE_MAX: Duration = Duration::from_secs(240);

/// The state of a stream thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum ThreadState {
    /// Has not joined the group yet, or its producer is not initialised.
    #[default]
    Starting,
    Running,
    /// Creates a new producer or consumer.
    Recovering {
        reason: String,
    },
    /// Gave up. Only a restart of the process helps.
    Dead {
        reason: String,
    },
    /// Has been in one call for too long. Only a restart of the process helps, unless the call ends after all.
    Stuck {
        #[serde(rename = "silentForS")]
        silent_for_s: u64,
    },
    /// Ended regularly.
    Stopped,
}

/// The state of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum TaskState {
    Restoring,
    /// Restored; waits for the directory or the policies.
    Waiting,
    Running,
    Failed {
        reason: String,
    },
}

/// Shared by the stream threads and the HTTP port.
#[derive(Debug)]
pub struct Health {
    threads: Mutex<Vec<LastReport>>,
}

/// The last report of a thread.
#[derive(Debug)]
struct LastReport {
    health: ThreadHealth,
    at: Instant,
}

/// The health at one moment. Serializes to the body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
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
            Self::Starting
            | Self::Recovering { .. }
            | Self::Dead { .. }
            | Self::Stuck { .. }
            | Self::Stopped => false,
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::Starting | Self::Running | Self::Recovering { .. } | Self::Stopped => true,
            Self::Dead { .. } | Self::Stuck { .. } => false,
        }
    }
}

impl LastReport {
    fn new(thread: usize) -> Self {
        let health = ThreadHealth { thread, state: ThreadState::Starting, tasks: Vec::new() };
        Self { health, at: now() }
    }

    fn health_at(&self, now: Instant) -> ThreadHealth {
        let silent_for = now.saturating_duration_since(self.at);
        let may_be_silent = matches!(self.health.state, ThreadState::Dead { .. } | ThreadState::Stopped);
        if may_be_silent || silent_for < SILENCE_MAX {
            return self.health.clone();
        }
        let state = ThreadState::Stuck { silent_for_s: silent_for.as_secs() };
        ThreadHealth { state, ..self.health.clone() }
    }
}

impl TaskState {
    /// Every name that [`TaskState::name`] returns.
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
    /// `threads` threads that are starting.
    pub fn new(threads: usize) -> Self {
        Self { threads: Mutex::new((0..threads).map(LastReport::new).collect()) }
    }

    /// Reports the state of a thread.
    ///
    /// # Panics
    /// There is no such thread.
    pub fn set_thread(&self, thread: usize, state: ThreadState) {
        self.update(thread, |health| health.state = state);
    }

    /// Reports the states of all tasks of a thread, by partition. A task that is not in the list belongs to another instance or
    /// thread.
    ///
    /// # Panics
    /// There is no such thread.
    pub fn set_tasks(&self, thread: usize, tasks: Vec<(i32, TaskState)>) {
        let tasks = tasks.into_iter().map(|(partition, state)| TaskHealth { partition, state });
        self.update(thread, |health| health.tasks = tasks.collect());
    }

    pub fn report(&self) -> HealthReport {
        self.report_at(now())
    }

    fn report_at(&self, now: Instant) -> HealthReport {
        let threads: Vec<_> = self.lock().iter().map(|thread| thread.health_at(now)).collect();
        let failed = |task: &TaskHealth| matches!(task.state, TaskState::Failed { .. });
        let ready = |thread: &ThreadHealth| thread.state.is_ready() && !thread.tasks.iter().any(failed);
        HealthReport {
            ready: !threads.is_empty() && threads.iter().all(ready),
            live: threads.iter().all(|thread| thread.state.is_live()),
            threads,
        }
    }

    fn update(&self, thread: usize, change: impl FnOnce(&mut ThreadHealth)) {
        let thread = &mut self.lock()[thread];
        change(&mut thread.health);
        thread.at = now();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<LastReport>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HealthReport {
    /// Number of tasks by the name of their state.
    pub fn tasks_by_state(&self) -> BTreeMap<&'static str, i64> {
        let mut counts: BTreeMap<_, _> = TaskState::NAMES.into_iter().map(|name| (name, 0)).collect();
        for task in self.threads.iter().flat_map(|thread| &thread.tasks) {
            *counts.entry(task.state.name()).or_default() += 1;
        }
        counts
    }
}

fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long a thread has not reported; decides nothing"
    )]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thread that reported `state` and then nothing for `silent_s` seconds makes the process live and ready, or not.
    fn check(state: ThreadState, silent_s: u64, live: bool, ready: bool) {
        let health = Health::new(1);
        health.set_thread(0, state.clone());
        let report = health.report_at(now() + Duration::from_secs(silent_s));
        assert_eq!(
            (report.live, report.ready),
            (live, ready),
            "{state:?} and {silent_s} s of silence: {report:?}"
        );
    }

    #[test]
    fn a_thread_that_is_silent_for_too_long_is_stuck() {
        check(ThreadState::Running, 200, true, true);
        check(ThreadState::Running, 241, false, false);
        check(ThreadState::Starting, 200, true, false);
        check(ThreadState::Starting, 241, false, false);
        check(ThreadState::Recovering { reason: "a rebalance".into() }, 241, false, false);
        check(ThreadState::Stopped, 241, true, false);
        check(ThreadState::Dead { reason: "no producer".into() }, 0, false, false);
    }

    #[test]
    fn a_thread_that_reports_again_is_not_stuck() {
        let health = Health::new(1);
        health.set_thread(0, ThreadState::Running);
        let later = now() + SILENCE_MAX;
        assert!(!health.report_at(later).live);
        health.lock()[0].at = later;
        assert!(health.report_at(later).ready);
    }
}
