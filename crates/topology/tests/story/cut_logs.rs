//! Logs that were cut. One that was written again has other records at the same offsets; only their leader epochs tell.

use otp_topology::otp::LogTime;
use otp_topology::state::{InputPath, LocalKey, MemoryStore, StateStore, StoredPosition, position_key};
use otp_topology::task::{Applied, Task};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{LeaderEpoch, RecordBatch};

use crate::house::{House, START_MS, send};
use crate::script::{ASKED, ASSIGNED, READY, Script, check, check_script, store_at, with};

const EPOCH: Option<LeaderEpoch> = Some(LeaderEpoch(6));

/// A store in which the request topic was read up to offset 5.
fn read_up_to_5(leader_epoch: Option<LeaderEpoch>) -> MemoryStore {
    let mut value = Vec::new();
    StoredPosition { next: 5, incarnation: [7; 16], leader_epoch }.write(&mut value);
    with(store_at(7), &position_key(InputPath::Read, "requests", 0), Some(&value))
}

#[test]
fn a_position_keeps_the_leader_epoch_of_the_last_applied_record() {
    let (topology, source) = (House::new(1).topology, Script::new(store_at(7)).requests_at());
    for (epoch, expected) in [(EPOCH, EPOCH), (None, None)] {
        let (store, mut out) = (read_up_to_5(Some(LeaderEpoch(2))), Outbox::default());
        let (mut task, _) = Task::open(0, topology.clone(), store.clone()).expect("memory does not fail");
        let (mut batch, now) = (RecordBatch::default(), LogTime::from_ms(START_MS));
        batch.push(source, 8, now, None, Some(send("9123456789").to_string().as_bytes()), []);
        batch.set_leader_epoch(epoch);
        task.process(&batch.get(0), now, &mut out).expect("memory does not fail");
        task.plan_commit(&mut out);
        let (writes, _) = task.committed(None, now);
        store.write(&writes).expect("memory does not fail");
        let (task, _) = Task::open(0, topology.clone(), store).expect("memory does not fail");
        let applied = task.positions().applied(InputPath::Read, source);
        assert_eq!(applied, Some(Applied { next: 9, leader_epoch: expected }));
    }
}

#[test]
fn reading_begins_with_the_leader_epoch_of_the_record_before() {
    for (stored, stable, log, offset, epoch) in [
        (EPOCH, "stable 5", "ranges 0..9 0..8", 5, EPOCH),
        (None, "stable 5", "ranges 0..9 0..8", 5, None),
        (EPOCH, "stable 5", "ranges 0..9 7..8", 7, None),
    ] {
        let lost: &[&str] = if offset > 5 { &["report: 2 lost", "ready", "begin"] } else { &["ready"] };
        let steps = [
            ASSIGNED[0],
            ASSIGNED[1],
            (stable, &["ask ranges"]),
            (log, &["restore 7..9"]),
            ("restored", lost),
        ];
        let script = check(read_up_to_5(stored), &[&steps]);
        let start = script.read_from.iter().find(|it| it.source == script.requests_at());
        // After a loss it begins when the new start is committed.
        let expected = (offset == 5).then_some((offset, epoch));
        assert_eq!(start.map(|it| (it.offset, it.leader_epoch)), expected, "{log}");
    }
}

#[test]
fn a_log_that_was_written_again_fails_its_task_until_it_is_mended() {
    let again: &[(&str, &[&str])] = &[("later 1000", &["open"]), READY[1], READY[2], READY[3], READY[4]];
    let cut = ("out of range", &["task failed: `requests` partition 0 does not hold what was read…"][..]);
    check(store_at(7), &[&READY, &[cut], again, &[cut], again]);
}

/// The commit is in the store, which has the last copy of what was lost. The task refuses to go on.
#[test]
fn a_changelog_that_was_cut_fails_its_task_at_the_next_commit() {
    let (commit, written) =
        (&[ASKED[0], ASKED[1], ASKED[2], ASKED[3], ("committed", &["write"])], ("written", &[][..]));
    let cut: &[&str] =
        &["task failed: the changelog of task 0 was cut: it was written up to 12 and goes on before 10…"];
    check(store_at(7), &[&READY, commit, &[written], commit, &[written]]);
    let script =
        check(store_at(7), &[&READY, commit, &[written, ("cut 5", &[])], commit, &[("written", cut)]]);
    assert_eq!(LocalKey::ChangelogNext.read_number(&script.store), Ok(Some(12)), "no earlier position");
    let refused = ("ranges 0..11", &["task failed: the changelog ends at 11, before the position 12…"][..]);
    let again: &[(&str, &[&str])] = &[("later 1000", &["open"]), ASSIGNED[1], ASSIGNED[2], refused];
    check_script(script, &[again]);
}
