//! Bugs of this service that the simulator found, each as the shortest script or call that shows it.

use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::{LogTime, Remembered, RequestDigest, Subject};
use otp_topology::state::{Family, InputPath, MemoryStore, StoreKey};
use otp_topology::task::Task;
use otp_topology::thread::{
    AssignmentId, Command, Event, Limits, OffsetRange, OffsetRanges, RecoveryUnit, StreamThread,
};
use otp_topology::wire::headers::{
    KIND_BARRIER, OTP_KIND, OTP_ORIGIN_INCARNATION, OriginBytes, OriginHeaders,
};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send, settings};
use crate::script::{ASKED, ASSIGNED, READY, Script, Step, check, check_script, store_at, with};

/// A state whose position in the request topic is `next`.
fn standing_at(next: i64) -> MemoryStore {
    let value = [&[1], &next.to_be_bytes()[..], &[7; 16]].concat();
    with(store_at(7), &StoreKey::new(Family::Position, b"Rrequests\0\0\0\0\0"), Some(&value))
}

fn two_at_a_time() -> Script {
    Script::with_limits(store_at(7), Limits { records_per_commit_max: 2, ..Limits::default() })
}

/// An abort reset the point where a bisected batch stops, so a batch with a poison record ran for ever.
#[test]
fn a_poison_record_is_found_and_the_rest_of_its_batch_is_served() {
    let mut script = check_script(two_at_a_time(), &[&READY]);
    let (mut seen, mut calls, mut lines) = (Vec::new(), 0, script.tell("poisoned"));
    while let Some(last) = lines.last().cloned() {
        calls += 1;
        assert!(calls < 60, "it ends: {seen:?}");
        seen.extend(lines);
        lines = match last.as_str() {
            "begin" => script.tell("began"),
            "offer" => [script.tell("offered"), script.tell("later 2")].concat(),
            "send offsets under 3" => script.tell("sent"),
            "commit" if script.is_poisoned() => script.tell("committed abortable"),
            "commit" => script.tell("committed"),
            "abort" => script.tell("aborted"),
            "write" => script.tell("written"),
            other => panic!("{other} after {seen:?}"),
        };
    }
    let count = |what: &str| seen.iter().filter(|line| *line == what).count();
    assert_eq!((count("report: 0 is poison"), count("write")), (1, 2), "{seen:?}");
    let position = script.thread.lag(script.requests_at(), 2);
    assert_eq!(position, Some(0));
}

/// A batch was being bisected when its tasks were revoked.
#[test]
fn the_rest_of_a_bisected_batch_is_not_run_in_the_next_assignment() {
    let again: &[Step<'_>] = &[
        ("committed abortable", &["abort"]),
        ("aborted", &["begin"]),
        ASKED[1],
        ASKED[2],
        ASKED[3],
        ("committed abortable", &["abort"]),
        ("aborted", &["begin"]),
        ASKED[1],
        ASKED[2],
        ASKED[3],
        ("committed abortable", &["abort"]),
        ("aborted", &["begin"]),
        ASKED[1],
        ASKED[2],
        ASKED[3],
        ("revoked", &[]),
        ("committed", &["write"]),
        ("written", &["cancel questions"]),
    ];
    let later: &[Step<'_>] =
        &[("ranges 0..12 0..2", &["restore 12..12"]), ("restored", &["ready"]), ("later 60000", &[])];
    check_script(
        two_at_a_time(),
        &[&READY, &[("poisoned", &["begin"])], &ASKED[1..], again, &ASSIGNED, later],
    );
}

/// An answer that came after its task had failed put the task into a stage that no event leads out of.
#[test]
fn an_answer_after_a_failure_changes_nothing_and_the_task_is_tried_again() {
    let failed: &[Step<'_>] = &[
        ("assigned 3", &["open"]),
        ("opened", &["write", "ask stable"]),
        ("written no space left", &["task failed: no space left"]),
        ("stable", &[]),
        ("ranges 0..9", &[]),
        ("restored", &[]),
        ("later 999", &[]),
        ("later 1", &["open"]),
    ];
    check(MemoryStore::default(), &[failed]);
}

/// An answer to a question of an earlier initialisation was taken for a current one.
#[test]
fn answers_to_an_earlier_initialisation_are_ignored() {
    let released: &[Step<'_>] = &[("revoked", &["cancel questions"]), ASSIGNED[0]];
    let replaced: &[Step<'_>] =
        &[("committed unknown", &["replace producer"]), ("replaced", &["cancel questions", "open"])];
    let first = check(store_at(7), &[&ASSIGNED]).assignment;
    for path in [[&ASSIGNED[..], released].concat(), [&READY[..], &ASKED, replaced].concat()] {
        let mut script = check(store_at(7), &[&path, &ASSIGNED[1..2]]);
        for (late, answer, expected) in [
            ("stable", "stable", "ask ranges"),
            ("ranges 0..5", "ranges 0..9", "restore 7..9"),
            ("restored", "restored", "ready"),
        ] {
            let current = std::mem::replace(&mut script.assignment, first);
            assert_eq!(script.tell(late), Vec::<String>::new(), "{late}");
            script.assignment = current;
            assert_eq!(script.tell(answer), [expected]);
        }
    }
}

/// Setting the wall clock back stopped retries, commits and sweeps for that time.
#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let failed: &[Step<'_>] = &[
        ("ranges 0..9", &["restore 7..9"]),
        ("restored stopped", &["task failed: stopped"]),
        ("back 3600000", &[]),
        ("later 999", &[]),
        ("later 1", &["open"]),
    ];
    check(store_at(7), &[&ASSIGNED, failed]);
}

/// A changelog lost its newest records while the store was blank or older: only the group's offsets showed it.
#[test]
fn a_group_that_stands_past_the_state_is_refused() {
    let past: &[Step<'_>] = &[
        ASSIGNED[0],
        ASSIGNED[1],
        ("stable 4", &["ask ranges"]),
        ("ranges 0..9 0..9", &["restore 7..9"]),
        ("restored", &["past the position 3 of the state…"]),
    ];
    check(standing_at(3), &[past]);
    let retained: &[Step<'_>] = &[past[0], past[1], past[2], ("ranges 0..9 4..9", &["restore 7..9"])];
    check(standing_at(3), &[retained, &[("restored", &["ready"])]]);
}

/// A gap that retention left was counted again at each start, until a record behind it was read.
#[test]
fn a_gap_is_counted_once() {
    let ready: &[Step<'_>] = &[
        ("ranges 0..9 5..9", &["restore 7..9"]),
        ("restored", &["report: 3 lost", "ready", "begin"]),
        ("began", &["offer"]),
        ("offered", &["send offsets under 3"]),
        ("sent", &["commit"]),
        ("committed", &["write"]),
        ("written", &[]),
        ("revoked", &["cancel questions"]),
    ];
    let again: &[Step<'_>] = &[("ranges 0..12 5..9", &["restore 12..12"]), ("restored", &["ready"])];
    check(standing_at(2), &[&ASSIGNED, ready, &ASSIGNED, again]);
}

/// A forward-only partition that lost its position twice was asked for twice, and the second answer set it back.
#[test]
fn a_forwarder_takes_one_answer_to_its_question() {
    let house = House::with(settings(), 1, |name| (name == "requests").then_some(2));
    let mut thread = StreamThread::<MemoryStore>::new(house.topology.clone(), Limits::default());
    let source = SourcePartition { partition: 1, ..requests() };
    let mut asks = |event| {
        thread.on(event, LogTime::from_ms(START_MS));
        let commands = std::iter::from_fn(|| thread.next_command());
        let is_question = |it: &Command| matches!(it, Command::Ask(_));
        commands.filter(is_question).count()
    };
    assert_eq!(asks(Event::Assigned { partitions: vec![source], generation: 1 }), 1);
    assert_eq!(asks(Event::OutOfRange { source }), 0);
    let broadcasts = house.topology.broadcast_sources();
    let stable: Vec<_> = broadcasts.chain([source]).map(|source| (source, Some(0))).collect();
    let (assignment, unit) = (AssignmentId(1), RecoveryUnit::Forwarder(source));
    assert_eq!(asks(Event::StableOffsets { assignment, unit, result: Ok(stable.clone()) }), 1);
    assert_eq!(asks(Event::StableOffsets { assignment, unit, result: Ok(stable) }), 0);
    // It has lost three records. That is reported once, even if the commit of its new start takes long.
    let range = OffsetRange { start: 3, end: 9 };
    let result = Ok(OffsetRanges { changelog: range, sources: vec![(source, range)] });
    assert_eq!(asks(Event::OffsetRanges { assignment, unit, result }), 0);
    assert_eq!(asks(Event::OutOfRange { source }), 0);
}

/// An abort rolled back a start that was decided and not committed. It was decided again later, past records.
#[test]
fn a_decided_start_outlives_an_abort() {
    let (topology, source) = (House::new(1).topology, requests());
    let mut task = opened(&topology);
    task.start_at(source, 5);
    task.abort();
    assert!(task.is_dirty());
    assert_eq!(task.positions().next(InputPath::Read, source), Some(5));
    task.plan_commit(&mut Outbox::default());
    task.committed(None, LogTime::default());
    task.abort();
    assert!(!task.is_dirty(), "committed once");
}

/// A record that was forwarded before its topic was recreated moved the position of the new topic.
#[test]
fn a_forwarded_record_of_a_stale_incarnation_moves_no_position() {
    let check = |incarnation: u8, expected| {
        let (topology, mut out) = (House::new(1).topology, Outbox::default());
        let mut task = opened(&topology);
        let batch = forwarded(&topology, incarnation);
        task.process(&batch.get(0), LogTime::from_ms(START_MS), &mut out).expect("memory does not fail");
        assert!(
            out.iter().any(|record| topology.output(record.topic()).name == "replies"),
            "it gets a reply"
        );
        assert_eq!(task.positions().next(InputPath::Arrived, requests()), expected);
    };
    check(7, Some(42));
    check(8, None);
}

/// A forwarded poison record was named by its place on the repartition topic, which is purged, and its origin could come
/// again.
#[test]
fn a_forwarded_poison_record_is_named_by_its_origin() {
    let (topology, mut out) = (House::new(1).topology, Outbox::default());
    let mut task = opened(&topology);
    task.give_up(&forwarded(&topology, 7).get(0), &mut out);
    let letter = out.iter().next().expect("a dead letter");
    let said = |wanted: &str| letter.headers().find(|(name, _)| *name == wanted).and_then(|(_, value)| value);
    assert_eq!(said("__dlq.errors.topic"), Some(&b"requests"[..]));
    assert_eq!(said("__dlq.errors.offset"), Some(&b"41"[..]));
    assert_eq!(task.positions().next(InputPath::Arrived, requests()), Some(42));
}

/// After three consecutive failures of the coordinator the barrier of the policies was taken for poison: its task never
/// evaluated a request.
#[test]
fn a_barrier_is_never_poison() {
    let (topology, mut out) = (House::new(1).topology, Outbox::default());
    let mut task = opened(&topology);
    for (at, name) in ["policies", "templates"].into_iter().enumerate() {
        let origin =
            OriginHeaders { topic: name, partition: 0, offset: 0, time: LogTime::default(), key: None };
        let (mut bytes, mut batch) = (OriginBytes::default(), RecordBatch::default());
        let kind = (OTP_KIND, Some(KIND_BARRIER.as_bytes()));
        let headers = origin.write(&mut bytes).into_iter().chain([kind]);
        batch.push(source(SourceKind::Repartition), at as i64, LogTime::default(), None, None, headers);
        assert!(!task.give_up(&batch.get(0), &mut out));
    }
    assert!(out.is_empty(), "no dead letter");
    assert_eq!(task.has_all_barriers(), Ok(true));
    assert_eq!(task.positions().next(InputPath::Read, source(SourceKind::Repartition)), Some(2));
}

/// A rejection before any rule forgot older replies by its own time, but did not move the subject's time: a repeat in between
/// was evaluated again.
#[test]
fn forgetting_replies_moves_the_time_of_the_subject() {
    let answer = |number, at| {
        let request = RequestDigest([number; 16]);
        Remembered { request, at: LogTime::from_ms(at), reply: Box::default(), code: None }
    };
    let mut subject = Subject::default();
    subject.remember(answer(1, 0));
    subject.remember(answer(2, 20 * 60 * 1000));
    let now = subject.judged_at(LogTime::from_ms(1));
    assert_eq!(now, LogTime::from_ms(20 * 60 * 1000));
    assert!(subject.recall(RequestDigest([1; 16]), now).is_none());
}

fn requests() -> SourcePartition {
    source(SourceKind::Requests(0))
}

fn source(kind: SourceKind) -> SourcePartition {
    let topic = House::new(1).topology.source_of(kind).expect("a source");
    SourcePartition { topic, partition: 0 }
}

fn opened(topology: &Arc<Topology>) -> Task<MemoryStore> {
    Task::open(0, topology.clone(), MemoryStore::default()).expect("memory does not fail").0
}

/// Record 41 of an incarnation of the request topic, as it was forwarded to the repartition topic.
fn forwarded(topology: &Topology, incarnation: u8) -> RecordBatch {
    let time = LogTime::from_ms(START_MS);
    let topic = topology.source(requests().topic).name.as_str();
    let origin = OriginHeaders { topic, partition: 0, offset: 41, time, key: None };
    let (mut bytes, incarnation) = (OriginBytes::default(), [incarnation; 16]);
    let headers =
        origin.write(&mut bytes).into_iter().chain([(OTP_ORIGIN_INCARNATION, Some(&incarnation[..]))]);
    let mut batch = RecordBatch::default();
    let body = send("9123456789").to_string();
    batch.push(source(SourceKind::Repartition), 3, time, None, Some(body.as_bytes()), headers);
    batch
}
