//! The stream thread itself, as scripts: an event in, the commands that follow it. Each test is named after a failure
//! that another stream processor or client had, and that must not happen here.
//!
//! Proves nothing about brokers: what each ending of a call means there is the edges' business.

use std::sync::Arc;

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore, StoreKey, WriteBatch};
use otp_topology::task::{LocalKey, SourceKind, Topology};
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    AssignmentId, Command, Event, Extent, Extents, Limits, Outcome, Report, StreamThread, Unit,
};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send};

/// One task. Every command is logged as a line; those that only move fetch positions are left out.
struct Script {
    topology: Arc<Topology>,
    thread: StreamThread<MemoryStore>,
    store: MemoryStore,
    now: LogTime,
    assignment: AssignmentId,
    offset: i64,
}

/// A store that went through its first start, up to this changelog offset.
fn store_at(changelog_next: i64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = WriteBatch::default();
    batch.put(LocalKey::Partitions.key().as_bytes(), &1_i64.to_be_bytes());
    batch.put(LocalKey::Incarnation.key().as_bytes(), &[7; 16]);
    batch.put(LocalKey::ChangelogNext.key().as_bytes(), &changelog_next.to_be_bytes());
    batch.put(LocalKey::WrittenAt.key().as_bytes(), &START_MS.to_be_bytes());
    for mark in ["sent/policies", "sent/templates", "arrived/policies", "arrived/templates"] {
        batch.put(StoreKey::new(Family::Mark, mark.as_bytes()).as_bytes(), &[1]);
    }
    store.write(&batch).expect("memory does not fail");
    store
}

fn with(store: MemoryStore, key: &StoreKey, value: Option<&[u8]>) -> MemoryStore {
    let write = (key.as_bytes().to_vec(), value.map(<[u8]>::to_vec));
    store.write(&WriteBatch { writes: vec![write] }).expect("memory does not fail");
    store
}

impl Script {
    fn new(store: MemoryStore) -> Self {
        Self::with_output_max(store, Limits::default().output_bytes_max)
    }

    fn with_output_max(store: MemoryStore, output_bytes_max: usize) -> Self {
        let topology = House::new(1).topology;
        let limits = Limits {
            records_per_commit_max: 1,
            output_bytes_max,
            sweep_interval_ms: u64::MAX,
            purge_interval_ms: u64::MAX,
            ..Limits::default()
        };
        let thread = StreamThread::new(topology.clone(), limits);
        let now = LogTime::from_ms(START_MS);
        Self { topology, thread, store, now, assignment: AssignmentId(0), offset: 0 }
    }

    /// Tells an event, and gives the lines of what follows.
    fn tell(&mut self, event: &str) -> Vec<String> {
        let (name, rest) = event.split_once(' ').unwrap_or((event, ""));
        let event = self.event(name, rest);
        self.thread.on(event, self.now);
        let mut lines = Vec::new();
        while let Some(command) = self.thread.next_command() {
            if let Command::Open { assignment, .. } | Command::Wipe { assignment, .. } = &command {
                self.assignment = *assignment;
            }
            if let Command::Write { batch, .. } = &command {
                self.store.write(batch).expect("memory does not fail");
            }
            lines.extend(line(&command));
        }
        lines
    }

    fn event(&mut self, name: &str, rest: &str) -> Event<MemoryStore> {
        let (assignment, unit, task) = (self.assignment, Unit::Task(0), 0);
        let partitions = all_partitions(&self.topology);
        match name {
            "assigned" => Event::Assigned { partitions, generation: rest.parse().expect("a generation") },
            "opened" => Event::Opened { assignment, task, result: Ok(self.store.clone()) },
            "stable" => {
                let stable = partitions.into_iter().map(|source| (source, Some(0))).collect();
                Event::Stable { assignment, unit, result: Ok(stable) }
            }
            "extents" => Event::Extents { assignment, unit, result: Ok(self.extents(rest)) },
            "restored" => Event::Restored { assignment, task, result: result(rest).map(|()| 0) },
            "request" => self.requests(1),
            "requests" => self.requests(rest.parse().expect("a count")),
            "later" => {
                self.now = self.now.plus(rest.parse().expect("milliseconds"));
                Event::Tick
            }
            "revoked" => Event::Revoked { lost: rest == "lost" },
            "began" => Event::Began(outcome(rest)),
            "produced" => Event::Produced(outcome(rest)),
            "sent" => Event::OffsetsSent(outcome(rest)),
            "committed" => Event::Committed { outcome: outcome(rest), changelog_next: vec![(0, 12)] },
            "aborted" => Event::Aborted(outcome(rest)),
            "replaced" => Event::ProducerReplaced(result(rest)),
            "written" => Event::Written { task, result: result(rest) },
            other => panic!("no event {other}"),
        }
    }

    /// `start..end` of the changelog; everything else is empty.
    fn extents(&self, changelog: &str) -> Extents {
        let (start, end) = changelog.split_once("..").expect("start..end");
        let number = |text: &str| text.parse().expect("an offset");
        let sources = all_partitions(&self.topology).into_iter();
        Extents {
            changelog: Extent { start: number(start), end: number(end) },
            sources: sources.map(|source| (source, Extent { start: 0, end: 0 })).collect(),
        }
    }

    fn requests(&mut self, count: usize) -> Event<MemoryStore> {
        let topic = self.topology.source_of(SourceKind::Requests(0)).expect("a caller");
        let mut batch = RecordBatch::default();
        let body = send("9123456789").to_string();
        let source = SourcePartition { topic, partition: 0 };
        for _ in 0..count {
            batch.push(source, self.offset, self.now, None, Some(body.as_bytes()), []);
            self.offset += 1;
        }
        Event::Fetched { batch, drained: true }
    }
}

fn outcome(text: &str) -> Outcome {
    match text {
        "" => Outcome::Done,
        "abortable" => Outcome::Abortable("a broker said so".to_owned()),
        "fenced" => Outcome::FencedByGroup,
        "unknown" => Outcome::Unknown("timed out".to_owned()),
        other => panic!("no outcome {other}"),
    }
}

fn result(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Err(text.to_owned()) }
}

fn line(command: &Command) -> Option<String> {
    Some(match command {
        Command::Open { .. } => "open".to_owned(),
        Command::Wipe { .. } => "wipe".to_owned(),
        Command::AskStable { .. } => "ask stable".to_owned(),
        Command::AskExtents { .. } => "ask extents".to_owned(),
        Command::Restore { from, bound, .. } => format!("restore {from}..{bound}"),
        Command::CancelRecovery => "cancel recovery".to_owned(),
        Command::Suspend { .. } => "suspend".to_owned(),
        Command::Unassign => "unassign".to_owned(),
        Command::Begin => "begin".to_owned(),
        Command::Produce { .. } => "produce".to_owned(),
        Command::SendOffsets { generation, offsets } if !offsets.is_empty() => {
            format!("send offsets under {generation}")
        }
        Command::SendOffsets { .. } => "send nothing".to_owned(),
        Command::Commit => "commit".to_owned(),
        Command::Abort => "abort".to_owned(),
        Command::ReplaceProducer => "replace producer".to_owned(),
        Command::Write { .. } => "write".to_owned(),
        Command::Fail(_) => "fail".to_owned(),
        Command::Report(Report::TaskReady { .. }) => "ready".to_owned(),
        Command::Report(Report::TaskFailed { reason, .. }) => format!("task failed: {reason}"),
        Command::Report(Report::Wiped { .. }) => "say: wiped".to_owned(),
        Command::Report(_)
        | Command::Assign(_)
        | Command::Resume(_)
        | Command::Pause(_)
        | Command::Probe { .. }
        | Command::Purge { .. } => return None,
    })
}

type Step<'a> = (&'a str, &'a [&'a str]);

const ASSIGNED: [Step<'_>; 3] =
    [("assigned 3", &["open"]), ("opened", &["ask stable"]), ("stable", &["ask extents"])];
const READY: [Step<'_>; 5] =
    [ASSIGNED[0], ASSIGNED[1], ASSIGNED[2], ("extents 0..9", &["restore 7..9"]), ("restored", &["ready"])];
const ASKED: [Step<'_>; 4] = [
    ("request", &["begin"]),
    ("began", &["produce"]),
    ("produced", &["send offsets under 3"]),
    ("sent", &["commit"]),
];

/// A line that ends in `…` says how the command's line begins.
fn check(store: MemoryStore, steps: &[&[Step<'_>]]) -> Script {
    check_script(Script::new(store), steps)
}

fn check_script(mut script: Script, steps: &[&[Step<'_>]]) -> Script {
    for (at, (event, expected)) in steps.concat().into_iter().enumerate() {
        let lines = script.tell(event);
        let same = lines.len() == expected.len()
            && lines.iter().zip(expected).all(|(line, expected)| match expected.strip_suffix('…') {
                Some(part) => line.contains(part),
                None => line == expected,
            });
        assert!(same, "step {at}, {event}: expected {expected:?}, found {lines:#?}");
    }
    script
}

/// Places in an outbox are 32 bits: what much comes of is committed in parts.
#[test]
fn much_output_of_a_fetch_is_committed_in_parts() {
    let part: &[Step<'_>] = &[
        ("began", &["produce"]),
        ("produced", &["send offsets under 3"]),
        ("sent", &["commit"]),
        ("committed", &["write"]),
    ];
    let (next, last): (&[Step<'_>], &[Step<'_>]) = (&[("written", &["begin"])], &[("written", &[])]);
    let three: &[Step<'_>] = &[("requests 3", &["begin"])];
    let small = Script::with_output_max(store_at(7), 1);
    check_script(small, &[&READY, three, part, next, part, next, part, last]);
    check(store_at(7), &[&READY, three, part, last]);
}

/// KIP-892, ksql #1709, KAFKA-20663: a crash made others wipe and restore everything.
#[test]
fn after_a_crash_only_the_tail_is_replayed() {
    check(store_at(7), &[&READY]);
    check(store_at(9), &[&ASSIGNED, &[("extents 0..9", &["restore 9..9"])]]);
    check(store_at(7), &[&ASSIGNED, &[("extents 7..900000", &["restore 7..900000"])]]);
}

/// The log no longer holds what the store lacks: it is rebuilt, and that is said.
#[test]
fn a_store_that_the_log_has_passed_is_rebuilt_aloud() {
    check(store_at(7), &[&ASSIGNED, &[("extents 8..9", &["say: wiped", "wipe"])]]);
}

/// KAFKA-16017, KAFKA-20416: a checkpoint that claims more than the store holds was believed.
#[test]
fn a_wrong_position_fails_the_task_and_wipes_nothing() {
    let next = LocalKey::ChangelogNext.key();
    let past_the_end: &[Step<'_>] = &[("extents 0..6", &["task failed: the changelog ends at 6…"])];
    check(store_at(7), &[&ASSIGNED, past_the_end]);
    let damaged: &[Step<'_>] = &[ASSIGNED[0], ("opened", &["move the directory task-…"])];
    let negative = (-1_i64).to_be_bytes();
    check(with(store_at(7), &next, Some(&[1, 2])), &[damaged]);
    check(with(store_at(7), &next, Some(&negative)), &[damaged]);
    check(with(store_at(7), &LocalKey::Partitions.key(), None), &[damaged]);
    check(with(store_at(7), &LocalKey::Incarnation.key(), None), &[damaged]);
    let no_time = with(store_at(7), &LocalKey::WrittenAt.key(), Some(b"soon"));
    check(no_time, &[&ASSIGNED, &[("extents 0..9", &["move the directory task-…"])]]);
}

/// KAFKA-16017: a restore that was broken off wrote the end it had not reached.
#[test]
fn a_broken_restore_begins_again_where_the_store_stands() {
    let broken: &[Step<'_>] = &[
        ("extents 0..9", &["restore 7..9"]),
        ("restored stopped", &["task failed: stopped"]),
        ("later 1000", &["open"]),
        ("opened", &["ask stable"]),
        ("stable", &["ask extents"]),
        ("extents 0..9", &["restore 7..9"]),
    ];
    check(store_at(7), &[&ASSIGNED, broken]);
}

/// A copied directory, another cluster, a recreated topic, another partition count.
#[test]
fn a_foreign_store_is_refused_with_a_remedy() {
    let foreign = with(store_at(7), &LocalKey::Incarnation.key(), Some(&[8; 16]));
    let counted = with(store_at(7), &LocalKey::Partitions.key(), Some(&2_i64.to_be_bytes()));
    check(foreign, &[&[ASSIGNED[0], ("opened", &["move store.directory away…"])]]);
    check(counted, &[&[ASSIGNED[0], ("opened", &["choose a new application.id…"])]]);
}

/// A value of a later version, or damaged: the task stops, nothing is decided, and it is tried again.
#[test]
fn what_cannot_be_read_is_never_decided_about() {
    let pseudonym = pseudonym();
    let subject = StoreKey::new(Family::Subject, &pseudonym);
    let newer: &[Step<'_>] =
        &[("request", &["run that version again…"]), ("later 999", &[]), ("later 1", &["open"])];
    let damaged: &[Step<'_>] = &[("request", &["move the directory task-…"])];
    check(with(store_at(7), &subject, Some(&[2])), &[&READY, newer]);
    check(with(store_at(7), &subject, Some(&[1, 2])), &[&READY, damaged]);
    check(with(store_at(7), &StoreKey::new(Family::Policy, b"egov/pb"), Some(b"{")), &[&READY, damaged]);
    let position = StoreKey::new(Family::Position, b"Rrequests\0\0\0\0\0");
    let unread: &[Step<'_>] = &[READY[0], READY[1], READY[2], READY[3], ("restored", &["a position…"])];
    check(with(store_at(7), &position, Some(&[2; 25])), &[unread]);
    check(with(store_at(7), &position, Some(&[1, 0xff])), &[unread]);
}

/// KAFKA-20685: writes of a transaction that was aborted later were in the store.
#[test]
fn an_abort_leaves_no_write() {
    let before = store_at(7).entries();
    let aborted: &[Step<'_>] = &[("committed abortable", &["abort"]), ("aborted", &["begin"])];
    let script = check(store_at(7), &[&READY, &ASKED, aborted]);
    assert_eq!(script.store.entries(), before);
    let again: &[Step<'_>] = &[ASKED[1], ASKED[2], ASKED[3], ("committed", &["write"]), ("written", &[])];
    let script = check(store_at(7), &[&READY, &ASKED, aborted, again]);
    assert_ne!(script.store.entries(), before);
}

/// librdkafka #3297, #5423, KAFKA-20785: a producer was used on after a call whose end nobody knows.
#[test]
fn a_producer_whose_call_has_no_known_end_is_never_used_again() {
    let before = store_at(7).entries();
    let after: &[Step<'_>] = &[
        ("request", &[]),
        ("later 5000", &[]),
        ("replaced", &["cancel recovery", "suspend", "open"]),
        ("opened", &["ask stable"]),
    ];
    for (answered, unknown) in
        [(1, "began unknown"), (2, "produced unknown"), (3, "sent unknown"), (4, "committed unknown")]
    {
        let replaced: &[Step<'_>] = &[(unknown, &["replace producer"])];
        let script = check(store_at(7), &[&READY, &ASKED[..answered], replaced, after]);
        assert_eq!(script.store.entries(), before, "{unknown}");
    }
    let abort: &[Step<'_>] =
        &[("committed abortable", &["abort"]), ("aborted unknown", &["replace producer"])];
    check(store_at(7), &[&READY, &ASKED, abort, after]);
}

/// kafka-flow #732, KAFKA-12693: a member that had lost its tasks still wrote for them.
#[test]
fn a_fenced_member_writes_nothing_and_waits_for_its_rebalance() {
    let before = store_at(7).entries();
    let fenced: &[Step<'_>] = &[("sent fenced", &["abort"]), ("aborted", &[]), ("request", &[])];
    let lost: &[Step<'_>] = &[("revoked lost", &["cancel recovery", "suspend", "unassign"])];
    let script = check(store_at(7), &[&READY, &ASKED[..3], fenced, lost, &ASSIGNED]);
    assert_eq!(script.store.entries(), before);
}

/// A batch polled in an assignment that was lost never runs in the next.
#[test]
fn a_lost_assignment_takes_its_batch_along() {
    let lost: &[Step<'_>] = &[
        ("revoked lost", &[]),
        ("began", &["abort"]),
        ("aborted", &["cancel recovery", "suspend", "unassign"]),
    ];
    let again: &[Step<'_>] = &[READY[3], READY[4], ("later 60000", &[])];
    check(store_at(7), &[&READY, &ASKED[..1], lost, &ASSIGNED, again]);
}

/// kafka-flow #935, #938, KAFKA-9231, KAFKA-16699: being fenced ended processes, or was tried again for ever.
#[test]
fn being_fenced_ends_nothing_and_is_waited_out() {
    let fenced: &[Step<'_>] = &[
        ("sent fenced", &["abort"]),
        ("aborted", &[]),
        ("later 29999", &[]),
        ("later 1", &["cancel recovery", "suspend", "open"]),
        ("later 29999", &[]),
    ];
    check(store_at(7), &[&READY, &ASKED[..3], fenced]);
}

/// The same: a producer that cannot be had is asked for a bounded number of times.
#[test]
fn producers_are_replaced_a_bounded_number_of_times() {
    let mut script = check(store_at(7), &[&READY, &ASKED, &[("committed unknown", &["replace producer"])]]);
    let mut told = Vec::new();
    for _ in 0..20 {
        told.extend(script.tell("replaced no coordinator"));
        if told.iter().any(|it| it == "fail") {
            break;
        }
        told.extend(script.tell("later 1000"));
    }
    assert_eq!(told.iter().filter(|it| *it == "replace producer").count(), 9, "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("fail"));
}

/// kafka-flow #850, KAFKA-10167: recovery stopped at the last stable offset, or was bounded before the offsets were
/// read. The bound is the end that is asked for after the stable offsets are known.
#[test]
fn the_bound_of_a_restore_is_asked_for_after_the_stable_offsets() {
    let mut script = Script::new(store_at(7));
    assert_eq!(script.tell("assigned 3"), ["open"]);
    assert_eq!(script.tell("opened"), ["ask stable"], "nothing is asked at once");
    assert_eq!(script.tell("later 60000"), Vec::<String>::new());
    assert_eq!(script.tell("stable"), ["ask extents"]);
    assert_eq!(script.tell("request"), Vec::<String>::new(), "not before the restore");
    assert_eq!(script.tell("extents 0..4000"), ["restore 7..4000"]);
    assert_eq!(script.tell("request"), Vec::<String>::new(), "not before the bound");
}

/// KAFKA-14402, franz-go #581: a hanging transaction kept readers waiting for ever, and nobody said why.
#[test]
fn a_restore_that_stands_still_fails_aloud_and_is_tried_again() {
    let hanging: &[Step<'_>] = &[
        ("extents 0..9", &["restore 7..9"]),
        ("restored stands still before offset 9", &["task failed: stands still before offset 9"]),
        ("later 1000", &["open"]),
    ];
    check(store_at(7), &[&ASSIGNED, hanging]);
}

fn pseudonym() -> [u8; 16] {
    use otp_topology::otp::{CanonicalSubject, ContractName};
    let who = CanonicalSubject::new(ContractName::Egov, "pb", "9123456789").expect("a subject");
    crate::house::keyring().pseudonym(&who).0
}
