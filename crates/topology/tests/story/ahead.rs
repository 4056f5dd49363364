//! What is decided while a commit is under way: it lies over that commit, and shares its fate.

use otp_topology::otp::LogTime;
use otp_topology::state::MemoryStore;
use otp_topology::task::{SourceKind, Task};
use otp_topology::wire::outbox::{Outbox, Outgoing};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send};
use crate::script::{ASKED, ASSIGNED, READY, Script, Step, check, store_at};

/// The calls of a commit that was planned when the one before it had ended.
const NEXT: [Step<'_>; 4] = [("written", &["begin"]), ASKED[1], ASKED[2], ASKED[3]];
const AHEAD: Step<'_> = ("request", &[]);

fn asked_and_ahead(rest: &[Step<'_>]) {
    check(store_at(7), &[&READY, &ASKED, &[AHEAD], rest]);
}

#[test]
fn the_next_commit_begins_when_the_one_under_way_has_ended() {
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    let rest = [&[("committed", &["write"] as &[_])], &NEXT[..], last].concat();
    asked_and_ahead(&rest);
    let early: &[Step<'_>] = &[("request", &["begin"]), AHEAD, ASKED[1], AHEAD, ASKED[2], AHEAD, ASKED[3]];
    check(store_at(7), &[&READY, early, &rest[..5]]);
}

/// The second request comes too soon after the first.
#[test]
fn what_is_decided_ahead_sees_what_is_being_committed() {
    let mut script = check(store_at(7), &[&READY, &ASKED, &[AHEAD, ("committed", &["write"])], &NEXT]);
    let to = |it: &Script, topic: &str| {
        let name = |record: &Outgoing<'_>| it.topology.output(record.topic()).name.clone();
        it.thread.outbox().iter().filter(|record| name(record) == topic).count()
    };
    assert_eq!((to(&script, "sms"), to(&script, "replies")), (0, 1));
    let entries = script.store.entries().len();
    script.tell("committed");
    assert_eq!(script.store.entries().len(), entries, "the same subject");
}

/// Whatever the fetch brings again: what is being committed is applied.
#[test]
fn a_record_of_the_commit_under_way_is_not_applied_again() {
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
fn an_abort_takes_back_what_was_decided_over_it_and_both_run_again_in_their_order() {
    let again: &[Step<'_>] = &[("committed abortable", &["abort"]), ("aborted", &["begin"])];
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    asked_and_ahead(&[again, &ASKED[1..], &[("committed", &["write"] as &[_])], &NEXT, last].concat());
    let sent: &[Step<'_>] = &[("request", &["begin"]), ASKED[1], ASKED[2], AHEAD];
    let refused: &[Step<'_>] = &[("sent abortable", &["abort"]), ("aborted", &["begin"])];
    check(store_at(7), &[&READY, sent, refused, &ASKED[1..], &[("committed", &["write"])], &NEXT, last]);
}

#[test]
fn a_commit_of_unknown_end_takes_what_was_decided_over_it_along() {
    let replaced: &[Step<'_>] = &[
        ("committed unknown", &["replace producer"]),
        ("replaced", &["cancel recovery", "suspend", "open"]),
        ASSIGNED[1],
        ASSIGNED[2],
        ("extents 0..12 0..2", &["restore 7..12"]),
        ("restored", &["ready"]),
        ("later 60000", &[]),
    ];
    asked_and_ahead(replaced);
    let fenced: &[Step<'_>] = &[("committed fenced", &["abort"]), ("aborted", &[]), ("later 1000", &[])];
    asked_and_ahead(fenced);
}

/// Its records are read again by the next owner.
#[test]
fn a_revocation_waits_for_the_commit_and_drops_what_was_decided_over_it() {
    let given_back = ["cancel recovery", "suspend", "unassign"];
    asked_and_ahead(&[("revoked", &[]), ("committed", &["write"]), ("written", &given_back)]);
    asked_and_ahead(&[("revoked lost", &[]), ("committed", &given_back)]);
    let sent: &[Step<'_>] = &[("request", &["begin"]), ASKED[1], ASKED[2], AHEAD];
    let lost: &[Step<'_>] = &[("revoked lost", &[]), ("sent", &["commit"]), ("committed", &given_back)];
    check(store_at(7), &[&READY, sent, lost]);
}

/// Its commit may happen: the store gets it, and only then the task is let go.
#[test]
fn a_task_that_fails_while_its_commit_is_under_way_is_let_go_afterwards() {
    let failed = "task failed: a position is out of its topic's range";
    asked_and_ahead(&[
        ("out of range", &[]),
        AHEAD,
        ("committed", &["write"]),
        ("written", &[failed]),
        ("later 1000", &["open"]),
    ]);
    asked_and_ahead(&[
        ("out of range", &[]),
        ("committed abortable", &["abort"]),
        ("aborted", &[failed]),
        ("later 1000", &["open"]),
    ]);
    asked_and_ahead(&[
        ("committed", &["write"]),
        ("written no space left", &["task failed: no space left"]),
        ("later 1000", &["open"]),
    ]);
}

/// The rest of a bisected batch is not worked on before it is known whether its first part was the culprit.
#[test]
fn a_batch_that_is_bisected_is_not_worked_on_ahead() {
    let again: &[Step<'_>] = &[("committed abortable", &["abort"]), ("aborted", &["begin"])];
    let steps = [again, &ASKED[1..], again, &ASKED[1..]].concat();
    let poison: &[Step<'_>] =
        &[("committed abortable", &["abort"]), ("aborted", &["say: 0 is poison", "begin"])];
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    asked_and_ahead(
        &[&steps, poison, &ASKED[1..], &[AHEAD, ("committed", &["write"])], &NEXT, &last[..1], &NEXT, last]
            .concat(),
    );
}
