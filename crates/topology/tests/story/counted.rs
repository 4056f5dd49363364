//! What a commit reports as done: each record once, and nothing of what was aborted.

use otp_topology::otp::LogTime;
use otp_topology::task::Counters;

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
