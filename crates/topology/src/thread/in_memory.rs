//! A driver without a broker: it performs the commands of one stream thread in memory. The thread owns every task.
//!
//! Nothing is lost and nothing is concurrent here, so `replay` shows what the real topology does. A source partition that is
//! new comes by a rebalance, as a partition that was added to a topic does. The caller sets the wall clock, which may go
//! back.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::{
    Call, CallOutcome, Command, Event, Limits, OffsetRange, OffsetRanges, Question, RecoveryUnit,
    StoreOperation, StreamThread, ThreadReport,
};
use crate::deployment::{SourceKind, Topology};
use crate::otp::LogTime;
use crate::state::{MemoryStore, StateStore};
use crate::task::home_of_record;
use crate::wire::outbox::{Outgoing, OutputTopic};
use crate::wire::record::{RecordBatch, SourcePartition, SourceTopic};

/// Names and values of headers.
pub type OwnedHeaders = Vec<(String, Option<Vec<u8>>)>;

/// A committed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub topic: OutputTopic,
    pub partition: i32,
    pub offset: i64,
    pub time: LogTime,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

/// A record to feed in.
#[derive(Clone, Debug)]
pub struct Fed {
    pub source: SourcePartition,
    pub offset: i64,
    pub time: LogTime,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

pub struct InMemory {
    topology: Arc<Topology>,
    thread: StreamThread<MemoryStore>,
    stores: BTreeMap<i32, MemoryStore>,
    /// Produced in the open transaction.
    open: Vec<Published>,
    published: Vec<Published>,
    ends: BTreeMap<(OutputTopic, i32), i64>,
    /// Committed to the repartition topic and not yet read.
    forwarded: VecDeque<Published>,
    answers: VecDeque<Event<MemoryStore>>,
    wall: LogTime,
    assigned: BTreeSet<SourcePartition>,
    generation: i32,
    /// The end of each source partition that was fed.
    fed: BTreeMap<SourcePartition, i64>,
    /// Offsets of the open transaction, and committed ones.
    open_offsets: Vec<(SourcePartition, i64)>,
    stable: BTreeMap<SourcePartition, i64>,
    failure: Option<String>,
}

impl InMemory {
    /// A thread that owns every partition and has finished its first start, on blank stores.
    pub fn start(topology: Arc<Topology>, wall: LogTime) -> Self {
        let limits = Limits {
            records_per_commit_max: 1,
            commit_interval_min_ms: 0,
            sweep_interval_ms: 0,
            ..Limits::default()
        };
        let assigned = all_partitions(&topology).into_iter().collect();
        let mut this = Self {
            thread: StreamThread::new(topology.clone(), limits),
            topology,
            stores: BTreeMap::new(),
            open: Vec::new(),
            published: Vec::new(),
            ends: BTreeMap::new(),
            forwarded: VecDeque::new(),
            answers: VecDeque::new(),
            wall,
            assigned,
            generation: 0,
            fed: BTreeMap::new(),
            open_offsets: Vec::new(),
            stable: BTreeMap::new(),
            failure: None,
        };
        this.assign();
        this.published.clear();
        this
    }

    /// Processes one record and everything that follows from it. Returns what was committed, in order.
    ///
    /// The partition may exceed the topic's count: then the record is only forwarded. An offset below the last one of its
    /// partition is ignored.
    pub fn feed(&mut self, record: &Fed, wall: LogTime) -> Vec<Published> {
        self.wall = wall;
        if self.assigned.insert(record.source) {
            self.take(Event::Revoked { lost: false });
            self.assign();
        }
        let end = self.fed.entry(record.source).or_default();
        *end = (*end).max(record.offset + 1);
        self.take(Event::Fetched { batch: batch_of(record), caught_up: true });
        self.pump();
        std::mem::take(&mut self.published)
    }

    /// The home partition of a record that names its subject. The record's own partition does not matter.
    pub fn home_of(&self, record: &Fed) -> Option<i32> {
        home_of_record(&batch_of(record).get(0), &self.topology)
    }

    /// Lets time pass. All inputs are known to be empty at this time, so the sweep runs until nothing more is due.
    pub fn pass_time(&mut self, wall: LogTime) -> Vec<Published> {
        self.wall = wall;
        // The first tick asks for the ends of the inputs, the next sweeps up to the answer.
        self.take(Event::Tick);
        loop {
            self.take(Event::Tick);
            self.pump();
            let is_more_due = !self.thread.timers.is_swept(self.thread.env.clock.monotonic);
            if !is_more_due {
                return std::mem::take(&mut self.published);
            }
        }
    }

    /// The stores of all tasks.
    pub fn stores(&self) -> impl Iterator<Item = &MemoryStore> {
        self.stores.values()
    }

    /// Why records are no longer processed, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    fn assign(&mut self) {
        self.generation += 1;
        let partitions = self.assigned.iter().copied().collect();
        self.take(Event::Assigned { partitions, generation: self.generation });
        self.pump();
    }

    fn take(&mut self, event: Event<MemoryStore>) {
        self.thread.on(event, self.wall);
        loop {
            while let Some(command) = self.thread.next_command() {
                if let Some(answer) = self.perform(command) {
                    self.answers.push_back(answer);
                }
            }
            let Some(answer) = self.answers.pop_front() else {
                return;
            };
            self.thread.on(answer, self.wall);
        }
    }

    /// Feeds records of the repartition topic until none is left.
    fn pump(&mut self) {
        let topic = self.topology.source_of(SourceKind::Repartition).expect("every topology has one");
        while let Some(Published { partition, offset, time, key, value, headers, .. }) =
            self.forwarded.pop_front()
        {
            let source = SourcePartition { topic, partition };
            let batch = batch_of(&Fed { source, offset, time, key, value, headers });
            self.take(Event::Fetched { batch, caught_up: true });
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event<MemoryStore>> {
        match command {
            Command::Ask(question) => self.answer(question),
            Command::Call(call) => Some(self.make(call)),
            Command::Store(operation) => Some(self.operate(operation)),
            Command::Report(report) => {
                self.note(report);
                None
            }
            Command::Fail(reason) => {
                self.failure.get_or_insert(reason);
                None
            }
            Command::Fetch(_) | Command::CancelQuestions => None,
        }
    }

    fn answer(&self, question: Question) -> Option<Event<MemoryStore>> {
        Some(match question {
            Question::StableOffsets { assignment, unit, sources } => {
                let stable = sources.into_iter().map(|source| (source, self.stable.get(&source).copied()));
                Event::StableOffsets { assignment, unit, result: Ok(stable.collect()) }
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                Event::OffsetRanges { assignment, unit, result: Ok(self.ranges(unit, sources)) }
            }
            Question::Restore { assignment, task, .. } => Event::Restored { assignment, task, result: Ok(0) },
            Question::InputEnds { assignment, asked_at, sources } => {
                let ends = sources.into_iter().map(|source| (source, 0)).collect();
                Event::InputEnds { assignment, asked_at, ends }
            }
            Question::Purge { .. } => return None,
        })
    }

    fn make(&mut self, call: Call) -> Event<MemoryStore> {
        match call {
            Call::Begin => Event::Began(CallOutcome::Done),
            Call::Offer => {
                let new = self.thread.outbox().iter_from(self.open.len());
                self.open.extend(new.map(|record| owned(record, self.wall)));
                Event::Offered(CallOutcome::Done)
            }
            Call::SendOffsets { offsets, .. } => {
                self.open_offsets = offsets;
                Event::OffsetsSent(CallOutcome::Done)
            }
            Call::Commit => self.commit(),
            Call::Abort => {
                self.open.clear();
                self.open_offsets.clear();
                Event::Aborted(CallOutcome::Done)
            }
            Call::ReplaceProducer => Event::ProducerReplaced(Ok(())),
        }
    }

    fn operate(&mut self, operation: StoreOperation) -> Event<MemoryStore> {
        match operation {
            StoreOperation::Open { assignment, task } | StoreOperation::Wipe { assignment, task } => {
                let store = self.stores.entry(task).or_default().clone();
                Event::Opened { assignment, task, result: Ok(store) }
            }
            StoreOperation::Write { task, batch } => {
                let result = self.stores.entry(task).or_default().write(&batch);
                Event::Written { task, result: result.map_err(|error| error.to_string()) }
            }
        }
    }

    fn note(&mut self, report: ThreadReport) {
        match report {
            ThreadReport::TaskFailed { reason, .. } | ThreadReport::UnknownOutcome { reason } => {
                self.failure.get_or_insert(reason);
            }
            ThreadReport::Committed { .. }
            | ThreadReport::Refused { .. }
            | ThreadReport::RefusalOver { .. }
            | ThreadReport::Fenced
            | ThreadReport::Misassigned { .. }
            | ThreadReport::TaskReady { .. }
            | ThreadReport::Lost { .. }
            | ThreadReport::PositionsVoid { .. }
            | ThreadReport::Wiped { .. } => {}
        }
    }

    fn commit(&mut self) -> Event<MemoryStore> {
        self.stable.extend(self.open_offsets.drain(..));
        let mut changelog_next = BTreeMap::new();
        for mut record in self.open.drain(..) {
            let end = self.ends.entry((record.topic, record.partition)).or_default();
            record.offset = *end;
            *end += 1;
            if record.topic == self.topology.changelog {
                changelog_next.insert(record.partition, *end);
            }
            if record.topic == self.topology.repartition {
                self.forwarded.push_back(record.clone());
            }
            self.published.push(record);
        }
        Event::Committed { outcome: CallOutcome::Done, changelog_next: changelog_next.into_iter().collect() }
    }

    fn ranges(&self, unit: RecoveryUnit, sources: Vec<SourcePartition>) -> OffsetRanges {
        let until = |end| OffsetRange { start: 0, end };
        let changelog = match unit {
            RecoveryUnit::Task(task) => self.end_of(self.topology.changelog, task),
            RecoveryUnit::Forwarder(_) => 0,
        };
        let end = |source: SourcePartition| match self.topology.source(source.topic).kind {
            SourceKind::Repartition => self.end_of(self.topology.repartition, source.partition),
            SourceKind::Requests(_)
            | SourceKind::Directory
            | SourceKind::Admin
            | SourceKind::Broadcast(_) => self.fed.get(&source).copied().unwrap_or(0),
        };
        let sources = sources.into_iter().map(|source| (source, until(end(source)))).collect();
        OffsetRanges { changelog: until(changelog), sources }
    }

    fn end_of(&self, topic: OutputTopic, partition: i32) -> i64 {
        self.ends.get(&(topic, partition)).copied().unwrap_or(0)
    }
}

/// Every partition of every source topic.
pub fn all_partitions(topology: &Topology) -> Vec<SourcePartition> {
    let of = |(at, count): (usize, i32)| {
        let topic = SourceTopic(u16::try_from(at).expect("few topics"));
        (0..count).map(move |partition| SourcePartition { topic, partition })
    };
    topology.sources.iter().map(|source| source.partitions).enumerate().flat_map(of).collect()
}

fn batch_of(record: &Fed) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let headers = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
    let (key, value) = (record.key.as_deref(), record.value.as_deref());
    batch.push(record.source, record.offset, record.time, key, value, headers);
    batch
}

fn owned(record: Outgoing<'_>, time: LogTime) -> Published {
    Published {
        topic: record.topic(),
        partition: record.partition(),
        offset: 0,
        time,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: record.headers().map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect(),
    }
}
