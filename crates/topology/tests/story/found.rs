//! Bugs of this service that the simulator found, each as the shortest script or call that shows it.

use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::{LogTime, Remembered, RequestDigest, Subject};
use otp_topology::state::{Family, InputPath, MemoryStore, StoreKey};
use otp_topology::task::Task;
use otp_topology::thread::{
    AssignmentId, Command, Event, Limits, OffsetRange, OffsetRanges, RecoveryUnit, StreamThread,
};
use otp_topology::wire::headers::{OTP_ORIGIN_INCARNATION, OriginBytes, OriginHeaders};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send, settings};
use crate::script::{ASKED, ASSIGNED, READY, Step, check, store_at, with};

/// A state whose position in the request topic is `next`.
fn standing_at(next: i64) -> MemoryStore {
    let value = [&[1], &next.to_be_bytes()[..], &[7; 16]].concat();
    with(store_at(7), &StoreKey::new(Family::Position, b"Rrequests\0\0\0\0\0"), Some(&value))
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
