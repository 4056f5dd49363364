//! Performs the commands of one stream thread, and answers them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use otp_topology::state::StateStore;
use otp_topology::task::Topology;
use otp_topology::thread::{
    Call, CallOutcome, Command, Event, Fetch, StoreOperation, StreamThread, ThreadReport,
};
use otp_topology::wire::record::SourcePartition;

use super::clock::wall;
use super::committer::{CALL_MAX, Committer, EndCall, outcome_of, retried, tried};
use super::stores::Stores;
use super::stores::TaskHandle;
use super::worker::Worker;
use crate::kafka::{Group, GroupMetadata, Producer, Properties, TransactionError};
use crate::telemetry::{Counts, Metrics};

/// How long a new producer may take to settle what the old one left.
const INIT_MAX: Duration = Duration::from_secs(30);
/// How long a seek may take.
const SEEK_MAX: Duration = Duration::from_secs(5);

/// So many records in a transaction are a sign of load.
const MANY_RECORDS: usize = 1_000;

pub(super) struct Driver {
    pub thread: StreamThread<TaskHandle>,
    /// Why the thread cannot go on.
    pub failure: Option<String>,
    pub worker: Worker,
    /// There are more records to read at once.
    pub more_to_read: bool,
    committer: Committer,
    topology: Arc<Topology>,
    properties: Properties,
    transactional_id: String,
    /// `None` while it is with the committer.
    producer: Option<Producer>,
    /// Who we are in the group, from the first commit of an assignment on: asking costs two changes of threads.
    member: Option<Arc<GroupMetadata>>,
    stores: Arc<Stores>,
    metrics: Arc<Metrics>,
    counts: Counts,
    began_at: Option<Instant>,
    /// When the last commit had ended.
    pub committed_at: Option<Instant>,
    /// Why a task failed the last time, until it is ready.
    failed: BTreeMap<i32, String>,
    /// Records of the outbox that the producer has.
    handed_over: usize,
    /// Policies that were told to lie beyond the bounds.
    beyond_bounds: BTreeSet<String>,
}

impl Driver {
    pub fn new(
        thread: StreamThread<TaskHandle>,
        worker: Worker,
        topology: Arc<Topology>,
        properties: Properties,
        transactional_id: String,
        stores: Arc<Stores>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let sources: Vec<String> = topology.sources.iter().map(|source| source.name.clone()).collect();
        Self {
            thread,
            failure: None,
            worker,
            more_to_read: false,
            committer: Committer::start(),
            counts: Counts::new(metrics.clone(), &sources),
            topology,
            properties,
            transactional_id,
            producer: None,
            member: None,
            stores,
            metrics,
            began_at: None,
            committed_at: None,
            failed: BTreeMap::new(),
            handed_over: 0,
            beyond_bounds: BTreeSet::new(),
        }
    }

    /// Makes the producer and settles what an earlier process left open: before the group is joined, or our own old
    /// transaction would keep our stable offsets from being read.
    ///
    /// # Errors
    /// The cluster does not answer, or denies it.
    pub fn start_producer(&mut self) -> Result<(), String> {
        self.producer = None;
        let outputs: Vec<String> = self.topology.outputs.iter().map(|output| output.name.clone()).collect();
        let sources: Vec<String> = self.topology.sources.iter().map(|source| source.name.clone()).collect();
        let changelog = Some(self.topology.changelog);
        let producer = Producer::new(&self.properties, &self.transactional_id, &outputs, &sources, changelog)
            .map_err(|error| error.to_string())?;
        let outcome = retried(|| producer.init(INIT_MAX));
        outcome.map_err(|error| error.to_string())?;
        self.producer = Some(producer);
        Ok(())
    }

    /// Tells the thread something, and does what it wants done for it. What ends an assignment has ended with that.
    pub fn tell(&mut self, event: Event<TaskHandle>, group: &Group<'_>) {
        let is_end = matches!(event, Event::Revoked { .. } | Event::Stop);
        self.more_to_read &= !is_end;
        self.take_in(event, group);
        while is_end && let Some(answer) = self.answer(true) {
            self.take_in(answer, group);
        }
    }

    /// A call on the producer is under way, and nobody waits for it.
    pub fn is_calling(&self) -> bool {
        self.committer.is_calling()
    }

    /// The answer to the call under way, if it is there, or `waits`.
    pub fn answer(&mut self, waits: bool) -> Option<Event<TaskHandle>> {
        let (producer, answer) = self.committer.answer(waits)?;
        self.producer = Some(producer);
        Some(answer)
    }

    fn take_in(&mut self, event: Event<TaskHandle>, group: &Group<'_>) {
        if let Event::InputEnds { ends, .. } = &event {
            self.show_lag(ends);
        }
        if let Event::Assigned { .. } = &event {
            self.member = None;
        }
        self.thread.on(event, wall());
        while let Some(command) = self.thread.next_command() {
            if let Some(answer) = self.perform(command, group) {
                self.thread.on(answer, wall());
            }
        }
    }

    fn perform(&mut self, command: Command, group: &Group<'_>) -> Option<Event<TaskHandle>> {
        match command {
            Command::Fetch(Fetch::Resume(starts)) => self.resume(&starts, group),
            Command::Fetch(Fetch::Pause(sources)) => {
                if let Err(error) = group.pause(&sources) {
                    tracing::debug!(%error, "partitions that were to be paused are not assigned any more");
                }
            }
            Command::Ask(question) => self.worker.ask(question),
            Command::CancelQuestions => self.worker.cancel(),
            Command::Call(call) => return self.call(call, group),
            Command::Store(operation) => return Some(self.operate(operation)),
            Command::Report(report) => self.report(report),
            Command::Fail(reason) => self.failure = Some(reason),
        }
        None
    }

    /// Makes a call on the producer. `None`: the committer makes it, and its end comes later.
    fn call(&mut self, call: Call, group: &Group<'_>) -> Option<Event<TaskHandle>> {
        Some(match call {
            Call::Begin => {
                self.began_at = Some(now());
                self.handed_over = 0;
                Event::Began(self.on_producer(|producer| producer.begin()))
            }
            Call::Offer => Event::Offered(self.produce_along()),
            Call::SendOffsets { offsets, generation } => {
                return self.send_offsets(offsets, generation, group);
            }
            Call::Commit => return self.end(EndCall::Commit { partitions: self.topology.partitions }),
            Call::Abort => Event::Aborted(self.on_producer(|producer| producer.abort(CALL_MAX))),
            Call::ReplaceProducer => Event::ProducerReplaced(self.start_producer()),
        })
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

    fn show_lag(&mut self, ends: &[(SourcePartition, i64)]) {
        for (source, end) in ends {
            let topic = &self.topology.source(source.topic).name;
            match self.thread.lag(*source, *end) {
                Some(records) => self.metrics.set_input_lag(topic, source.partition, records),
                None => self.metrics.forget_input(topic, source.partition),
            }
        }
    }

    fn resume(&mut self, starts: &[(SourcePartition, i64)], group: &Group<'_>) {
        if starts.is_empty() {
            return;
        }
        if let Err(error) = group.start(starts, SEEK_MAX) {
            self.failure = Some(format!("cannot move to where the tasks resume: {error}"));
        }
    }

    /// What the committer has to end goes over with the offsets.
    fn produce_along(&mut self) -> CallOutcome {
        if self.is_for_committer() {
            return CallOutcome::Done;
        }
        let Some(producer) = &self.producer else {
            return no_producer();
        };
        match producer.produce_early(self.thread.outbox(), self.handed_over) {
            Ok(next) => {
                self.handed_over = next;
                CallOutcome::Done
            }
            Err(error) => outcome_of(&error),
        }
    }

    /// The ownership fence: only under the generation in which the tasks were taken up.
    fn send_offsets(
        &mut self,
        offsets: Vec<(SourcePartition, i64)>,
        generation: i32,
        group: &Group<'_>,
    ) -> Option<Event<TaskHandle>> {
        let Some(member) = self.member.take().or_else(|| group.metadata().map(Arc::new)) else {
            return Some(Event::OffsetsSent(CallOutcome::FencedByGroup));
        };
        if generation < 0 || member.generation() != generation || member.member_id().is_empty() {
            return Some(Event::OffsetsSent(CallOutcome::FencedByGroup));
        }
        self.member = Some(member.clone());
        let outbox = self.thread.planned_outbox().expect("offsets are sent for a plan");
        self.end(EndCall::SendOffsets { outbox, first: self.handed_over, offsets, member })
    }

    /// Two changes of threads are worth it where there is something else to do meanwhile: more to read, or soon again.
    fn is_for_committer(&self) -> bool {
        self.more_to_read || self.thread.outbox().len() >= MANY_RECORDS
    }

    /// Makes a call that waits for brokers, or has it made.
    fn end(&mut self, call: EndCall) -> Option<Event<TaskHandle>> {
        let producer = self.producer.take().expect("what is open has a producer");
        if self.is_for_committer() {
            self.committer.call(producer, call);
            return None;
        }
        let answer = call.make(&producer);
        self.producer = Some(producer);
        Some(answer)
    }

    fn on_producer(&self, call: impl Fn(&Producer) -> Result<(), TransactionError>) -> CallOutcome {
        self.producer.as_ref().map_or_else(no_producer, |producer| tried(|| call(producer)))
    }

    fn report(&mut self, report: ThreadReport) {
        match report {
            ThreadReport::Committed { counters, records } => {
                self.committed_at = Some(now());
                let seconds = self.began_at.take().map_or(0.0, |began| began.elapsed().as_secs_f64());
                self.counts.publish(&counters, records, seconds, wall());
                self.report_beyond_bounds(counters.policies_beyond_bounds);
            }
            ThreadReport::Aborted { reason } => {
                self.metrics.aborted("abortable");
                tracing::warn!(%reason, "a transaction was aborted; its records run again");
            }
            ThreadReport::Fenced => {
                self.metrics.fenced();
                tracing::warn!("the group has fenced this member; its tasks wait for the rebalance");
            }
            ThreadReport::UnknownOutcome { reason } => {
                self.metrics.aborted("unknown");
                tracing::warn!(%reason, "the end of a transaction is unknown; a new producer settles it");
            }
            ThreadReport::TaskReady { task, restored } => {
                self.failed.remove(&task);
                tracing::info!(task, restored, "task restored");
            }
            ThreadReport::TaskFailed { task, reason } => self.report_failed(task, reason),
            ThreadReport::Lost { source, records } => {
                let topic = &self.topology.source(source.topic).name;
                self.metrics.lost(topic, u64::try_from(records).unwrap_or(0));
                let partition = source.partition;
                tracing::error!(topic, partition, records, "retention removed records before they were read");
            }
            ThreadReport::PositionsVoid { topic } => {
                tracing::warn!(
                    topic,
                    "the topic was recreated: its positions are void, it is read from its beginning"
                );
            }
            ThreadReport::Wiped { task, reason } => {
                tracing::warn!(task, %reason, "the task's store is rebuilt from the changelog");
            }
            ThreadReport::Poison { source, offset } => {
                let (topic, partition) = (&self.topology.source(source.topic).name, source.partition);
                tracing::error!(
                    topic,
                    partition,
                    offset,
                    "no transaction can carry this record: dead letter"
                );
            }
        }
    }

    fn report_beyond_bounds(&mut self, policies: Vec<String>) {
        for policy in policies {
            if !self.beyond_bounds.contains(&policy) {
                tracing::warn!(
                    policy,
                    "a stored policy lies beyond policy.bounds: the nearest bound counts; write it anew, or widen the bounds"
                );
                self.beyond_bounds.insert(policy);
            }
        }
    }

    /// A task that waits is tried every second: told again only when the reason is another one.
    fn report_failed(&mut self, task: i32, reason: String) {
        if self.failed.get(&task) != Some(&reason) {
            tracing::error!(task, %reason, "task failed; it is tried again");
            self.failed.insert(task, reason);
        }
    }
}

fn no_producer() -> CallOutcome {
    CallOutcome::Unknown("no producer".to_owned())
}

pub(super) fn now() -> Instant {
    #[expect(
        clippy::disallowed_methods,
        reason = "measures how long a commit takes and waits; decides nothing"
    )]
    Instant::now()
}
