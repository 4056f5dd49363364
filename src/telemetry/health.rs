//! The health of the process. Stream threads report it; the HTTP port shows it.
//!
//! Restarts nothing: a supervisor acts on `/livez` and `/readyz`.
//!
//! ```text
//! thread: Starting ─▶ Running ⇄ Recovering, Waiting        any ─▶ Dead, Stopped;   no report for too long: Stuck
//! task:   Restoring ─▶ Waiting ─▶ Running         any ─▶ Failed;   revoked: removed
//! ```
//!
//! Ready means that requests are answered. An instance is ready if the cluster answers, every partition has an owner, each of
//! its threads has an assignment, all tasks of the assignment run, and the thread has lately committed or found that nothing
//! waits. A thread to which the group gave nothing is a spare: it is ready. Otherwise the report says which of these fails,
//! and the causes that the clients of the cluster know, the first one first.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Longest time between two reports of a stream thread. It reports many times a second, and its blocking calls end long
/// before this limit. One that does not end is a fault of the client library.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(240);

/// Longest time since a stream thread committed or found that nothing waits.
pub(crate) const PROGRESS_AGE_MAX: Duration = Duration::from_secs(45);

/// The state of a stream thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum ThreadState {
    /// Has not joined the group yet, or its producer is not initialised.
    #[default]
    Starting,
    Running,
    /// Has no assignment: it waits for one, or creates a new producer or consumer.
    Recovering {
        reason: String,
    },
    /// Has an assignment and waits: it has no producer, or the cluster refuses what it writes.
    Waiting {
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
pub(crate) enum TaskState {
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
pub(crate) struct Health {
    threads: Mutex<Vec<LastReport>>,
    /// When the cluster last answered a stream thread or another thread.
    answered: Mutex<Instant>,
    /// Partitions of the input topics that no member of the group has.
    unassigned: Mutex<Vec<String>>,
    /// By thread: the partitions that wait for a schema.
    waiting: Mutex<BTreeMap<usize, WaitingPartitions>>,
    /// The causes of faults that last.
    causes: fn() -> Vec<String>,
}

/// Partitions that wait for a schema.
#[derive(Clone, Debug, Default)]
struct WaitingPartitions {
    count: usize,
    /// Each of them, with the reason, if the registry does not answer.
    failing: Vec<String>,
}

/// The last report of a thread.
#[derive(Debug)]
struct LastReport {
    health: ThreadHealth,
    at: Instant,
    /// The last commit, or the last time that nothing waited.
    progress: Instant,
}

/// The health at one moment. Serializes to the body of `/readyz`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HealthReport {
    pub ready: bool,
    pub live: bool,
    /// What keeps the instance from being ready; empty if it is ready.
    pub failing: Vec<String>,
    /// Faults of the cluster and of the way to it, the first one first. They last, whether they do harm or not.
    pub causes: Vec<String>,
    pub threads: Vec<ThreadHealth>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ThreadHealth {
    pub thread: usize,
    #[serde(flatten)]
    pub state: ThreadState,
    pub tasks: Vec<TaskHealth>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct TaskHealth {
    pub partition: i32,
    #[serde(flatten)]
    pub state: TaskState,
}

impl ThreadState {
    /// Why the thread does not serve; `None`: it has an assignment.
    fn failing(&self) -> Option<String> {
        match self {
            Self::Running => None,
            Self::Starting => Some("has not joined the group yet".to_owned()),
            Self::Recovering { reason } => Some(format!("has no assignment: {reason}")),
            Self::Waiting { reason } => Some(format!("waits: {reason}")),
            Self::Dead { reason } => Some(format!("has ended: {reason}")),
            Self::Stuck { silent_for_s } => Some(format!("has been in one call for {silent_for_s} s")),
            Self::Stopped => Some("has stopped".to_owned()),
        }
    }

    fn is_live(&self) -> bool {
        match self {
            Self::Starting
            | Self::Running
            | Self::Recovering { .. }
            | Self::Waiting { .. }
            | Self::Stopped => true,
            Self::Dead { .. } | Self::Stuck { .. } => false,
        }
    }
}

impl LastReport {
    fn new(thread: usize) -> Self {
        let health = ThreadHealth { thread, state: ThreadState::Starting, tasks: Vec::new() };
        let now = now();
        Self { health, at: now, progress: now }
    }

    /// What keeps the thread from answering requests.
    fn failing_at(&self, now: Instant) -> Vec<String> {
        let health = self.health_at(now);
        let thread = health.thread;
        if let Some(why) = health.state.failing() {
            return vec![format!("stream thread {thread} {why}")];
        }
        let failing: Vec<String> = health.tasks.iter().filter_map(TaskHealth::failing).collect();
        if !failing.is_empty() {
            return failing;
        }
        let age = now.saturating_duration_since(self.progress);
        if health.tasks.is_empty() || age < PROGRESS_AGE_MAX {
            return Vec::new();
        }
        let age = age.as_secs();
        vec![format!("stream thread {thread} has neither committed nor found its topics empty for {age} s")]
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

impl TaskHealth {
    fn failing(&self) -> Option<String> {
        let partition = self.partition;
        match &self.state {
            TaskState::Running => None,
            TaskState::Restoring => Some(format!("task {partition} restores its state")),
            TaskState::Waiting => Some(format!("task {partition} waits for the directory or the policies")),
            TaskState::Failed { reason } => Some(format!("task {partition} has failed: {reason}")),
        }
    }
}

impl TaskState {
    /// Every name that [`TaskState::name`] returns.
    pub(crate) const NAMES: [&'static str; 4] = ["restoring", "waiting", "running", "failed"];

    pub(crate) fn name(&self) -> &'static str {
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
    pub(crate) fn new(threads: usize) -> Self {
        let threads = Mutex::new((0..threads).map(LastReport::new).collect());
        Self {
            threads,
            answered: Mutex::new(now()),
            unassigned: Mutex::default(),
            waiting: Mutex::default(),
            causes: Vec::new,
        }
    }

    /// Reports these causes, too.
    #[must_use]
    pub(crate) fn with_causes(self, causes: fn() -> Vec<String>) -> Self {
        Self { causes, ..self }
    }

    /// Reports the state of a thread.
    ///
    /// # Panics
    /// There is no such thread.
    pub(crate) fn set_thread(&self, thread: usize, state: ThreadState) {
        self.update(thread, |last| last.health.state = state);
    }

    /// Reports that a thread has committed, or that nothing waited for it.
    ///
    /// # Panics
    /// There is no such thread.
    pub(crate) fn progressed(&self, thread: usize) {
        self.update(thread, |last| last.progress = now());
        self.cluster_answered();
    }

    /// Reports that the cluster has answered.
    pub(crate) fn cluster_answered(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = now();
    }

    /// Reports the partitions of the input topics that no member of the group has.
    pub(crate) fn set_unassigned(&self, unassigned: Vec<String>) {
        *self.unassigned.lock().unwrap_or_else(PoisonError::into_inner) = unassigned;
    }

    /// Reports how many partitions of a thread wait for a schema, and if the registry does not answer, which and why.
    pub(crate) fn set_waiting(&self, thread: usize, count: usize, failing: Vec<String>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(thread, WaitingPartitions { count, failing });
    }

    /// Partitions that wait for a schema.
    pub(crate) fn waiting_partitions(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.values().map(|it| it.count).sum()
    }

    /// Reports the states of all tasks of a thread, by partition. A task that is not in the list belongs to another instance or
    /// thread.
    ///
    /// # Panics
    /// There is no such thread.
    pub(crate) fn set_tasks(&self, thread: usize, tasks: Vec<(i32, TaskState)>) {
        let tasks = tasks.into_iter().map(|(partition, state)| TaskHealth { partition, state });
        self.update(thread, |last| last.health.tasks = tasks.collect());
    }

    pub(crate) fn report(&self) -> HealthReport {
        self.report_at(now())
    }

    fn report_at(&self, now: Instant) -> HealthReport {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let last = self.lock();
        let threads: Vec<_> = last.iter().map(|thread| thread.health_at(now)).collect();
        let silent_for = now.saturating_duration_since(answered);
        let silence = (silent_for >= PROGRESS_AGE_MAX)
            .then(|| format!("the cluster has not answered for {} s", silent_for.as_secs()));
        let mut failing: Vec<_> = silence.into_iter().collect();
        failing.extend(last.iter().flat_map(|thread| thread.failing_at(now)));
        drop(last);
        failing.extend(self.unassigned.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        failing.extend(waiting.values().flat_map(|it| it.failing.iter().cloned()));
        drop(waiting);
        HealthReport {
            ready: !threads.is_empty() && failing.is_empty(),
            live: threads.iter().all(|thread| thread.state.is_live()),
            failing,
            causes: (self.causes)(),
            threads,
        }
    }

    fn update(&self, thread: usize, change: impl FnOnce(&mut LastReport)) {
        let last = &mut self.lock()[thread];
        change(last);
        last.at = now();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<LastReport>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HealthReport {
    /// Number of tasks by the name of their state.
    pub(crate) fn tasks_by_state(&self) -> BTreeMap<&'static str, i64> {
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
        check(ThreadState::Running, 44, true, true);
        check(ThreadState::Running, 200, true, false);
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
        assert!(health.report_at(later).live);
    }

    /// A running thread with these tasks, `progress_s` seconds after its last progress and `answered_s` seconds after the
    /// cluster's last answer, is ready (empty) or fails for this reason.
    fn check_progress(tasks: Vec<(i32, TaskState)>, progress_s: u64, answered_s: u64, expected: &str) {
        let health = Health::new(1).with_causes(|| vec!["the brokers cannot be reached".to_owned()]);
        health.set_thread(0, ThreadState::Running);
        health.set_tasks(0, tasks);
        let later = now() + Duration::from_secs(100);
        health.lock()[0].at = later;
        health.lock()[0].progress = later - Duration::from_secs(progress_s);
        *health.answered.lock().expect("no panic") = later - Duration::from_secs(answered_s);
        let report = health.report_at(later);
        assert_eq!(report.failing.join(", "), expected);
        assert_eq!(report.ready, expected.is_empty(), "a cause alone does no harm");
    }

    #[test]
    fn ready_means_that_requests_are_answered() {
        let running = || vec![(3, TaskState::Running)];
        let restoring = vec![(3, TaskState::Running), (4, TaskState::Restoring)];
        let idle = "stream thread 0 has neither committed nor found its topics empty for 46 s";
        let silent = "the cluster has not answered for 46 s";
        check_progress(running(), 44, 44, "");
        check_progress(running(), 46, 0, idle);
        check_progress(running(), 46, 46, &format!("{silent}, {idle}"));
        check_progress(restoring, 1, 1, "task 4 restores its state");
        check_progress(vec![(3, TaskState::Failed { reason: "r".into() })], 1, 1, "task 3 has failed: r");
        check_progress(Vec::new(), 99, 44, "");
        check_progress(Vec::new(), 0, 46, silent);
    }

    #[test]
    fn a_partition_without_an_owner_is_not_ready() {
        let health = Health::new(1);
        health.set_thread(0, ThreadState::Running);
        health.set_unassigned(vec!["partition 3 of `r`".into()]);
        assert_eq!(health.report().failing, ["partition 3 of `r`"]);
        health.set_unassigned(Vec::new());
        assert!(health.report().ready);
    }

    #[test]
    fn a_question_that_the_registry_does_not_answer_is_not_ready() {
        let health = Health::new(1);
        health.set_thread(0, ThreadState::Running);
        health.set_waiting(0, 1, Vec::new());
        assert!(health.report().ready, "it may answer at any moment");
        health.set_waiting(0, 2, vec!["schema id 17".into(), "schema id 18".into()]);
        assert_eq!((health.report().failing.len(), health.waiting_partitions()), (2, 2));
        health.set_waiting(0, 0, Vec::new());
        assert!(health.report().ready && health.waiting_partitions() == 0);
    }

    #[test]
    fn a_lost_membership_is_not_ready() {
        let health = Health::new(1);
        health.set_thread(0, ThreadState::Recovering { reason: "the group took it".into() });
        assert_eq!(health.report().failing, ["stream thread 0 has no assignment: the group took it"]);
    }
}
