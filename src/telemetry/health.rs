//! The state of health, as the stream threads tell it and the HTTP port shows it.
//!
//! ```text
//! thread: Starting ─▶ Running ⇄ Recovering        any ─▶ Dead, Stopped;   silent for too long: Stuck
//! task:   Restoring ─▶ Waiting ─▶ Running         any ─▶ Failed;   revoked: forgotten
//! ```
//!
//! Ready = every thread has joined the group with its producer initialised, and no task failed. A spare instance
//! without partitions is ready. Restoring does not make an instance unready: its progress is a metric.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// A stream thread tells its tasks many times a second. The calls that it may be in between end by themselves long
/// before this; one that does not is a fault of the client library.
const SILENCE_MAX: Duration = Duration::from_secs(240);

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
    /// Has been in one call for too long; only a new process helps, unless the call ends after all.
    Stuck {
        #[serde(rename = "silentForS")]
        silent_for_s: u64,
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
    threads: Mutex<Vec<Thread>>,
}

#[derive(Debug)]
struct Thread {
    told: ThreadHealth,
    at: Instant,
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

impl Thread {
    fn new(thread: usize) -> Self {
        let told = ThreadHealth { thread, state: ThreadState::Starting, tasks: Vec::new() };
        Self { told, at: now() }
    }

    fn seen_at(&self, now: Instant) -> ThreadHealth {
        let silent_for = now.saturating_duration_since(self.at);
        let may_be_silent = matches!(self.told.state, ThreadState::Dead { .. } | ThreadState::Stopped);
        if may_be_silent || silent_for < SILENCE_MAX {
            return self.told.clone();
        }
        let state = ThreadState::Stuck { silent_for_s: silent_for.as_secs() };
        ThreadHealth { state, ..self.told.clone() }
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
        Self { threads: Mutex::new((0..threads).map(Thread::new).collect()) }
    }

    /// # Panics
    /// There are not so many threads.
    pub fn set_thread(&self, thread: usize, state: ThreadState) {
        self.tell(thread, |told| told.state = state);
    }

    /// What each task of a thread does; tasks that are not named went to another instance or thread.
    ///
    /// # Panics
    /// There are not so many threads.
    pub fn set_tasks(&self, thread: usize, tasks: Vec<(i32, TaskState)>) {
        let tasks = tasks.into_iter().map(|(partition, state)| TaskHealth { partition, state });
        self.tell(thread, |told| told.tasks = tasks.collect());
    }

    pub fn report(&self) -> Report {
        self.report_at(now())
    }

    fn report_at(&self, now: Instant) -> Report {
        let threads: Vec<_> = self.lock().iter().map(|thread| thread.seen_at(now)).collect();
        let failed = |task: &TaskHealth| matches!(task.state, TaskState::Failed { .. });
        let ready = |thread: &ThreadHealth| thread.state.is_ready() && !thread.tasks.iter().any(failed);
        Report {
            ready: !threads.is_empty() && threads.iter().all(ready),
            live: threads.iter().all(|thread| thread.state.is_live()),
            threads,
        }
    }

    fn tell(&self, thread: usize, what: impl FnOnce(&mut ThreadHealth)) {
        let thread = &mut self.lock()[thread];
        what(&mut thread.told);
        thread.at = now();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Thread>> {
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

fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "tells how long a thread was silent; decides nothing")]
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a thread that told `state` and was then silent for so many seconds.
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
    fn a_thread_that_speaks_again_is_not_stuck() {
        let health = Health::new(1);
        health.set_thread(0, ThreadState::Running);
        let later = now() + SILENCE_MAX;
        assert!(!health.report_at(later).live);
        health.lock()[0].at = later;
        assert!(health.report_at(later).ready);
    }
}
