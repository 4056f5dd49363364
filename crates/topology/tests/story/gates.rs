//! What a thread waits for before it reads requests (the directory, then the broadcast barriers), and before it forwards.

use std::collections::BTreeMap;

use otp_topology::deployment::SourceKind;
use otp_topology::otp::LogTime;
use otp_topology::state::{MemoryStore, StateStore};
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    Call, CallOutcome, Command, Event, Fetch, Limits, OffsetRange, OffsetRanges, Question, Refusal,
    RefusedScope, StoreOperation, StreamThread,
};
use otp_topology::wire::headers::OTP_KIND;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, settings};

/// One stream thread whose commands are performed immediately, and the topics that it started to read.
struct Member {
    house: House,
    thread: StreamThread<MemoryStore>,
    stores: BTreeMap<i32, MemoryStore>,
    stable: BTreeMap<SourcePartition, i64>,
    /// Ends of topics that are not empty.
    ends: BTreeMap<&'static str, i64>,
    resumed: Vec<String>,
    /// Commits do not end.
    holds: bool,
    /// Records of the open transaction that were produced.
    offered: usize,
    /// For each record produced to the repartition topic, whether it is a barrier.
    barriers: Vec<bool>,
}

impl Member {
    fn of(house: House) -> Self {
        Self::with(house, Limits::default())
    }

    fn with(house: House, limits: Limits) -> Self {
        Self {
            thread: StreamThread::new(house.topology.clone(), limits),
            house,
            stores: BTreeMap::new(),
            stable: BTreeMap::new(),
            ends: BTreeMap::new(),
            resumed: Vec::new(),
            holds: false,
            offered: 0,
            barriers: Vec::new(),
        }
    }

    /// A member whose first commit, that of its starts, is in flight. A record of the directory came meanwhile.
    fn starting() -> Self {
        let mut member = Self::of(House::new(1));
        member.holds = true;
        member.assigned(|_| true);
        member.stable.clear();
        let mut batch = RecordBatch::default();
        batch.push(member.source("directory"), 0, LogTime::from_ms(START_MS), Some(b"key"), None, []);
        member.tell(Event::Fetched { batch, caught_up: true }, 3);
        member.holds = false;
        member
    }

    fn committed(&mut self, outcome: CallOutcome) {
        self.tell(Event::Committed { outcome, changelog_next: Vec::new() }, 6);
    }

    fn assigned(&mut self, is_ours: impl Fn(&str) -> bool) {
        let all = all_partitions(&self.house.topology).into_iter();
        let partitions = all.filter(|it| is_ours(&self.house.topology.source(it.topic).name)).collect();
        self.tell(Event::Assigned { partitions, generation: 1 }, 0);
    }

    fn source(&self, topic: &str) -> SourcePartition {
        let topic = self.house.topology.source_named(topic).expect("a source");
        SourcePartition { topic, partition: 0 }
    }

    fn tell(&mut self, event: Event<MemoryStore>, after_ms: u64) {
        let wall = LogTime::from_ms(START_MS + after_ms);
        self.thread.on(event, wall);
        while let Some(command) = self.thread.next_command() {
            if let Some(answer) = self.perform(command) {
                self.thread.on(answer, wall);
            }
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event<MemoryStore>> {
        match command {
            Command::Fetch(Fetch::Resume(starts)) => {
                let names = starts.iter().map(|it| self.house.topology.source(it.source.topic).name.clone());
                self.resumed.extend(names);
                None
            }
            Command::Ask(question) => self.answer(question),
            Command::Call(call) => self.end(call),
            Command::Store(operation) => Some(self.operate(operation)),
            Command::Fetch(Fetch::Pause(_))
            | Command::CancelQuestions
            | Command::Report(_)
            | Command::Fail(_) => None,
        }
    }

    fn answer(&self, question: Question) -> Option<Event<MemoryStore>> {
        Some(match question {
            Question::StableOffsets { assignment, unit, sources } => {
                let stable = sources.into_iter().map(|it| (it, self.stable.get(&it).copied()));
                Event::StableOffsets { assignment, unit, result: Ok(stable.collect()) }
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                let changelog = OffsetRange { start: 0, end: 0 };
                let name = |it: SourcePartition| self.house.topology.source(it.topic).name.as_str();
                let end = |it| self.ends.get(name(it)).copied().unwrap_or(0);
                let range = |it| OffsetRange { start: 0, end: end(it) };
                let sources = sources.into_iter().map(|it| (it, range(it))).collect();
                Event::OffsetRanges { assignment, unit, result: Ok(OffsetRanges { changelog, sources }) }
            }
            Question::Restore { assignment, task, .. } => Event::Restored { assignment, task, result: Ok(0) },
            Question::InputEnds { .. } | Question::Purge { .. } => return None,
        })
    }

    fn end(&mut self, call: Call) -> Option<Event<MemoryStore>> {
        Some(match call {
            Call::Begin => {
                self.offered = 0;
                Event::Began(CallOutcome::Done)
            }
            Call::Offer => {
                let outbox = self.thread.outbox();
                let forwarded = outbox.iter_from(self.offered);
                let forwarded = forwarded.filter(|it| it.topic() == self.house.topology.repartition);
                self.barriers.extend(forwarded.map(|it| it.headers().any(|(name, _)| name == OTP_KIND)));
                self.offered = outbox.len();
                Event::Offered(CallOutcome::Done)
            }
            Call::SendOffsets { offsets, .. } => {
                self.stable.extend(offsets);
                Event::OffsetsSent(CallOutcome::Done)
            }
            Call::Commit if self.holds => return None,
            Call::Commit => Event::Committed { outcome: CallOutcome::Done, changelog_next: Vec::new() },
            Call::Abort => Event::Aborted(CallOutcome::Done),
            Call::ReplaceProducer => return None,
        })
    }

    fn operate(&mut self, operation: StoreOperation) -> Event<MemoryStore> {
        match operation {
            StoreOperation::Open { assignment, task } | StoreOperation::Wipe { assignment, task } => {
                let result = Ok(self.stores.entry(task).or_default().clone());
                Event::Opened { assignment, task, result }
            }
            StoreOperation::Write { task, batch } => {
                let result = self.stores.entry(task).or_default().write(&batch);
                Event::Written { task, result: result.map_err(|error| error.to_string()) }
            }
        }
    }

    fn take_resumed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.resumed)
    }
}

#[test]
fn the_directory_is_read_before_any_request_arrives_on_any_path() {
    let mut member = Member::of(House::new(1));
    member.ends.insert("directory", 5);
    member.assigned(|_| true);
    let mut first = member.take_resumed();
    first.sort();
    assert_eq!(first, ["clients", "directory", "policies", "templates"]);

    member.tell(Event::ReachedEnd { source: member.source("directory"), offset: 4 }, 1);
    assert_eq!(member.take_resumed(), Vec::<String>::new(), "one record is missing");
    member.tell(Event::ReachedEnd { source: member.source("directory"), offset: 5 }, 2);
    assert_eq!(member.take_resumed(), ["app-repartition"], "barriers and forwarded requests come that way");
}

#[test]
fn nothing_is_forwarded_before_the_barriers_are_sent() {
    let wide = |name: &str| (name == "requests").then_some(3);
    let mut spare = Member::of(House::with(settings(), 2, wide));
    spare.assigned(|topic| topic == "requests");
    spare.tell(Event::Tick, 500);
    assert_eq!(spare.take_resumed(), Vec::<String>::new());

    let mut owner = Member::of(House::with(settings(), 2, wide));
    owner.ends.insert("policies", 3);
    owner.assigned(|topic| topic != "requests");
    let policies = owner.source("policies");
    assert_eq!(owner.stable.get(&policies), None, "three policies must be read before the barrier");
    owner.tell(Event::ReachedEnd { source: policies, offset: 3 }, 1);
    let broadcasts: Vec<_> = owner.house.topology.broadcast_sources().collect();
    assert!(broadcasts.iter().all(|it| owner.stable.contains_key(it)), "{:?}", owner.stable);

    spare.stable.extend(broadcasts.into_iter().map(|it| (it, 0)));
    spare.tell(Event::Tick, 2_000);
    assert_eq!(spare.take_resumed(), ["requests"; 3]);
}

#[test]
fn a_lost_offset_of_a_broadcast_topic_is_committed_again() {
    let mut member = Member::of(House::new(1));
    member.assigned(|_| true);
    let policies = SourceKind::Broadcast(otp_topology::deployment::Broadcast::Policy);
    let source =
        SourcePartition { topic: member.house.topology.source_of(policies).expect("a source"), partition: 0 };
    assert_eq!(member.stable.remove(&source), Some(0));
    member.tell(Event::Revoked { lost: false }, 1);
    member.assigned(|_| true);
    assert_eq!(member.stable.get(&source), Some(&0));
}

/// After an abort of the commit of the starts, the state got them with the next record, but the group did not.
#[test]
fn the_group_gets_starts_together_with_the_state() {
    let mut member = Member::starting();
    let reason = "a broker said so".to_owned();
    member.committed(CallOutcome::Refused(Refusal { scope: RefusedScope::Everything, reason }));
    assert_eq!(member.stable.get(&member.source("requests")), None);
    member.tell(Event::Tick, 600);
    assert_eq!(member.stable.get(&member.source("directory")), Some(&0));
    assert_eq!(member.stable.get(&member.source("requests")), Some(&0));
}

/// Other records share the barrier's transaction.
#[test]
fn the_group_gets_the_offset_of_a_broadcast_topic_together_with_its_barrier() {
    let mut member = Member::of(House::new(1));
    member.ends.insert("policies", 3);
    member.assigned(|_| true);
    member.holds = true;
    let time = LogTime::from_ms(START_MS);
    let directory = |offset| {
        let mut batch = RecordBatch::default();
        batch.push(member.source("directory"), offset, time, Some(b"key"), None, []);
        Event::Fetched { batch, caught_up: true }
    };
    let (first, second) = (directory(0), directory(1));
    member.tell(first, 3);
    member.tell(Event::ReachedEnd { source: member.source("policies"), offset: 3 }, 4);
    member.tell(second, 5);
    member.holds = false;
    member.committed(CallOutcome::Done);
    assert_eq!(member.stable.get(&member.source("directory")), Some(&2), "{:?}", member.stable);
    assert_eq!(member.stable.get(&member.source("policies")), Some(&0));
}

/// Both policies are read, but only one of them is in the transaction.
#[test]
fn a_barrier_follows_all_records_before_it() {
    let mut member = Member::with(House::new(1), Limits { records_per_commit_max: 1, ..Limits::default() });
    member.ends.insert("policies", 2);
    member.assigned(|_| true);
    member.barriers.clear();
    let mut batch = RecordBatch::default();
    for offset in 0..2 {
        let (source, time) = (member.source("policies"), LogTime::from_ms(START_MS));
        batch.push(source, offset, time, Some(b"egov/*"), Some(br#"{"digits":7}"#), []);
    }
    member.tell(Event::Fetched { batch, caught_up: true }, 3);
    assert_eq!(member.barriers, [false, false, true]);
}
