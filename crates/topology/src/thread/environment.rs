//! What every part of a stream thread reads (topology, limits, time), and the queue to which it adds commands.

use std::collections::VecDeque;
use std::sync::Arc;

use super::command::{Call, Command, Fetch, Question, StoreOperation};
use super::limits::Limits;
use super::report::ThreadReport;
use crate::deployment::Topology;
use crate::otp::LogTime;

pub(super) struct Environment {
    pub topology: Arc<Topology>,
    pub limits: Limits,
    pub clock: ThreadClock,
    commands: VecDeque<Command>,
}

/// The time of a stream thread. It reads no clock: each event brings the wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ThreadClock {
    /// The wall clock as of the latest event.
    pub wall: LogTime,
    /// For intervals. It moves with the wall clock, and stands still when the wall clock is set back.
    pub monotonic: LogTime,
}

impl ThreadClock {
    /// This clock when the wall clock has moved.
    pub(super) fn at(self, wall: LogTime) -> Self {
        Self { wall, monotonic: self.monotonic.plus(wall.since(self.wall)) }
    }
}

impl Environment {
    pub(super) fn new(topology: Arc<Topology>, limits: Limits) -> Self {
        Self { topology, limits, clock: ThreadClock::default(), commands: VecDeque::new() }
    }

    pub(super) fn next_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    pub(super) fn fetch(&mut self, fetch: Fetch) {
        self.commands.push_back(Command::Fetch(fetch));
    }

    pub(super) fn ask(&mut self, question: Question) {
        self.commands.push_back(Command::Ask(question));
    }

    pub(super) fn cancel_questions(&mut self) {
        self.commands.push_back(Command::CancelQuestions);
    }

    pub(super) fn call(&mut self, call: Call) {
        self.commands.push_back(Command::Call(call));
    }

    pub(super) fn store(&mut self, operation: StoreOperation) {
        self.commands.push_back(Command::Store(operation));
    }

    pub(super) fn report(&mut self, report: ThreadReport) {
        self.commands.push_back(Command::Report(report));
    }

    pub(super) fn fail(&mut self, reason: String) {
        self.commands.push_back(Command::Fail(reason));
    }
}
