//! What a commit reports as done: each record once, and nothing of what was aborted.

use otp_topology::deployment::SourceKind;
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::state::MemoryStore;
use otp_topology::task::{Counters, Task, forward_only};
use otp_topology::wire::outbox::Outbox;
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send, settings};
use crate::script::{ASKED, READY, Step, check, store_at};

const PIPELINED: Step<'_> = ("request", &[]);
const LAST: [Step<'_>; 2] = [("committed", &["write"]), ("written", &[])];
const NEXT: [Step<'_>; 5] =
    [("committed", &["write"]), ("written", &["begin"]), ASKED[1], ASKED[2], ASKED[3]];

/// What was counted. The script appends a record that is read again at its own time, so times are left out.
fn counted(steps: &[&[Step<'_>]]) -> Counters {
    let mut counted = check(store_at(7), steps).counted;
    counted.replied.fill(LogTime::default());
    counted
}

/// A call is refused; the records are read again after the pause.
fn refused(call: &'static str, again: &'static str) -> [Step<'static>; 4] {
    [(call, &["refused: 1", "abort"]), ("aborted", &[]), ("later 500", &[]), (again, &["begin"])]
}

#[test]
fn a_refused_batch_is_counted_once_after_it_has_run_again() {
    let of = |steps: &[Step<'_>]| counted(&[&READY, steps, &LAST]);
    let after = |answered: usize, call| [&ASKED[..answered], &refused(call, "again 1"), &ASKED[1..]].concat();
    let once = of(&ASKED);
    assert_eq!((once.requests.len(), once.replied.len(), once.records[0].1), (1, 1, 1), "{once:?}");
    assert_eq!(of(&after(2, "offered refused")), once);
    assert_eq!(of(&after(3, "sent refused")), once);
    assert_eq!(of(&after(4, "committed refused")), once);
}

#[test]
fn a_batch_that_was_prepared_over_a_refused_one_is_counted_once() {
    let of = |steps: &[Step<'_>]| counted(&[&READY, &ASKED, &[PIPELINED], steps, &NEXT, &LAST]);
    let twice = of(&[]);
    // The second one comes too soon after the first.
    assert_eq!((twice.requests.len(), twice.replied.len(), twice.records[0].1), (2, 2, 2), "{twice:?}");
    assert_eq!(of(&[&refused("committed refused", "again 2")[..], &ASKED[1..]].concat()), twice);
}

/// What a task counts, record by record. Each number is above one, so that no other arithmetic gives it.
#[test]
fn repeats_skips_and_unknown_members_are_counted() {
    let mut settings = settings();
    settings.callers[0].contract = ContractName::Int;
    let topology = House::with(settings, 1, |_| None).topology;
    let topic = topology.source_named("requests").expect("a source");
    let (mut task, _) = Task::open(0, topology, MemoryStore::default()).expect("an empty store");
    let (now, mut out) = (LogTime::from_ms(START_MS), Outbox::default());
    let mut process = |offset: i64, id: &str, more: &str| {
        let body = format!(r#"{{"operationType":"GENERATE","mobile":"8777496061"{more}}}"#);
        let mut records = RecordBatch::default();
        let source = SourcePartition { topic, partition: 0 };
        records.push(source, offset, now, None, Some(body.as_bytes()), [("ce_id", Some(id.as_bytes()))]);
        task.process(&records.get(0), now, &mut out).expect("memory does not fail");
    };
    process(0, "a", "");
    process(1, "b", r#","one":1"#);
    process(2, "c", r#","one":1,"two":2"#);
    (3..6).for_each(|offset| process(offset, "a", ""));
    (0..4).for_each(|offset| process(offset, "a", ""));
    task.plan_commit(&mut out);
    let counted = task.committed(None, now).1;
    assert_eq!((counted.repeated, counted.skipped), (3, 4));
    assert_eq!(counted.unknown_members, [(ContractName::Int, 3)]);
    assert_eq!(counted.requests.iter().map(|(_, count)| count).sum::<u64>(), 3);
}

#[test]
fn every_expiry_is_counted() {
    let topology = House::new(1).topology;
    let topic = topology.source_named("requests").expect("a source");
    let (mut task, _) = Task::open(0, topology, MemoryStore::default()).expect("an empty store");
    let (now, mut out) = (LogTime::from_ms(START_MS), Outbox::default());
    let mut records = RecordBatch::default();
    for (offset, mobile) in ["9123456780", "9123456781", "9123456782"].into_iter().enumerate() {
        let source = SourcePartition { topic, partition: 0 };
        records.push(source, offset as i64, now, None, Some(send(mobile).to_string().as_bytes()), []);
    }
    records.iter().for_each(|record| task.process(&record, now, &mut out).expect("memory does not fail"));
    assert_eq!(task.sweep(now.plus(300_001), &mut out), Ok(false));
    task.plan_commit(&mut out);
    let counted = task.committed(None, now).1;
    assert_eq!((counted.expired, counted.unknown_members), (3, vec![]), "this contract counts no members");
}

/// The producer of a forwarder that was fenced may have written it before.
#[test]
fn a_record_that_arrives_again_is_skipped_and_counted() {
    let topology = House::with(settings(), 1, |name| (name == "requests").then_some(2)).topology;
    let requests = topology.source_named("requests").expect("a source");
    let internal = topology.source_of(SourceKind::Repartition).expect("it is always read");
    let (now, mut forwarded) = (LogTime::from_ms(START_MS), Outbox::default());
    let mut asked = RecordBatch::default();
    let body = send("9123456789").to_string();
    asked.push(SourcePartition { topic: requests, partition: 1 }, 7, now, None, Some(body.as_bytes()), []);
    forward_only(&asked.get(0), false, &topology, &mut forwarded);
    let record = forwarded.iter().next().expect("it is forwarded");
    let mut arrived = RecordBatch::default();
    for offset in 0..4 {
        let source = SourcePartition { topic: internal, partition: 0 };
        arrived.push(source, offset, now, record.key(), record.value(), record.headers());
    }
    let (mut task, _) = Task::open(0, topology, MemoryStore::default()).expect("an empty store");
    let mut out = Outbox::default();
    arrived.iter().for_each(|record| task.process(&record, now, &mut out).expect("memory does not fail"));
    task.plan_commit(&mut out);
    let counted = task.committed(None, now).1;
    assert_eq!((counted.replied.len(), counted.repeated, counted.skipped), (1, 0, 3));
}
