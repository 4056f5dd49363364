//! Pipelined commits: records are processed while a commit is in flight. They see its writes and share its fate.

use otp_topology::deployment::SourceKind;
use otp_topology::otp::LogTime;
use otp_topology::state::MemoryStore;
use otp_topology::task::Task;
use otp_topology::wire::outbox::{Outbox, Outgoing};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send};
use crate::script::{ASKED, ASSIGNED, READY, Script, Step, check, store_at};

/// The calls of a commit that was planned when the one before it had ended.
const NEXT: [Step<'_>; 4] = [("written", &["begin"]), ASKED[1], ASKED[2], ASKED[3]];
const PIPELINED: Step<'_> = ("request", &[]);

fn check_pipelined(rest: &[Step<'_>]) {
    check(store_at(7), &[&READY, &ASKED, &[PIPELINED], rest]);
}

#[test]
fn the_next_commit_begins_when_the_one_in_flight_has_ended() {
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    let rest = [&[("committed", &["write"] as &[_])], &NEXT[..], last].concat();
    check_pipelined(&rest);
    let early: &[Step<'_>] =
        &[("request", &["begin"]), PIPELINED, ASKED[1], PIPELINED, ASKED[2], PIPELINED, ASKED[3]];
    check(store_at(7), &[&READY, early, &rest[..5]]);
}

/// The second request comes too soon after the first.
#[test]
fn a_pipelined_record_sees_the_commit_in_flight() {
    let mut script = check(store_at(7), &[&READY, &ASKED, &[PIPELINED, ("committed", &["write"])], &NEXT]);
    let to = |it: &Script, topic: &str| {
        let name = |record: &Outgoing<'_>| it.topology.output(record.topic()).name.clone();
        it.thread.outbox().iter().filter(|record| name(record) == topic).count()
    };
    assert_eq!((to(&script, "sms"), to(&script, "replies")), (0, 1));
    let entries = script.store.entries().len();
    script.tell("committed");
    assert_eq!(script.store.entries().len(), entries, "the same subject");
}

/// The fetch may bring it again, but what is being committed counts as applied.
#[test]
fn a_record_of_the_commit_in_flight_is_not_applied_again() {
    let topology = House::new(1).topology;
    let topic = topology.source_of(SourceKind::Requests(0)).expect("a caller");
    let mut task = Task::open(0, topology, MemoryStore::default()).expect("memory does not fail").0;
    let (mut batch, now) = (RecordBatch::default(), LogTime::from_ms(START_MS));
    let body = send("9123456789").to_string();
    batch.push(SourcePartition { topic, partition: 0 }, 5, now, None, Some(body.as_bytes()), []);
    let answers = |task: &mut Task<_>| {
        let mut out = Outbox::default();
        task.process(&batch.get(0), now, &mut out).expect("memory does not fail");
        out.len()
    };
    assert!(answers(&mut task) > 0);
    task.plan_commit(&mut Outbox::default());
    assert_eq!((answers(&mut task), task.is_dirty()), (0, false));
}

#[test]
fn a_refusal_rolls_back_pipelined_records_and_all_are_read_again_in_order() {
    let again: &[Step<'_>] =
        &[("aborted", &[]), ("later 499", &[]), ("request", &[]), ("later 1", &[]), ("again 3", &["begin"])];
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    let rest = [again, &ASKED[1..], &last[..1], &NEXT, &last[..1], &NEXT, last].concat();
    check_pipelined(&[&[("committed refused", &["refused: 1", "abort"] as &[_])], &rest[..]].concat());
    let sent: &[Step<'_>] = &[("request", &["begin"]), ASKED[1], ASKED[2], PIPELINED];
    check(store_at(7), &[&READY, sent, &[("sent refused", &["refused: 1", "abort"])], &rest]);
}

#[test]
fn a_commit_with_an_unknown_outcome_drops_pipelined_records() {
    let replaced: &[Step<'_>] = &[
        ("committed unknown", &["replace producer"]),
        ("replaced", &["cancel questions", "open"]),
        ASSIGNED[1],
        ASSIGNED[2],
        ("ranges 0..12 0..2", &["restore 7..12"]),
        ("restored", &["ready"]),
        ("later 60000", &[]),
    ];
    check_pipelined(replaced);
    let fenced: &[Step<'_>] = &[("committed fenced", &["abort"]), ("aborted", &[]), ("later 1000", &[])];
    check_pipelined(fenced);
}

/// Of a lost assignment the next owner reads them again.
#[test]
fn a_revocation_waits_for_the_commit_and_commits_pipelined_records() {
    let released = ["cancel questions"];
    let last: &[Step<'_>] = &[("revoked", &[]), ("committed", &["write"]), ("written", &["begin"])];
    let end: &[Step<'_>] = &[ASKED[1], ASKED[2], ASKED[3], ("committed", &["write"]), ("written", &released)];
    check_pipelined(&[last, end].concat());
    check_pipelined(
        &[last, &[ASKED[1], ASKED[2], ("sent fenced", &["abort"]), ("aborted", &released)]].concat(),
    );
    check_pipelined(&[
        ("revoked", &[]),
        ("committed refused", &["refused: 1", "abort"]),
        ("aborted", &released),
    ]);
    check_pipelined(&[("revoked lost", &[]), ("committed", &released)]);
    let sent: &[Step<'_>] = &[("request", &["begin"]), ASKED[1], ASKED[2], PIPELINED];
    let lost: &[Step<'_>] = &[("revoked lost", &[]), ("sent", &["commit"]), ("committed", &released)];
    check(store_at(7), &[&READY, sent, lost]);
}

/// Its store lacks what the commit wrote, so nothing that lies over it may be committed.
#[test]
fn a_revocation_commits_nothing_over_a_store_that_failed() {
    let failed: &[Step<'_>] = &[
        ("revoked", &[]),
        ("committed", &["write"]),
        ("written no space left", &["task failed: no space left", "cancel questions"]),
    ];
    check_pipelined(failed);
}

/// Its commit may succeed: then the store gets it, and only then the task is released.
#[test]
fn a_task_that_fails_during_its_commit_is_released_afterwards() {
    let failed = "task failed: `requests…";
    check_pipelined(&[
        ("out of range", &[]),
        PIPELINED,
        ("committed", &["write"]),
        ("written", &[failed]),
        ("later 1000", &["open"]),
    ]);
    check_pipelined(&[
        ("out of range", &[]),
        ("committed refused", &["refused: 1", "abort"]),
        ("aborted", &[failed]),
        ("later 1000", &["open"]),
    ]);
    check_pipelined(&[
        ("committed", &["write"]),
        ("written no space left", &["task failed: no space left"]),
        ("later 1000", &["open"]),
    ]);
}
