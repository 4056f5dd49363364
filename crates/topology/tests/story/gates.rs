//! What a thread waits for before it reads requests: the directory, then the marks; and before it forwards.

use std::collections::BTreeMap;

use otp_topology::otp::LogTime;
use otp_topology::state::{MemoryStore, StateStore};
use otp_topology::task::SourceKind;
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{Command, Event, Extent, Extents, Limits, Outcome, StreamThread};
use otp_topology::wire::record::SourcePartition;

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
}

impl Member {
    fn of(house: House) -> Self {
        Self {
            thread: StreamThread::new(house.topology.clone(), Limits::default()),
            house,
            stores: BTreeMap::new(),
            stable: BTreeMap::new(),
            ends: BTreeMap::new(),
            resumed: Vec::new(),
        }
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
            Command::Produce { .. } => Event::Produced(Outcome::Done),
            Command::SendOffsets { offsets, .. } => {
                self.stable.extend(offsets);
                Event::OffsetsSent(Outcome::Done)
            }
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
