//! Assign, revoke, lose: which tasks this thread holds, and in which assignment.

use std::collections::BTreeSet;

use super::StreamThread;
use super::command::Command;
use super::slot::{Slot, Stage};
use super::transaction::{After, State};
use crate::otp::LogTime;
use crate::state::StateStore;
use crate::wire::record::{SourcePartition, SourceTopic};

/// Counts the times that tasks were taken up; answers to an earlier one are ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssignmentId(pub u64);

#[derive(Default)]
pub(super) struct Assignment {
    pub id: AssignmentId,
    /// Of the group, at the time of the assignment.
    pub generation: i32,
    pub partitions: Vec<SourcePartition>,
    pub state: Holding,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Holding {
    #[default]
    Nothing,
    Active,
    /// The group has fenced this member; a rebalance must follow.
    Fenced {
        since: LogTime,
    },
    /// Inside the revoke callback.
    Revoking,
}

impl<S: StateStore + Clone> StreamThread<S> {
    /// Whether records may be processed.
    pub(super) fn takes_work(&self) -> bool {
        self.assignment.state == Holding::Active && !matches!(self.transaction.state, State::Replacing { .. })
    }

    pub(super) fn assigned(&mut self, partitions: Vec<SourcePartition>, generation: i32) {
        if let Some(missing) = self.missing_home(&partitions) {
            return self.command(Command::Fail(missing));
        }
        self.assignment.generation = generation;
        self.assignment.partitions.clone_from(&partitions);
        self.assignment.state = Holding::Active;
        self.command(Command::Assign(partitions));
        if !matches!(self.transaction.state, State::Replacing { .. }) {
            self.take_up_all();
        }
    }

    pub(super) fn revoked(&mut self, lost: bool) {
        if self.assignment.state == Holding::Nothing {
            return;
        }
        let fenced = matches!(self.assignment.state, Holding::Fenced { .. });
        self.assignment.state = Holding::Revoking;
        if lost || fenced {
            self.abandon(After::Drop);
        } else {
            self.finish();
        }
        self.settle();
    }

    /// Ends a revocation as soon as no call is under way; otherwise goes on with what is left to do.
    pub(super) fn settle(&mut self) {
        let at_rest = matches!(self.transaction.state, State::Idle | State::Replacing { .. });
        if self.assignment.state == Holding::Revoking {
            if at_rest {
                self.give_back();
            }
        } else if self.transaction.plan.is_none() {
            self.advance();
        }
    }

    /// The group does not know this member any more.
    pub(super) fn fence(&mut self) {
        if self.assignment.state == Holding::Active {
            self.assignment.state = Holding::Fenced { since: self.passed };
            self.command(Command::Pause(self.assignment.partitions.clone()));
        }
    }

    /// Takes every task up anew, within the same assignment.
    pub(super) fn retake(&mut self) {
        match self.assignment.state {
            Holding::Nothing | Holding::Revoking => return,
            Holding::Active | Holding::Fenced { .. } => self.assignment.state = Holding::Active,
        }
        self.command(Command::CancelRecovery);
        self.command(Command::Pause(self.assignment.partitions.clone()));
        self.suspend_all();
        self.take_up_all();
    }

    fn give_back(&mut self) {
        self.work.drop_batch();
        self.command(Command::CancelRecovery);
        self.suspend_all();
        self.command(Command::Unassign);
        self.assignment.state = Holding::Nothing;
        self.assignment.partitions.clear();
        self.assignment.id.0 += 1;
    }

    fn suspend_all(&mut self) {
        for task in std::mem::take(&mut self.slots).into_keys() {
            self.command(Command::Suspend { task });
        }
        self.forwarders.clear();
        self.work.failed.clear();
    }

    fn take_up_all(&mut self) {
        self.assignment.id.0 += 1;
        let assignment = self.assignment.id;
        let mut tasks = BTreeSet::new();
        for source in self.assignment.partitions.clone() {
            match self.topology.task_of(source.topic, source.partition) {
                Some(task) => {
                    tasks.insert(task);
                }
                None => self.ask_stable_of_forwarder(source),
            }
        }
        for task in tasks {
            self.slots.insert(task, Slot::opening());
            self.command(Command::Open { assignment, task });
        }
    }

    /// All source partitions of one task; empty if it is not ours.
    pub(super) fn sources_of(&self, task: i32) -> Vec<SourcePartition> {
        let of_task =
            |source: &&SourcePartition| self.topology.task_of(source.topic, source.partition) == Some(task);
        self.assignment.partitions.iter().filter(of_task).copied().collect()
    }

    /// A task is taken up and served whole: the assignor must give all its source partitions to one member.
    fn missing_home(&self, partitions: &[SourcePartition]) -> Option<String> {
        let ours: BTreeSet<_> = partitions.iter().copied().collect();
        let tasks: BTreeSet<_> =
            ours.iter().filter_map(|it| self.topology.task_of(it.topic, it.partition)).collect();
        for (at, source) in self.topology.sources.iter().enumerate() {
            let topic = SourceTopic(u16::try_from(at).expect("few topics"));
            for partition in 0..source.partitions {
                let home = self.topology.task_of(topic, partition);
                if home.is_some_and(|task| tasks.contains(&task))
                    && !ours.contains(&SourcePartition { topic, partition })
                {
                    return Some(format!(
                        "the group did not assign `{}` partition {partition} together with the other partitions of its \
                         task: every member must use the range assignor and read the same topics",
                        source.name
                    ));
                }
            }
        }
        None
    }

    /// A task cannot go on; it is tried again later, and the others go on.
    pub(super) fn fail_task(&mut self, task: i32, reason: &str) {
        let retry_at = self.passed.plus(self.limits.task_retry_ms);
        let Some(slot) = self.slots.get_mut(&task) else {
            return;
        };
        slot.stage = Stage::Failed { retry_at, reason: reason.to_owned() };
        slot.inputs.clear();
        let sources = self.sources_of(task);
        self.command(Command::Pause(sources));
        self.report(super::Report::TaskFailed { task, reason: reason.to_owned() });
    }
}
