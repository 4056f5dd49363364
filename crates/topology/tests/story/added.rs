//! Partitions that were added to a request topic: they are read from their beginning, what waited there is served, and an
//! assignment that does not fit is waited out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use otp_topology::deployment::{Incarnation, SourceKind, TopicFacts, Topology, fitting_cluster};
use otp_topology::otp::LogTime;
use otp_topology::state::{MemoryStore, StateStore};
use otp_topology::task::Task;
use otp_topology::testing::INCARNATION;
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    Call, CallOutcome, Command, Event, Fetch, Limits, OffsetRange, OffsetRanges, Question, Start,
    StreamThread, ThreadReport,
};
use otp_topology::wire::headers::{
    CE_EXPIRYTIME, OTP_ORIGIN_INCARNATION, OTP_ORIGIN_OFFSET, OTP_ORIGIN_WAITED, OriginBytes, OriginHeaders,
};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{START_MS, keyring, send, settings};

const LIFETIME_MS: u64 = 300_000;

/// `requests`: the partition count of the request topic.
fn topology(homes: i32, requests: i32, read_before: bool) -> Arc<Topology> {
    let settings = settings();
    let mut cluster = fitting_cluster(&settings, homes, INCARNATION);
    cluster.get_mut("requests").expect("a topic").partitions = requests;
    let mut topology = Topology::build(&settings, keyring(), &cluster).expect("a fitting cluster");
    topology.read_before = read_before.then(|| "requests".to_owned()).into_iter().collect();
    Arc::new(topology)
}

#[test]
fn a_change_of_the_topics_is_seen() {
    let topology = topology(2, 3, true);
    let names = topology.sources.iter().map(|it| (it.name.clone(), it.partitions));
    let same: BTreeMap<_, _> = names
        .chain([(topology.output(topology.changelog).name.clone(), 2)])
        .map(|(name, partitions)| (name, TopicFacts { partitions, incarnation: INCARNATION }))
        .collect();
    let another = Incarnation([9; 16]);
    for (name, partitions, incarnation, change, wrong) in [
        ("requests", 3, INCARNATION, "", 0),
        ("requests", 5, INCARNATION, "the topic requests has 5 partitions instead of 3", 0),
        ("requests", 2, INCARNATION, "", 0),
        ("requests", 5, another, "the topic requests was recreated", 0),
        ("admin", 3, INCARNATION, "the topic admin has 3 partitions instead of 2", 0),
        ("directory", 3, INCARNATION, "", 1),
        ("policies", 2, INCARNATION, "", 1),
        ("app-repartition", 3, INCARNATION, "", 1),
        ("app-changelog", 2, another, "the topic app-changelog was recreated", 0),
    ] {
        let mut cluster = same.clone();
        cluster.insert(name.to_owned(), TopicFacts { partitions, incarnation });
        let seen = topology.change(&cluster).map(|it| it.to_string());
        assert_eq!(seen.unwrap_or_default(), change, "{name} {partitions}");
        assert_eq!(topology.grown_wrongly(&cluster).len(), wrong, "{name} {partitions}");
        cluster.remove(name);
        assert_eq!(topology.change(&cluster), None, "{name} is gone");
    }
}

fn partition(topology: &Topology, kind: SourceKind, partition: i32) -> SourcePartition {
    SourcePartition { topic: topology.source_of(kind).expect("a source"), partition }
}

fn commands(thread: &mut StreamThread<MemoryStore>, event: Event<MemoryStore>) -> Vec<Command> {
    thread.on(event, LogTime::from_ms(START_MS));
    std::iter::from_fn(|| thread.next_command()).collect()
}

/// Every process ended, and blamed the assignor, when partitions were added to a request topic.
#[test]
fn a_member_whose_assignment_separates_a_task_waits_for_the_next_one() {
    // The group knows four partitions of the request topic and gives this member two of them; this member knows two.
    let topology = topology(2, 2, true);
    let mut thread = StreamThread::<MemoryStore>::new(topology.clone(), Limits::default());
    let all = all_partitions(&topology);
    let second = partition(&topology, SourceKind::Requests(0), 1);
    let separated = all.iter().copied().filter(|it| it.partition == 0 || *it == second).collect();
    let told = commands(&mut thread, Event::Assigned { partitions: separated, generation: 1 });
    assert!(matches!(&told[..], [Command::Report(ThreadReport::Misassigned { .. })]), "{told:?}");
    assert!(commands(&mut thread, Event::Tick).is_empty(), "it processes nothing");
    assert!(commands(&mut thread, Event::Revoked { lost: false }).is_empty());
    let told = commands(&mut thread, Event::Assigned { partitions: all, generation: 2 });
    let opened = told.iter().filter(|it| matches!(it, Command::Store(_))).count();
    assert_eq!(opened, 2, "{told:?}");
}

/// A member that forwards one partition. The group has these offsets; the partition's log is `log`.
struct Forwarding {
    topology: Arc<Topology>,
    thread: StreamThread<MemoryStore>,
    source: SourcePartition,
    stable: BTreeMap<SourcePartition, i64>,
    log: OffsetRange,
    resumed_at: Option<i64>,
    /// Offsets that were committed as forwarded, and those of them that waited.
    forwarded: Vec<i64>,
    waited: Vec<i64>,
}

impl Forwarding {
    fn new(read_before: bool, start: Start, log: OffsetRange) -> Self {
        let topology = topology(1, 2, read_before);
        let source = partition(&topology, SourceKind::Requests(0), 1);
        let thread = StreamThread::new(
            topology.clone(),
            Limits { start, commit_interval_min_ms: 0, ..Limits::default() },
        );
        let stable = topology.broadcast_sources().map(|it| (it, 0)).collect();
        let (forwarded, waited) = (Vec::new(), Vec::new());
        Self { topology, thread, source, stable, log, resumed_at: None, forwarded, waited }
    }

    fn assigned(&mut self, generation: i32) {
        self.tell(Event::Assigned { partitions: vec![self.source], generation });
    }

    /// Fetches the records from where it resumed up to `end`.
    fn fetch_up_to(&mut self, end: i64) {
        let from = self.resumed_at.expect("it reads");
        let mut batch = RecordBatch::default();
        let body = send("9123456789").to_string();
        for offset in from..end {
            batch.push(self.source, offset, LogTime::from_ms(START_MS), None, Some(body.as_bytes()), []);
        }
        self.tell(Event::Fetched { batch, caught_up: true });
    }

    fn tell(&mut self, event: Event<MemoryStore>) {
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for command in commands(&mut self.thread, event) {
                events.extend(self.perform(command));
            }
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event<MemoryStore>> {
        match command {
            Command::Fetch(Fetch::Resume(starts)) => {
                self.resumed_at = Some(starts[0].offset);
                None
            }
            Command::Ask(Question::StableOffsets { assignment, unit, sources }) => {
                let stable = sources.into_iter().map(|it| (it, self.stable.get(&it).copied())).collect();
                Some(Event::StableOffsets { assignment, unit, result: Ok(stable) })
            }
            Command::Ask(Question::OffsetRanges { assignment, unit, sources }) => {
                let sources = sources.into_iter().map(|it| (it, self.log)).collect();
                let result = Ok(OffsetRanges { changelog: self.log, sources });
                Some(Event::OffsetRanges { assignment, unit, result })
            }
            Command::Call(call) => Some(self.end(call)),
            Command::Ask(Question::Restore { .. } | Question::InputEnds { .. } | Question::Purge { .. })
            | Command::Fetch(Fetch::Pause(_))
            | Command::Store(_)
            | Command::CancelQuestions
            | Command::Report(_)
            | Command::Fail(_) => None,
        }
    }

    fn end(&mut self, call: Call) -> Event<MemoryStore> {
        match call {
            Call::Begin => Event::Began(CallOutcome::Done),
            Call::Offer => Event::Offered(CallOutcome::Done),
            Call::SendOffsets { offsets, .. } => {
                self.stable.extend(offsets);
                Event::OffsetsSent(CallOutcome::Done)
            }
            Call::Commit => {
                for record in self.thread.outbox().iter() {
                    let header = |wanted: &str| record.headers().find(|(name, _)| *name == wanted);
                    let (_, offset) = header(OTP_ORIGIN_OFFSET).expect("a forwarded record");
                    let offset = i64::from_be_bytes(offset.expect("a number").try_into().expect("8 bytes"));
                    self.forwarded.push(offset);
                    self.waited.extend(header(OTP_ORIGIN_WAITED).map(|_| offset));
                }
                Event::Committed { outcome: CallOutcome::Done, changelog_next: Vec::new() }
            }
            Call::Abort => Event::Aborted(CallOutcome::Done),
            Call::ReplaceProducer => Event::ProducerReplaced(Ok(())),
        }
    }
}

#[test]
fn an_added_partition_is_read_from_its_beginning_and_what_waited_there_is_marked() {
    let log = OffsetRange { start: 2, end: 5 };
    for (read_before, start, resumes_at, forwarded, waited) in [
        (true, Start::Latest, 2, 2..7, 2..5),
        (true, Start::Earliest, 2, 2..7, 2..5),
        (false, Start::Earliest, 2, 2..7, 0..0),
        (false, Start::Latest, 5, 5..7, 0..0),
    ] {
        let mut member = Forwarding::new(read_before, start, log);
        member.assigned(1);
        assert_eq!(member.resumed_at, Some(resumes_at), "{read_before} {start:?}");
        assert_eq!(member.stable.get(&member.source), Some(&resumes_at), "its start is committed");
        member.fetch_up_to(7);
        assert_eq!(member.forwarded, forwarded.collect::<Vec<_>>(), "{read_before} {start:?}");
        assert_eq!(member.waited, waited.collect::<Vec<_>>(), "{read_before} {start:?}");
        assert_eq!(
            member.topology.task_of(member.source.topic, 0),
            None,
            "no partition of the topic is a home"
        );
    }
}

#[test]
fn what_waited_stays_marked_when_the_group_assigns_again() {
    let mut member = Forwarding::new(true, Start::Earliest, OffsetRange { start: 0, end: 5 });
    member.assigned(1);
    member.fetch_up_to(2);
    member.tell(Event::Revoked { lost: false });
    member.resumed_at = None;
    member.assigned(2);
    assert_eq!(member.resumed_at, Some(2));
    member.fetch_up_to(7);
    assert_eq!(member.forwarded, (0..7).collect::<Vec<_>>());
    assert_eq!(member.waited, (0..5).collect::<Vec<_>>());
}

/// After the group's offsets were set back, records were served again that had been read in place before the addition.
#[test]
fn what_was_read_in_place_before_the_addition_is_not_served_again() {
    let (before, after) = (topology(1, 1, true), topology(1, 2, true));
    let store = MemoryStore::default();
    let body = send("9123456789").to_string();
    let own = partition(&before, SourceKind::Requests(0), 0);
    let at = LogTime::from_ms(START_MS);
    let (mut task, _) = Task::open(0, before.clone(), store.clone()).expect("memory does not fail");
    let (mut batch, mut out) = (RecordBatch::default(), Outbox::default());
    batch.push(own, 5, at, None, Some(body.as_bytes()), []);
    task.process(&batch.get(0), at, &mut out).expect("memory does not fail");
    task.plan_commit(&mut out);
    store.write(&task.committed(None, at).0).expect("memory does not fail");

    let (mut task, void) = Task::open(0, after.clone(), store).expect("memory does not fail");
    assert!(void.is_empty());
    let repartition = partition(&after, SourceKind::Repartition, 0);
    for (offset, expected) in [(5, 0), (6, 1)] {
        let origin = OriginHeaders { topic: "requests", partition: 0, offset, time: at, key: None };
        let (mut bytes, mut out, mut batch) =
            (OriginBytes::default(), Outbox::default(), RecordBatch::default());
        let incarnation = (OTP_ORIGIN_INCARNATION, Some(&INCARNATION.0[..]));
        let headers = origin.write(&mut bytes).into_iter().chain([incarnation]);
        batch.push(repartition, offset, at, None, Some(body.as_bytes()), headers);
        task.process(&batch.get(0), at, &mut out).expect("memory does not fail");
        let replies = out.iter().filter(|it| after.output(it.topic()).name == "replies").count();
        assert_eq!(replies, expected, "offset {offset}");
    }
}

/// The end and the SMS expiry of a `send` that was forwarded `waited_ms` after its append, and served 100 ms later.
fn check(waited_ms: u64, is_marked: bool, deadline: Option<&str>, expected: Option<u64>) {
    let topology = topology(1, 2, true);
    let (mut task, _) =
        Task::open(0, topology.clone(), MemoryStore::default()).expect("memory does not fail");
    let (asked, forwarded) = (LogTime::from_ms(START_MS), LogTime::from_ms(START_MS + waited_ms));
    let origin = OriginHeaders { topic: "requests", partition: 1, offset: 3, time: asked, key: None };
    let mut bytes = OriginBytes::default();
    let mark = is_marked.then_some((OTP_ORIGIN_WAITED, Some(&b"1"[..])));
    let deadline = deadline.map(|it| (CE_EXPIRYTIME, Some(it.as_bytes())));
    let incarnation = (OTP_ORIGIN_INCARNATION, Some(&INCARNATION.0[..]));
    let headers = origin.write(&mut bytes).into_iter().chain([incarnation]).chain(mark).chain(deadline);
    let body = send("9123456789").to_string();
    let mut batch = RecordBatch::default();
    let source = partition(&topology, SourceKind::Repartition, 0);
    batch.push(source, 9, forwarded, None, Some(body.as_bytes()), headers);
    let mut out = Outbox::default();
    task.process(&batch.get(0), forwarded.plus(100), &mut out).expect("memory does not fail");
    let written: BTreeSet<_> = out.iter().map(|it| topology.output(it.topic()).name.clone()).collect();
    assert!(written.contains("replies"), "{written:?}");
    let sms = out.iter().find(|it| topology.output(it.topic()).name == "sms");
    let expires = sms.map(|sms| {
        let body: serde_json::Value = serde_json::from_slice(sms.value().expect("a body")).expect("JSON");
        body["expiryTime"].as_u64().expect("a time")
    });
    assert_eq!(expires, expected, "{waited_ms} ms, {is_marked}, {deadline:?}");
}

/// Requests that waited in partitions that nobody read were answered as stale.
#[test]
fn a_request_that_waited_in_an_added_partition_gets_a_code_that_lives_from_then_on() {
    let past = "2023-11-14T22:13:21Z";
    let waited_ms = 2 * LIFETIME_MS;
    check(1_000, false, None, Some(START_MS + LIFETIME_MS));
    check(waited_ms, false, None, None);
    check(waited_ms, true, None, Some(START_MS + waited_ms + LIFETIME_MS));
    check(waited_ms, true, Some(past), None);
}
