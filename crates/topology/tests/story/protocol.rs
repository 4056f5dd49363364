//! The stream thread itself, as scripts: an event goes in, and its commands come out. Each test is named after a failure that
//! another stream processor or client had, and that must not happen here.
//!
//! Proves nothing about brokers: what the end of a call means on a broker is for the edges to know.

use otp_topology::state::{Family, LocalKey, StateStore as _, StoreKey};
use otp_topology::thread::Limits;

use crate::house::START_MS;
use crate::script::{ASKED, ASSIGNED, READY, Script, Step, check, check_script, store_at, with};

/// Offsets into an outbox are 32 bits, so records with much output are committed in parts.
#[test]
fn much_output_of_a_fetch_is_committed_in_parts() {
    let part: &[Step<'_>] = &[
        ("began", &["offer"]),
        ("offered", &["send offsets under 3"]),
        ("sent", &["commit"]),
        ("committed", &["write"]),
    ];
    let (next, last): (&[Step<'_>], &[Step<'_>]) = (&[("written", &["begin"])], &[("written", &[])]);
    let three: &[Step<'_>] = &[("requests 3", &["begin"])];
    let limits = Limits { records_per_commit_max: 3, ..Limits::default() };
    let narrow = Limits { output_bytes_max: 1, ..limits.clone() };
    check_script(Script::with_limits(store_at(7), limits), &[&READY, three, part, last]);
    check_script(
        Script::with_limits(store_at(7), narrow),
        &[&READY, three, part, next, part, next, part, last],
    );
}

/// A client needs a request to add a partition to a transaction. The commit must not wait for one.
#[test]
fn the_changelog_is_part_of_a_transaction_before_its_commit_is_planned() {
    let first: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    let gathering: &[Step<'_>] = &[("request", &["begin"])];
    let script = Script::with_limits(store_at(7), Limits::default());
    let mut script = check_script(script, &[&READY, &ASKED, first, gathering]);
    let in_changelog =
        |it: &Script| it.thread.outbox().iter().filter(|at| at.topic() == it.topology.changelog).count();
    let along = in_changelog(&script);
    assert!(along > 0);
    script = check_script(script, &[&[("began", &["offer"]), ("offered", &[]), ("later 2", &["offer"])]]);
    assert!(in_changelog(&script) > along, "the positions");
    check_script(script, &[&[("offered", &["send offsets under 3"]), ("sent", &["commit"])]]);
}

/// KIP-892, ksql #1709, KAFKA-20663: a crash made others wipe and restore everything.
#[test]
fn after_a_crash_only_the_tail_is_replayed() {
    check(store_at(7), &[&READY]);
    check(store_at(9), &[&ASSIGNED, &[("ranges 0..9", &["restore 9..9"])]]);
    check(store_at(7), &[&ASSIGNED, &[("ranges 7..900000", &["restore 7..900000"])]]);
}

/// Tombstones of the log have expired: a store that is older would keep what they deleted.
#[test]
fn a_store_that_is_older_than_tombstones_is_rebuilt_unless_it_has_everything() {
    const HOUR_MS: u64 = 3_600_000;
    let written_before = |ms: u64, next: i64| {
        let at = (START_MS - ms).to_be_bytes();
        let store = store_at(next);
        store
            .write(&[(LocalKey::WrittenAt.key().as_bytes(), Some(&at[..]))].into_iter().collect())
            .expect("memory");
        store
    };
    let after_ranges = |store, lines: &[&str]| {
        check(store, &[&ASSIGNED, &[("ranges 0..9", lines)]]);
    };
    after_ranges(written_before(24 * HOUR_MS, 7), &["restore 7..9"]);
    after_ranges(written_before(24 * HOUR_MS + 1, 7), &["report: wiped", "wipe"]);
    after_ranges(written_before(24 * HOUR_MS + 1, 8), &["report: wiped", "wipe"]);
    after_ranges(written_before(24 * HOUR_MS + 1, 9), &["restore 9..9"]);
}

#[test]
fn a_task_whose_question_fails_tells_why_and_tries_again() {
    let failed: &[Step<'_>] = &[
        ("unstable no coordinator", &["task failed: no coordinator"]),
        ("later 999", &[]),
        ("later 1", &["open"]),
    ];
    check(store_at(7), &[&ASSIGNED[..2], failed, &ASSIGNED[1..]]);
}

/// The log no longer holds what the store lacks: the store is rebuilt, and that is reported.
#[test]
fn a_store_that_the_log_has_passed_is_rebuilt_and_reported() {
    check(store_at(7), &[&ASSIGNED, &[("ranges 8..9", &["report: wiped", "wipe"])]]);
}

/// KAFKA-16017, KAFKA-20416: a checkpoint that claims more than the store holds was believed.
#[test]
fn a_wrong_position_fails_the_task_and_wipes_nothing() {
    let next = LocalKey::ChangelogNext.key();
    let past_the_end: &[Step<'_>] = &[("ranges 0..6", &["task failed: the changelog ends at 6…"])];
    check(store_at(7), &[&ASSIGNED, past_the_end]);
    let damaged: &[Step<'_>] = &[ASSIGNED[0], ("opened", &["move the directory task-…"])];
    let negative = (-1_i64).to_be_bytes();
    check(with(store_at(7), &next, Some(&[1, 2])), &[damaged]);
    check(with(store_at(7), &next, Some(&negative)), &[damaged]);
    check(with(store_at(7), &LocalKey::Partitions.key(), None), &[damaged]);
    check(with(store_at(7), &LocalKey::Incarnation.key(), None), &[damaged]);
    let no_time = with(store_at(7), &LocalKey::WrittenAt.key(), Some(b"soon"));
    check(no_time, &[&ASSIGNED, &[("ranges 0..9", &["move the directory task-…"])]]);
}

/// KAFKA-16017: an interrupted restore wrote the end that it had not reached.
#[test]
fn an_interrupted_restore_resumes_where_the_store_stands() {
    let broken: &[Step<'_>] = &[
        ("ranges 0..9", &["restore 7..9"]),
        ("restored stopped", &["task failed: stopped"]),
        ("later 1000", &["open"]),
        ("opened", &["ask stable"]),
        ("stable", &["ask ranges"]),
        ("ranges 0..9", &["restore 7..9"]),
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

/// A value of a later version, or a damaged one: the task fails, evaluates nothing, and is tried again.
#[test]
fn a_state_that_cannot_be_read_decides_nothing() {
    let pseudonym = pseudonym();
    let subject = StoreKey::new(Family::Subject, &pseudonym);
    let newer: &[Step<'_>] =
        &[("request", &["run that version again…"]), ("later 999", &[]), ("later 1", &["open"])];
    let damaged: &[Step<'_>] = &[("request", &["move the directory task-…"])];
    check(with(store_at(7), &subject, Some(&[5])), &[&READY, newer]);
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
    let aborted: &[Step<'_>] = &[("committed refused", &["refused: 1", "abort"]), ("aborted", &[])];
    let script = check(store_at(7), &[&READY, &ASKED, aborted]);
    assert_eq!(script.store.entries(), before);
    let again: &[Step<'_>] = &[("later 500", &[]), ("again 1", &["begin"])];
    let last: &[Step<'_>] = &[("committed", &["write"]), ("written", &[])];
    let script = check(store_at(7), &[&READY, &ASKED, aborted, again, &ASKED[1..], last]);
    assert_ne!(script.store.entries(), before);
}

/// librdkafka #3297, #5423, KAFKA-20785: a producer was used further after a call with an unknown outcome.
#[test]
fn a_producer_with_an_unknown_outcome_is_never_used_again() {
    let before = store_at(7).entries();
    let after: &[Step<'_>] = &[
        ("request", &[]),
        ("later 5000", &[]),
        ("replaced", &["cancel questions", "open"]),
        ("opened", &["ask stable"]),
    ];
    for (answered, unknown) in
        [(1, "began unknown"), (2, "offered unknown"), (3, "sent unknown"), (4, "committed unknown")]
    {
        let replaced: &[Step<'_>] = &[(unknown, &["replace producer"])];
        let script = check(store_at(7), &[&READY, &ASKED[..answered], replaced, after]);
        assert_eq!(script.store.entries(), before, "{unknown}");
    }
    let abort: &[Step<'_>] =
        &[("committed refused", &["refused: 1", "abort"]), ("aborted unknown", &["replace producer"])];
    check(store_at(7), &[&READY, &ASKED, abort, after]);
}

/// kafka-flow #732, KAFKA-12693: a member that had lost its tasks still wrote for them.
#[test]
fn a_fenced_member_writes_nothing_and_waits_for_its_rebalance() {
    let before = store_at(7).entries();
    let fenced: &[Step<'_>] = &[("sent fenced", &["abort"]), ("aborted", &[]), ("request", &[])];
    let lost: &[Step<'_>] = &[("revoked lost", &["cancel questions"])];
    let script = check(store_at(7), &[&READY, &ASKED[..3], fenced, lost, &ASSIGNED]);
    assert_eq!(script.store.entries(), before);
}

/// A batch that was polled in a lost assignment never runs in the next one.
#[test]
fn a_lost_assignment_drops_its_batch() {
    let lost: &[Step<'_>] =
        &[("revoked lost", &[]), ("began", &["abort"]), ("aborted", &["cancel questions"])];
    let again: &[Step<'_>] = &[READY[3], READY[4], ("later 60000", &[])];
    check(store_at(7), &[&READY, &ASKED[..1], lost, &ASSIGNED, again]);
}

/// kafka-flow #935, #938, KAFKA-9231, KAFKA-16699: a fence ended the process, or was retried for ever.
#[test]
fn a_fenced_member_waits_and_the_process_survives() {
    let fenced: &[Step<'_>] = &[
        ("sent fenced", &["abort"]),
        ("aborted", &[]),
        ("later 29999", &[]),
        ("later 1", &["cancel questions", "open"]),
        ("later 29999", &[]),
    ];
    check(store_at(7), &[&READY, &ASKED[..3], fenced]);
}

/// The same failures: a producer that cannot be made is tried a bounded number of times.
#[test]
fn producers_are_replaced_a_bounded_number_of_times() {
    let mut script = check(store_at(7), &[&READY, &ASKED, &[("committed unknown", &["replace producer"])]]);
    let mut lines = Vec::new();
    for _ in 0..20 {
        lines.extend(script.tell("replaced no coordinator"));
        if lines.iter().any(|it| it == "fail") {
            break;
        }
        lines.extend(script.tell("later 10000"));
    }
    assert_eq!(lines.iter().filter(|it| *it == "replace producer").count(), 9, "{lines:?}");
    assert_eq!(lines.last().map(String::as_str), Some("fail"));
}

/// A producer that the cluster refuses is tried again for as long as it does, in growing pauses.
#[test]
fn a_refused_producer_does_not_end_the_process() {
    let mut script = check(store_at(7), &[&READY, &ASKED, &[("committed unknown", &["replace producer"])]]);
    for pause in [500, 1_000, 2_000, 4_000, 8_000, 10_000].into_iter().chain([10_000; 20]) {
        assert_eq!(script.tell("replaced refused"), Vec::<String>::new());
        assert_eq!(script.thread.refusal(), Some("no right"));
        assert_eq!(script.tell(&format!("later {}", pause - 1)), Vec::<String>::new());
        assert_eq!(script.tell("later 1"), ["replace producer"]);
    }
    assert_eq!(script.tell("replaced"), ["cancel questions", "open"]);
    assert_eq!(script.thread.refusal(), None);
}

/// kafka-flow #850, KAFKA-10167: recovery stopped at the last stable offset, or was bounded before the offsets were
/// read. The bound is the end that is asked for after the stable offsets are known.
#[test]
fn the_bound_of_a_restore_is_asked_for_after_the_stable_offsets() {
    let mut script = Script::new(store_at(7));
    assert_eq!(script.tell("assigned 3"), ["open"]);
    assert_eq!(script.tell("opened"), ["ask stable"], "the end is not asked together with them");
    assert_eq!(script.tell("later 60000"), Vec::<String>::new());
    assert_eq!(script.tell("stable"), ["ask ranges"]);
    assert_eq!(script.tell("request"), Vec::<String>::new(), "not before the restore");
    assert_eq!(script.tell("ranges 0..4000"), ["restore 7..4000"]);
    assert_eq!(script.tell("request"), Vec::<String>::new(), "not before the bound");
}

/// KAFKA-14402, franz-go #581: a hanging transaction kept readers waiting for ever, without any report.
#[test]
fn a_stalled_restore_fails_with_its_reason_and_is_tried_again() {
    let hanging: &[Step<'_>] = &[
        ("ranges 0..9", &["restore 7..9"]),
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
