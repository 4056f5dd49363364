//! What a thread waits for before it reads requests: the directory, then the marks; and before it forwards.

use std::collections::BTreeMap;

use otp_topology::otp::LogTime;
use otp_topology::state::{MemoryStore, StateStore};
use otp_topology::task::SourceKind;
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{Command, Event, Extent, Extents, Limits, Outcome, StreamThread};
use otp_topology::wire::headers::OTP_KIND;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, settings};

/// One stream thread whose every question is answered at once, and what it started to read.
struct Member {
    house: House,
    thread: StreamThread<MemoryStore>,
    stores: BTreeMap<i32, MemoryStore>,
    stable: BTreeMap<SourcePartition, i64>,
    /// Ends of topics that are not empty.
    ends: BTreeMap<&'static str, i64>,
    resumed: Vec<String>,
    /// Commits are not answered.
    holds: bool,
    /// What was produced to the repartition topic: whether it is a mark.
    marks: Vec<bool>,
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
            marks: Vec::new(),
        }
    }

    /// A member whose first commit, that of its starts, is under way, with a record of the directory that came meanwhile.
    fn starting() -> Self {
        let mut member = Self::of(House::new(1));
        member.holds = true;
        member.assigned(|_| true);
        member.stable.clear();
        let mut batch = RecordBatch::default();
        batch.push(member.source("directory"), 0, LogTime::from_ms(START_MS), Some(b"key"), None, []);
        member.tell(Event::Fetched { batch, drained: true }, 3);
        member.holds = false;
        member
    }

    fn committed(&mut self, outcome: Outcome) {
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
        Some(match command {
            Command::Resume(starts) => {
                let names =
                    starts.iter().map(|(source, _)| self.house.topology.source(source.topic).name.clone());
                self.resumed.extend(names);
                return None;
            }
            Command::Open { assignment, task } => {
                let result = Ok(self.stores.entry(task).or_default().clone());
                Event::Opened { assignment, task, result }
            }
            Command::AskStable { assignment, unit, sources } => {
                let stable = sources.into_iter().map(|it| (it, self.stable.get(&it).copied()));
                Event::Stable { assignment, unit, result: Ok(stable.collect()) }
            }
            Command::AskExtents { assignment, unit, sources } => {
                let changelog = Extent { start: 0, end: 0 };
                let name = |it: SourcePartition| self.house.topology.source(it.topic).name.as_str();
                let end = |it| self.ends.get(name(it)).copied().unwrap_or(0);
                let sources = sources.into_iter().map(|it| (it, Extent { start: 0, end: end(it) })).collect();
                Event::Extents { assignment, unit, result: Ok(Extents { changelog, sources }) }
            }
            Command::Restore { assignment, task, .. } => Event::Restored { assignment, task, result: Ok(0) },
            Command::Begin => Event::Began(Outcome::Done),
            Command::Produce { from } => {
                let hops = self.thread.outbox().iter_from(from);
                let hops = hops.filter(|it| it.topic() == self.house.topology.repartition);
                self.marks.extend(hops.map(|it| it.headers().any(|(name, _)| name == OTP_KIND)));
                Event::Produced(Outcome::Done)
            }
            Command::SendOffsets { offsets, .. } => {
                self.stable.extend(offsets);
                Event::OffsetsSent(Outcome::Done)
            }
            Command::Commit if self.holds => return None,
            Command::Abort => Event::Aborted(Outcome::Done),
            Command::Commit => Event::Committed { outcome: Outcome::Done, changelog_next: Vec::new() },
            Command::Write { task, batch } => {
                let result = self.stores.entry(task).or_default().write(&batch);
                Event::Written { task, result: result.map_err(|error| error.to_string()) }
            }
            _ => return None,
        })
    }

    fn take_resumed(&mut self) -> Vec<String> {
        std::mem::take(&mut self.resumed)
    }
}

#[test]
fn the_directory_is_read_before_any_request_arrives_by_whatever_way() {
    let mut member = Member::of(House::new(1));
    member.ends.insert("directory", 5);
    member.assigned(|_| true);
    let mut first = member.take_resumed();
    first.sort();
    assert_eq!(first, ["directory", "policies", "templates"]);

    member.tell(Event::ReachedEnd { source: member.source("directory"), offset: 4 }, 1);
    assert_eq!(member.take_resumed(), Vec::<String>::new(), "one record is missing");
    member.tell(Event::ReachedEnd { source: member.source("directory"), offset: 5 }, 2);
    assert_eq!(member.take_resumed(), ["app-repartition"], "the marks and forwarded requests come that way");
}

#[test]
fn nothing_is_forwarded_before_the_marks_are_sent() {
    let wide = |name: &str| (name == "requests").then_some(3);
    let mut spare = Member::of(House::with(settings(), 2, wide));
    spare.assigned(|topic| topic == "requests");
    spare.tell(Event::Tick, 500);
    assert_eq!(spare.take_resumed(), Vec::<String>::new());

    let mut owner = Member::of(House::with(settings(), 2, wide));
    owner.ends.insert("policies", 3);
    owner.assigned(|topic| topic != "requests");
    let policies = owner.source("policies");
    assert_eq!(owner.stable.get(&policies), None, "three policies are to be read before the mark");
    owner.tell(Event::ReachedEnd { source: policies, offset: 3 }, 1);
    let marked: Vec<_> = owner.house.topology.broadcast_sources().collect();
    assert!(marked.iter().all(|it| owner.stable.contains_key(it)), "{:?}", owner.stable);

    spare.stable.extend(marked.into_iter().map(|it| (it, 0)));
    spare.tell(Event::Tick, 2_000);
    assert_eq!(spare.take_resumed(), ["requests"; 3]);
}

#[test]
fn a_lost_offset_of_a_broadcast_topic_is_committed_again() {
    let mut member = Member::of(House::new(1));
    member.assigned(|_| true);
    let policies = SourceKind::Broadcast(otp_topology::task::Broadcast::Policy);
    let source =
        SourcePartition { topic: member.house.topology.source_of(policies).expect("a source"), partition: 0 };
    assert_eq!(member.stable.remove(&source), Some(0));
    member.tell(Event::Revoked { lost: false }, 1);
    member.assigned(|_| true);
    assert_eq!(member.stable.get(&source), Some(&0));
}

/// The commit of the starts was aborted. The state got them with the next record, the group did not.
#[test]
fn the_group_gets_starts_together_with_the_state() {
    let mut member = Member::starting();
    member.committed(Outcome::Abortable("a broker said so".to_owned()));
    assert_eq!(member.stable.get(&member.source("directory")), Some(&1));
    assert_eq!(member.stable.get(&member.source("requests")), Some(&0));
}

/// A mark that other records share a transaction with.
#[test]
fn the_group_gets_the_offset_of_a_broadcast_topic_with_its_mark_whatever_else_is_committed() {
    let mut member = Member::of(House::new(1));
    member.ends.insert("policies", 3);
    member.assigned(|_| true);
    member.holds = true;
    let time = LogTime::from_ms(START_MS);
    let directory = |offset| {
        let mut batch = RecordBatch::default();
        batch.push(member.source("directory"), offset, time, Some(b"key"), None, []);
        Event::Fetched { batch, drained: true }
    };
    let (first, second) = (directory(0), directory(1));
    member.tell(first, 3);
    member.tell(Event::ReachedEnd { source: member.source("policies"), offset: 3 }, 4);
    member.tell(second, 5);
    member.holds = false;
    member.committed(Outcome::Done);
    assert_eq!(member.stable.get(&member.source("directory")), Some(&2), "{:?}", member.stable);
    assert_eq!(member.stable.get(&member.source("policies")), Some(&0));
}

/// Both policies are read, and one of them is in the transaction.
#[test]
fn a_mark_follows_what_it_marks_the_end_of() {
    let mut member = Member::with(House::new(1), Limits { records_per_commit_max: 1, ..Limits::default() });
    member.ends.insert("policies", 2);
    member.assigned(|_| true);
    member.marks.clear();
    let mut batch = RecordBatch::default();
    for offset in 0..2 {
        let (source, time) = (member.source("policies"), LogTime::from_ms(START_MS));
        batch.push(source, offset, time, Some(b"egov/*"), Some(br#"{"digits":7}"#), []);
    }
    member.tell(Event::Fetched { batch, drained: true }, 3);
    assert_eq!(member.marks, [false, false, true]);
}
