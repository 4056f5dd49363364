//! Performs the commands of one stream thread, and returns the events that answer them.
//!
//! Each group of commands has its performer. Decides nothing of the protocol.
//!
//! ```text
//! StreamThread ── Fetch ──▶ Group (the consumer)
//!              ── Ask ────▶ Worker          ── answers ──┐
//!              ── Call ───▶ ProducerCalls   ── ends ─────┼──▶ StreamThread
//!              ── Store ──▶ Stores          ── answers ──┘
//!              ── Report ─▶ Reporter
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::state::StateStore;
use otp_topology::thread::{
    Call, Command, Event, Fetch, ReadFrom, StoreOperation, StreamThread, ThreadReport,
};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use super::calls::ProducerCalls;
use super::clock::{now, wall};
use super::inputs::AvroInputs;
use super::open_transactions::OpenTransaction;
use super::pacing::CommitPacing;
use super::reporter::Reporter;
use super::round::Round;
use super::stores::{Stores, TaskHandle};
use super::worker::Worker;
use crate::kafka::Group;

/// How long a seek may take.
pub(super) const SEEK_MAX: Duration = Duration::from_secs(5);

pub(super) struct Driver {
    topology: Arc<Topology>,
    thread: StreamThread<TaskHandle>,
    calls: ProducerCalls,
    worker: Worker,
    stores: Arc<Stores>,
    reporter: Reporter,
    /// `None`: every topic that is read is JSON.
    inputs: Option<Rc<RefCell<AvroInputs>>>,
    open: OpenTransaction,
    pacing: CommitPacing,
    /// There are more records to read immediately.
    more_to_read: bool,
    /// Why the thread cannot go on.
    failure: Option<String>,
}

/// How the loop should poll.
pub(super) struct PollPlan {
    pub timeout: Duration,
    /// How many records may come. 0: the end of the call under way is waited for instead.
    pub room: usize,
}

impl Driver {
    #[expect(clippy::too_many_arguments, reason = "each group of commands has its performer")]
    pub(super) fn new(
        topology: Arc<Topology>,
        thread: StreamThread<TaskHandle>,
        calls: ProducerCalls,
        worker: Worker,
        stores: Arc<Stores>,
        reporter: Reporter,
        inputs: Option<Rc<RefCell<AvroInputs>>>,
        open: OpenTransaction,
    ) -> Self {
        Self {
            topology,
            thread,
            calls,
            worker,
            stores,
            reporter,
            inputs,
            open,
            pacing: CommitPacing::default(),
            more_to_read: false,
            failure: None,
        }
    }

    pub(super) fn poll_plan(&self) -> PollPlan {
        let idle = Duration::from_millis(self.thread.poll_wait_ms(wall()));
        let wait = self.pacing.wait(now()).unwrap_or(idle);
        let room = self.thread.room();
        match self.calls.poll_interval() {
            Some(interval) => PollPlan { timeout: wait.min(interval), room },
            None => PollPlan { timeout: wait, room: room.max(1) },
        }
    }

    /// Whether it is over that more records are waited for before a commit.
    pub(super) fn is_pacing_over(&self) -> bool {
        self.pacing.wait(now()).is_none_or(|left| left.is_zero())
    }

    /// Takes what a round of polling brought, and everything that has happened meanwhile.
    pub(super) fn take_round(&mut self, round: Round, group: &Group<'_>) {
        if let Some(partitions) = round.assigned {
            let generation = group.metadata().map_or(-1, |member| member.generation());
            self.reporter.assigned(partitions.len(), generation);
            self.with_inputs(AvroInputs::clear);
            let task_of = |it: &SourcePartition| self.topology.task_of(it.topic, it.partition);
            self.stores.open_together(&partitions.iter().filter_map(task_of).collect());
            self.calls.forget_member();
            self.take(Event::Assigned { partitions, generation }, group);
        }
        if round.caught_up {
            self.pacing.caught_up();
            self.more_to_read = false;
            self.take(Event::Fetched { batch: RecordBatch::default(), caught_up: true }, group);
        } else if !round.chunks.is_empty() {
            self.pacing.records_came(now());
            self.more_to_read = round.chunks.len() > 1;
            for batch in round.chunks {
                self.take(Event::Fetched { batch, caught_up: false }, group);
                self.take_ended_calls(false, group);
            }
        }
        for (source, offset) in round.ends {
            self.take(Event::ReachedEnd { source, offset }, group);
        }
        for source in round.out_of_range {
            self.take(Event::OutOfRange { source }, group);
        }
        while let Some(answer) = self.worker.answer() {
            if let Event::InputEnds { ends, .. } = &answer {
                self.reporter.show_lag(ends, &mut self.thread);
            }
            self.take(answer, group);
        }
        // Without room the end of one call is waited for; the next call may bring room.
        self.take_ended_calls(round.is_full, group);
        self.take(Event::Tick, group);
        self.reporter.show_stages(&self.thread);
    }

    /// Ends the assignment. When this returns, nothing of it is under way. A new producer may still be.
    pub(super) fn end_assignment(&mut self, event: Event<TaskHandle>, group: &Group<'_>) {
        self.more_to_read = false;
        self.with_inputs(AvroInputs::clear);
        if let Event::Revoked { lost } = event {
            self.reporter.revoked(lost);
        }
        self.take(event, group);
        while let Some(ended) = self.calls.ended(true) {
            self.take(ended, group);
        }
    }

    /// Why the thread cannot go on, if so.
    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.failure.take()
    }

    /// Takes the end of the committer's call, if it has come or `waits`, and of the calls that follow.
    fn take_ended_calls(&mut self, mut waits: bool, group: &Group<'_>) {
        while let Some(ended) = self.calls.ended(waits) {
            waits = false;
            self.take(ended, group);
        }
    }

    fn take(&mut self, event: Event<TaskHandle>, group: &Group<'_>) {
        self.thread.on(event, wall());
        while let Some(command) = self.thread.next_command() {
            self.open.set(self.thread.has_open_transaction());
            if let Some(answer) = self.perform(command, group) {
                self.thread.on(answer, wall());
            }
        }
        self.open.set(self.thread.has_open_transaction());
    }

    fn perform(&mut self, command: Command, group: &Group<'_>) -> Option<Event<TaskHandle>> {
        match command {
            Command::Fetch(Fetch::Resume(starts)) => self.resume(&starts, group),
            Command::Fetch(Fetch::Pause(sources)) => {
                self.with_inputs(|inputs| inputs.forget(sources.iter().copied()));
                if let Err(error) = group.pause(&sources) {
                    tracing::debug!(%error, "partitions to pause are no longer assigned");
                }
            }
            Command::Ask(question) => self.worker.ask(question),
            Command::CancelQuestions => self.worker.cancel(),
            Command::Call(call) => {
                if call == Call::Begin {
                    self.reporter.transaction_begins();
                }
                return self.calls.make(call, &self.thread, self.more_to_read, group);
            }
            Command::Store(operation) => return Some(self.operate(operation)),
            Command::Report(report) => {
                if let ThreadReport::Committed { .. } = &report {
                    self.pacing.committed(now());
                }
                self.reporter.report(report);
            }
            Command::Fail(reason) => self.failure = Some(reason),
        }
        None
    }

    fn with_inputs(&self, change: impl FnOnce(&mut AvroInputs)) {
        if let Some(inputs) = &self.inputs {
            change(&mut inputs.borrow_mut());
        }
    }

    fn operate(&self, operation: StoreOperation) -> Event<TaskHandle> {
        match operation {
            StoreOperation::Open { assignment, task } => {
                let result = self.stores.open(task).map_err(|error| error.to_string());
                Event::Opened { assignment, task, result }
            }
            StoreOperation::Wipe { assignment, task } => {
                let result = self.stores.wipe(task).map_err(|error| error.to_string());
                Event::Opened { assignment, task, result }
            }
            StoreOperation::Write { task, batch } => {
                let result = self.stores.open(task).and_then(|store| store.write(&batch));
                if result.is_err() {
                    self.stores.close(task);
                }
                Event::Written { task, result: result.map_err(|error| error.to_string()) }
            }
        }
    }

    fn resume(&mut self, starts: &[ReadFrom], group: &Group<'_>) {
        self.with_inputs(|inputs| inputs.forget(starts.iter().map(|start| start.source)));
        if let Err(error) = group.start(starts, SEEK_MAX) {
            self.failure = Some(format!("cannot seek to where the tasks resume: {error}"));
        }
    }
}
