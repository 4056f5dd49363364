//! What the cluster refuses holds up those who write it, for as long as it does, and nobody else. Nothing is given up.

use std::collections::{BTreeMap, BTreeSet};

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore, StoreKey};
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    Call, CallOutcome, Command, Event, Fetch, OffsetRange, OffsetRanges, Question, Refusal, RefusedScope,
    StoreOperation, StreamThread, TaskStage,
};
use otp_topology::wire::record::{RecordBatch, SourcePartition};
use serde_json::Value;

use crate::house::{BARRIERS, House, START_MS, send, settings, validate};

/// A stream thread with two tasks, on a cluster that refuses some topics.
struct Cluster {
    house: House,
    thread: StreamThread<MemoryStore>,
    stores: BTreeMap<i32, MemoryStore>,
    stable: BTreeMap<SourcePartition, i64>,
    offsets: Vec<(SourcePartition, i64)>,
    /// All records of the source partitions.
    logs: BTreeMap<SourcePartition, Vec<Value>>,
    /// Where each partition is read; a paused one is absent.
    fetching: BTreeMap<SourcePartition, i64>,
    refused: BTreeSet<&'static str>,
    /// Committed records by topic.
    committed: BTreeMap<String, usize>,
    now_ms: u64,
}

impl Cluster {
    fn start(house: House) -> Self {
        let mut cluster = Self {
            thread: StreamThread::new(house.topology.clone(), Default::default()),
            house,
            stores: (0..2).map(|task| (task, after_first_start())).collect(),
            stable: BTreeMap::new(),
            offsets: Vec::new(),
            logs: BTreeMap::new(),
            fetching: BTreeMap::new(),
            refused: BTreeSet::new(),
            committed: BTreeMap::new(),
            now_ms: START_MS,
        };
        let partitions = all_partitions(&cluster.house.topology);
        cluster.tell(Event::Assigned { partitions, generation: 1 });
        cluster.pass_ms(3_000);
        cluster.committed.clear();
        cluster
    }

    /// Somebody whose home partition is this one.
    fn person(&self, home: i32) -> String {
        let mut mobiles = (9_123_456_000_u64..).map(|number| number.to_string());
        let is_home = |it: &String| self.house.topology.home_of(&format!("egov|pb|{it}")) == home;
        mobiles.find(is_home).expect("every partition is somebody's home")
    }

    /// Appends a request to a partition.
    fn append(&mut self, partition: i32, request: Value) {
        let topic = self.house.topology.source_named("requests").expect("a source");
        self.logs.entry(SourcePartition { topic, partition }).or_default().push(request);
    }

    /// Polls, once every 20 ms.
    fn pass_ms(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            self.now_ms += 20;
            let mut batch = RecordBatch::default();
            for (source, next) in &mut self.fetching {
                for request in self.logs.get(source).into_iter().flatten().skip(*next as usize) {
                    let body = request.to_string();
                    let time = LogTime::from_ms(START_MS);
                    batch.push(*source, *next, time, None, Some(body.as_bytes()), []);
                    *next += 1;
                }
            }
            self.tell(Event::Fetched { batch, caught_up: true });
            self.tell(Event::Tick);
        }
    }

    /// Committed records of a topic since the last look.
    fn take(&mut self, topic: &str) -> usize {
        self.committed.remove(topic).unwrap_or(0)
    }

    /// Why each task does not serve; empty if it does.
    fn stages(&self) -> Vec<&str> {
        let reason = |(_, stage)| match stage {
            TaskStage::Running => "",
            TaskStage::Refused { reason } | TaskStage::Failed { reason } => reason,
            TaskStage::Opening
            | TaskStage::AskingOffsets
            | TaskStage::AskingRanges
            | TaskStage::Restoring
            | TaskStage::Gated => "it starts",
        };
        self.thread.stages().map(reason).collect()
    }

    fn tell(&mut self, event: Event<MemoryStore>) {
        let wall = LogTime::from_ms(self.now_ms);
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
                self.fetching.extend(starts.into_iter().map(|it| (it.source, it.offset)));
            }
            Command::Fetch(Fetch::Pause(sources)) => {
                self.fetching.retain(|source, _| !sources.contains(source));
            }
            Command::Ask(question) => return self.answer(question),
            Command::Call(call) => return Some(self.end(call)),
            Command::Store(operation) => return Some(self.operate(operation)),
            Command::CancelQuestions | Command::Report(_) => {}
            Command::Fail(reason) => panic!("{reason}"),
        }
        None
    }

    fn answer(&self, question: Question) -> Option<Event<MemoryStore>> {
        Some(match question {
            Question::StableOffsets { assignment, unit, sources } => {
                let stable = sources.into_iter().map(|it| (it, self.stable.get(&it).copied()));
                Event::StableOffsets { assignment, unit, result: Ok(stable.collect()) }
            }
            Question::OffsetRanges { assignment, unit, sources } => {
                let empty = OffsetRange { start: 0, end: 0 };
                let sources = sources.into_iter().map(|it| (it, empty)).collect();
                Event::OffsetRanges {
                    assignment,
                    unit,
                    result: Ok(OffsetRanges { changelog: empty, sources }),
                }
            }
            Question::Restore { assignment, task, .. } => Event::Restored { assignment, task, result: Ok(0) },
            Question::InputEnds { .. } | Question::Purge { .. } => return None,
        })
    }

    fn end(&mut self, call: Call) -> Event<MemoryStore> {
        match call {
            Call::Begin => Event::Began(CallOutcome::Done),
            Call::Offer => Event::Offered(CallOutcome::Done),
            Call::SendOffsets { offsets, .. } => {
                self.offsets = offsets;
                Event::OffsetsSent(CallOutcome::Done)
            }
            Call::Commit => Event::Committed { outcome: self.commit(), changelog_next: Vec::new() },
            Call::Abort => Event::Aborted(CallOutcome::Done),
            Call::ReplaceProducer => Event::ProducerReplaced(Ok(())),
        }
    }

    fn commit(&mut self) -> CallOutcome {
        let topology = &self.house.topology;
        let outbox = self.thread.planned_outbox().expect("a commit is planned");
        let topics: BTreeSet<_> = outbox.iter().map(|record| record.topic()).collect();
        let refused: Vec<_> =
            topics.into_iter().filter(|it| self.refused.contains(&*topology.output(*it).name)).collect();
        if let Some(first) = refused.first() {
            let reason = format!("no right on {}", topology.output(*first).name);
            return CallOutcome::Refused(Refusal { scope: RefusedScope::Topics(refused), reason });
        }
        for record in outbox.iter() {
            *self.committed.entry(topology.output(record.topic()).name.clone()).or_default() += 1;
        }
        self.stable.extend(self.offsets.drain(..));
        CallOutcome::Done
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
}

/// A store that has the barriers of the broadcast topics.
fn after_first_start() -> MemoryStore {
    let store = MemoryStore::default();
    let keys = BARRIERS.map(|barrier| StoreKey::new(Family::Barrier, barrier.as_bytes()));
    let set = Some(&[1][..]);
    store.write(&keys.iter().map(|key| (key.as_bytes(), set)).collect()).expect("memory does not fail");
    store
}

/// WRITE on the SMS topic was withdrawn: every readable request became a dead letter without a reply.
#[test]
fn a_refused_topic_holds_up_only_those_who_write_to_it() {
    let mut cluster = Cluster::start(House::new(2));
    let (waiting, served) = (cluster.person(0), cluster.person(1));
    cluster.refused.insert("sms");
    cluster.append(0, send(&waiting));
    for _ in 0..10 {
        cluster.append(1, validate(&served, "123456"));
        cluster.pass_ms(3_000);
        assert_eq!((cluster.take("replies"), cluster.take("sms")), (1, 0));
        assert_eq!(cluster.stages(), ["no right on sms", ""]);
    }
    assert_eq!(cluster.take("dead-letters"), 0);

    cluster.refused.clear();
    cluster.append(0, validate(&waiting, "123456"));
    cluster.pass_ms(10_100);
    assert_eq!((cluster.take("replies"), cluster.take("sms")), (2, 1), "in their order, once");
    assert_eq!(cluster.stages(), ["no right on sms", ""], "it might be refused again");
    cluster.pass_ms(10_100);
    assert_eq!(cluster.stages(), ["", ""]);
    cluster.pass_ms(60_000);
    assert_eq!((cluster.take("replies"), cluster.take("sms")), (0, 0));
}

/// Every topic that is written, also the dead letters: a record that was given up went to the very topic that refused it.
#[test]
fn whatever_topic_is_refused_nothing_is_lost_and_nothing_doubled() {
    let unreadable = || Value::String("nonsense".to_owned());
    for (topic, is_unreadable, expected) in [
        ("sms", false, [1, 1, 1, 0]),
        ("replies", false, [1, 1, 1, 0]),
        ("lifecycle", false, [1, 1, 1, 0]),
        ("app-changelog", false, [1, 1, 1, 0]),
        ("dead-letters", true, [0, 0, 0, 1]),
    ] {
        let mut cluster = Cluster::start(House::new(2));
        let person = cluster.person(0);
        cluster.refused.insert(topic);
        cluster.append(0, if is_unreadable { unreadable() } else { send(&person) });
        cluster.pass_ms(90_000);
        let reason = format!("no right on {topic}");
        assert_eq!(cluster.stages(), [reason.as_str(), ""]);
        let seen =
            |it: &mut Cluster| ["sms", "replies", "lifecycle", "dead-letters"].map(|topic| it.take(topic));
        assert_eq!(seen(&mut cluster), [0; 4], "{topic}");
        cluster.refused.clear();
        cluster.pass_ms(90_000);
        assert_eq!(cluster.stages(), ["", ""]);
        assert_eq!(seen(&mut cluster), expected, "{topic}");
    }
}

#[test]
fn what_is_only_forwarded_waits_too() {
    let wide = |name: &str| (name == "requests").then_some(3);
    let mut cluster = Cluster::start(House::with(settings(), 2, wide));
    let person = cluster.person(0);
    cluster.refused.insert("app-repartition");
    cluster.append(2, send(&person));
    cluster.pass_ms(20_000);
    assert_eq!(cluster.thread.refusal(), Some("no right on app-repartition"));
    cluster.refused.clear();
    cluster.pass_ms(20_200);
    assert_eq!(cluster.thread.refusal(), None);
    assert_eq!(cluster.take("app-repartition"), 1);
    cluster.pass_ms(60_000);
    assert_eq!(cluster.take("app-repartition"), 0);
}
