//! Turns the reports of a stream thread into log lines and metrics, and shows its tasks and its lag.
//!
//! Decides nothing and answers nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use otp_topology::deployment::Topology;
use otp_topology::otp::LogTime;
use otp_topology::state::StateStore;
use otp_topology::task::Counters;
use otp_topology::thread::{StreamThread, TaskStage, ThreadReport};
use otp_topology::wire::record::SourcePartition;

use super::clock::{now, wall};
use crate::kafka::outage;
use crate::telemetry::{Counts, Health, Metrics, TaskState, ThreadState};

/// Between two updates of the health page.
const HEALTH_INTERVAL_MS: u64 = 200;

pub(super) struct Reporter {
    /// The number of the stream thread.
    number: usize,
    topology: Arc<Topology>,
    metrics: Arc<Metrics>,
    counts: Counts,
    health: Arc<Health>,
    shown_at: LogTime,
    is_assigned: bool,
    began_at: Option<Instant>,
    /// Tasks that are ready and not logged yet, and the records that were replayed for them.
    ready: (usize, u64),
    /// Policies that were reported to exceed the bounds.
    beyond_bounds: BTreeSet<String>,
    /// Callers of which an unreadable deadline was reported.
    bad_deadlines: BTreeSet<String>,
}

impl Reporter {
    pub(super) fn new(
        number: usize,
        topology: Arc<Topology>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Self {
        let sources: Vec<String> = topology.sources.iter().map(|source| source.name.clone()).collect();
        Self {
            number,
            counts: Counts::new(metrics.clone(), &sources),
            topology,
            metrics,
            health,
            shown_at: LogTime::default(),
            is_assigned: false,
            began_at: None,
            ready: (0, 0),
            beyond_bounds: BTreeSet::new(),
            bad_deadlines: BTreeSet::new(),
        }
    }

    /// The group has assigned partitions. The health page shows it together with the tasks.
    pub(super) fn assigned(&mut self, partitions: usize, generation: i32) {
        tracing::info!(partitions, generation, "assigned");
        self.is_assigned = true;
        self.shown_at = LogTime::default();
    }

    /// The assignment has ended. `lost`: the group has forgotten this member, or cannot be reached.
    pub(super) fn revoked(&mut self, lost: bool) {
        let was_assigned = std::mem::replace(&mut self.is_assigned, false);
        let reason = match lost {
            true => "the membership of the group is lost, and it joins again",
            false => "the group assigns its partitions again",
        };
        if lost && was_assigned {
            tracing::warn!("the membership of the group is lost; the member joins again");
        }
        self.health.set_thread(self.number, ThreadState::Recovering { reason: reason.to_owned() });
        self.health.set_tasks(self.number, Vec::new());
    }

    /// A transaction begins.
    pub(super) fn transaction_begins(&mut self) {
        self.began_at = Some(now());
    }

    pub(super) fn report(&mut self, report: ThreadReport) {
        match report {
            ThreadReport::Committed { counters, records } => self.committed(*counters, records),
            ThreadReport::Refused { units, reason } => {
                self.metrics.aborted("refused");
                // The cause is logged where it is found, once a minute.
                tracing::debug!(?units, %reason, "the cluster refuses a transaction; its records run again later");
            }
            ThreadReport::RefusalOver { units } => {
                tracing::info!(units, "the cluster takes what it refused");
            }
            ThreadReport::Fenced => {
                self.metrics.fenced();
                tracing::warn!("the group has fenced this member; its tasks wait for the rebalance");
            }
            ThreadReport::Misassigned { reason } => self.misassigned(reason),
            ThreadReport::UnknownOutcome { reason } => {
                self.metrics.aborted("unknown");
                let reason = outage::with_first_cause(reason);
                tracing::warn!(reason, "the outcome of a transaction is unknown; a new producer settles it");
            }
            ThreadReport::TaskReady { restored, .. } => {
                self.ready = (self.ready.0 + 1, self.ready.1 + restored);
                self.health.progressed(self.number);
            }
            ThreadReport::TaskFailed { task, reason } => {
                tracing::error!(task, reason, "task failed; it is tried again");
            }
            ThreadReport::Lost { source, records } => {
                let (topic, partition) = (self.topic(source), source.partition);
                self.metrics.lost(topic, u64::try_from(records).unwrap_or(0));
                tracing::error!(topic, partition, records, "retention removed records before they were read");
            }
            ThreadReport::PositionsVoid { topic } => {
                tracing::warn!(
                    topic,
                    "the topic was recreated: its positions are void, and it is read from its beginning"
                );
            }
            ThreadReport::Wiped { task, reason } => {
                tracing::warn!(task, %reason, "the task's store is rebuilt from the changelog");
            }
        }
    }

    /// Shows how far each input lies behind its end. If none does, nothing waits.
    pub(super) fn show_lag<S: StateStore + Clone>(
        &self,
        ends: &[(SourcePartition, i64)],
        thread: &mut StreamThread<S>,
    ) {
        let mut is_empty = !ends.is_empty();
        for (source, end) in ends {
            let topic = self.topic(*source);
            match thread.lag(*source, *end) {
                Some(records) => {
                    is_empty &= records == 0;
                    self.metrics.set_input_lag(topic, source.partition, records);
                }
                None => self.metrics.forget_input(topic, source.partition),
            }
        }
        if is_empty {
            self.health.progressed(self.number);
        }
    }

    /// Shows the stages of the tasks on the health page, if that is due.
    pub(super) fn show_stages<S: StateStore + Clone>(&mut self, thread: &StreamThread<S>) {
        let now = wall();
        if now.since(self.shown_at) >= HEALTH_INTERVAL_MS {
            self.shown_at = now;
            let tasks: Vec<_> = thread.stages().map(|(task, stage)| (task, state_of(stage))).collect();
            if !tasks.iter().any(|(_, state)| matches!(state, TaskState::Restoring)) {
                self.log_ready();
            }
            self.health.set_tasks(self.number, tasks);
            if self.is_assigned {
                let waits = thread.refusal().map(|reason| ThreadState::Waiting { reason: reason.to_owned() });
                self.health.set_thread(self.number, waits.unwrap_or(ThreadState::Running));
            }
        }
    }

    fn committed(&mut self, counters: Counters, records: usize) {
        self.health.progressed(self.number);
        let seconds = self.began_at.take().map_or(0.0, |began| began.elapsed().as_secs_f64());
        self.counts.publish(&counters, records, seconds, wall());
        for (caller, _) in counters.unreadable_deadlines {
            if !self.bad_deadlines.contains(&caller) {
                tracing::warn!(
                    caller,
                    "a deadline (header ce_expirytime) is no RFC 3339 time with a zone, as in 2026-11-23T10:15:30Z: it counts \
                     as none; otp_stream_unreadable_deadlines_total counts them"
                );
                self.bad_deadlines.insert(caller);
            }
        }
        for policy in counters.policies_beyond_bounds {
            if !self.beyond_bounds.contains(&policy) {
                tracing::warn!(
                    policy,
                    "a stored policy exceeds policy.bounds: the nearest bound applies; write the policy again, or widen the \
                     bounds"
                );
                self.beyond_bounds.insert(policy);
            }
        }
    }

    /// The thread waits for its next assignment.
    fn misassigned(&mut self, reason: String) {
        self.is_assigned = false;
        tracing::warn!(
            reason,
            "the assignment separates the partitions of a task; the thread waits for the next one"
        );
        self.health.set_thread(self.number, ThreadState::Recovering { reason });
    }

    /// One line for all tasks of an assignment: there may be hundreds.
    fn log_ready(&mut self) {
        let (tasks, records) = std::mem::take(&mut self.ready);
        if tasks > 0 {
            tracing::info!(tasks, records, "tasks restored");
        }
    }

    fn topic(&self, source: SourcePartition) -> &str {
        &self.topology.source(source.topic).name
    }
}

fn state_of(stage: TaskStage<'_>) -> TaskState {
    match stage {
        TaskStage::Opening | TaskStage::AskingOffsets | TaskStage::AskingRanges | TaskStage::Restoring => {
            TaskState::Restoring
        }
        TaskStage::Gated => TaskState::Waiting,
        TaskStage::Running => TaskState::Running,
        TaskStage::Refused { reason } | TaskStage::Failed { reason } => {
            TaskState::Failed { reason: reason.to_owned() }
        }
    }
}
