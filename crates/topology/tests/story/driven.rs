//! What a stream thread tells its driver: how long to wait, how many records to fetch, how far it is behind, and what it asks
//! now and then.

use otp_topology::otp::LogTime;
use otp_topology::thread::{AssignmentId, Limits, Question, RecoveryUnit};
use otp_topology::wire::record::SourcePartition;

use crate::script::{ASKED, READY, Script, Step, check_script, store_at};

/// An event, and after it: how long the driver may wait, how many records it may fetch, and whether a transaction is open.
type Told<'a> = (&'a str, u64, usize, bool);

/// A commit is due 40 ms after the one before, at three records, or when a record has waited for 100 ms.
fn limits() -> Limits {
    Limits { records_per_commit_max: 3, commit_interval_min_ms: 40, ..Limits::default() }
}

fn check(mut script: Script, told: &[Told<'_>]) {
    for (at, (event, wait_ms, room, is_open)) in told.iter().enumerate() {
        script.tell(event);
        let thread = &script.thread;
        let found = (thread.poll_wait_ms(script.now), thread.room(), thread.has_open_transaction());
        assert_eq!(found, (*wait_ms, *room, *is_open), "step {at}, {event}");
    }
}

const BEGUN: [Told<'_>; 5] = [
    ("assigned 3", 2, 3, false),
    ("opened", 2, 3, false),
    ("stable", 2, 3, false),
    ("ranges 0..9", 2, 3, false),
    ("restored", 100, 3, false),
];

/// Nothing is left to read, and no commit was made before: it is due immediately, and there is room for the next.
const COMMITTED: [Told<'_>; 6] = [
    ("request", 100, 3, true),
    ("began", 100, 3, true),
    ("offered", 100, 3, true),
    ("sent", 100, 3, true),
    ("committed", 100, 3, true),
    ("written", 100, 3, false),
];

#[test]
fn a_driver_waits_until_the_next_commit_is_due() {
    let next: &[Told<'_>] = &[
        ("request", 40, 2, true),
        ("later 10", 30, 2, true),
        ("requests 1", 30, 1, true),
        ("began", 30, 1, true),
        ("offered", 30, 1, true),
        ("later 29", 1, 1, true),
        ("offered", 1, 1, true),
        ("later 1", 100, 3, true),
    ];
    check(Script::with_limits(store_at(7), limits()), &[&BEGUN[..], &COMMITTED, next].concat());
}

#[test]
fn a_driver_does_not_wait_long_while_answers_are_awaited() {
    let failed: &[Told<'_>] = &[("restored no space left", 100, 3, false), ("later 1000", 2, 3, false)];
    check(Script::with_limits(store_at(7), limits()), &[&BEGUN[..4], failed].concat());
    let replaced: &[Told<'_>] =
        &[("request", 100, 3, true), ("began unknown", 100, 3, false), ("replaced", 2, 3, false)];
    check(Script::with_limits(store_at(7), limits()), &[&BEGUN, replaced].concat());
}

/// The sweep has a transaction of its own, after the commit in flight. More records would delay it.
#[test]
fn nothing_is_fetched_while_a_sweep_waits_for_a_commit() {
    let told: &[Told<'_>] = &[
        ("later 1", 100, 3, false),
        // It waits for the commit that is not planned yet.
        ("request", 100, 3, true),
        ("began", 100, 3, true),
        ("later 500", 100, 3, true),
        ("later 500", 100, 0, true),
        ("offered", 100, 0, true),
        ("sent", 100, 0, true),
        ("committed", 100, 3, true),
        ("written", 100, 3, false),
    ];
    check(Script::with_timers(store_at(7), limits()), &[&BEGUN, told].concat());
    let gathering: &[Told<'_>] = &[("request", 40, 2, true), ("began", 40, 2, true)];
    let slow = Limits { sweep_interval_ms: 20, ..limits() };
    let swept: &[Told<'_>] = &[("later 20", 20, 2, true)];
    check(Script::with_timers(store_at(7), slow), &[&BEGUN[..], &COMMITTED, gathering, swept].concat());
}

/// It was prepared while the commit before it was in flight, and waits as long as any.
#[test]
fn a_prepared_commit_keeps_its_distance_to_the_one_before() {
    let prepared: &[Step<'_>] = &[("request", &[]), ("committed", &["write"]), ("written", &["begin"])];
    let due: &[Step<'_>] = &[
        ("began", &["offer"]),
        ("offered", &[]),
        ("later 39", &[]),
        ("later 1", &["offer"]),
        ("offered", &["send offsets under 3"]),
    ];
    check_script(Script::with_limits(store_at(7), limits()), &[&READY, &ASKED, prepared, due]);
}

#[test]
fn a_lag_is_what_lies_between_the_last_record_and_the_end() {
    let mut script = check_script(Script::new(store_at(7)), &[&READY]);
    let ours = script.requests_at();
    let check = |script: &mut Script, source: SourcePartition, end: i64, expected: Option<u64>| {
        assert_eq!(script.thread.lag(source, end), expected, "{source:?} to {end}");
    };
    check(&mut script, ours, 0, Some(0));
    check(&mut script, ours, 5, Some(5));
    script.tell("requests 2");
    check(&mut script, ours, 5, Some(3));
    check(&mut script, ours, 2, Some(0));
    check(&mut script, ours, 1, Some(0));
    check(&mut script, SourcePartition { partition: 1, ..ours }, 5, None);
}

#[test]
fn what_was_consumed_of_the_internal_topic_is_purged_now_and_then() {
    let limits = Limits { sweep_interval_ms: u64::MAX, records_per_commit_max: 1, ..Limits::default() };
    let mut script = Script::with_timers(store_at(7), limits);
    let consumed = ["arrival", "began", "offered", "sent", "committed", "written"];
    for event in READY.iter().map(|(event, _)| *event).chain(["later 1"]).chain(consumed) {
        script.tell(event);
    }
    let check = |script: &mut Script, event: &str, expected: &[i64]| {
        script.tell(event);
        assert_eq!(script.purged, expected, "{event}");
    };
    check(&mut script, "later 1", &[]);
    check(&mut script, "later 59998", &[]);
    check(&mut script, "later 1", &[1]);
    check(&mut script, "later 60000", &[1]);
}

#[test]
fn a_question_is_void_after_its_assignment_except_a_purge() {
    let (assignment, unit, sources) = (AssignmentId(5), RecoveryUnit::Task(0), Vec::new());
    let asked_at = LogTime::default();
    let check = |question: Question, expected: Option<AssignmentId>| {
        assert_eq!(question.assignment(), expected, "{question:?}");
    };
    check(Question::StableOffsets { assignment, unit, sources: sources.clone() }, Some(assignment));
    check(Question::OffsetRanges { assignment, unit, sources: sources.clone() }, Some(assignment));
    check(Question::Restore { assignment, task: 0, from: 0, bound: 1 }, Some(assignment));
    check(Question::InputEnds { assignment, asked_at, sources }, Some(assignment));
    check(Question::Purge { partition: 0, before: 1 }, None);
}
