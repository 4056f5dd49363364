//! What the sweep tells and forgets.

use super::*;

#[test]
fn the_sweep_tells_once_and_a_late_validation_is_still_right() {
    check(
        FREE,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (0, Send(Register), "c2 rotation 0 send 1 until 300000 | Issued c2 send 1"),
            (5, Type(Some(Register), 2), "Accepted c2 tries 0 left 5 | Verified c2"),
            (300_000, Sweep, "swept"),
            (300_001, Sweep, "swept | Expired c1 of pb.amritsar"),
            (300_002, Sweep, "swept"),
            (300_000, Type(Some(Login), 1), "Accepted c1 tries 0 left 5 | Verified c1"),
            (900_000, Sweep, "swept"),
        ],
    );
}

#[test]
fn a_record_goes_when_nothing_in_it_can_matter() {
    let grace = 15 * 60 * 1000;
    let day = 24 * 60 * 60 * 1000;
    let check = |steps: &[(u64, Do)], expected: &[u64]| {
        let mut story = Story::new(r#"{"send_pause_ms":0,"lock_after":2,"hard_lock_after":3}"#);
        for (at_ms, what) in steps {
            story.perform(*at_ms, *what);
        }
        let mut seen = Vec::new();
        let mut left = Some(story.subject);
        while let Some((subject, due)) = left.take().and_then(|it| due_at(&it).map(|due| (it, due))) {
            seen.push(due.ms());
            left = expire(subject, due).0;
        }
        assert_eq!(seen, expected, "{steps:?}");
    };
    let forgotten = day + grace;
    check(&[(0, Send(Login))], &[300_001, forgotten, 300_000 + forgotten]);
    check(&[(0, Create(Login)), (7, Type(None, 1))], &[7 + forgotten]);
    check(&[(5, Unlock)], &[5 + grace]);
    // One wrong try is counted for ever.
    check(&[(0, Create(Login)), (1, TypeWrong(None))], &[300_001, 300_000 + forgotten]);
    // A passed lock is no lock; the count stays.
    let wrong = TypeWrong(None);
    check(&[(0, Create(Login)), (1, wrong), (1, wrong)], &[600_001 + grace, 1 + forgotten]);
}
