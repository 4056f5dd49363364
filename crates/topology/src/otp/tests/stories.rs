//! The rules as stories. Each step is a time and a command, with its outcome and its notices.

use super::Purpose::Login;
use super::*;

/// No pause and ample limits, for stories about something else.
const FREE: &str = r#"{"send_pause_ms":0,"sends_per_challenge_max":50,"sends_per_10_min_max":50,
    "sends_per_day_max":50}"#;

#[test]
fn a_code_is_accepted_once() {
    check(
        "{}",
        "
         1000 send login          => c1 rotation 0 send 1 until 301000 | Issued c1 send 1
         2000 type 1              => Accepted c1 tries 0 left - | Verified c1
         2000 type 1              => AlreadyUsed c1 tries 0 left -
         2000 wrong for login     => AlreadyUsed c1 tries 0 left -
         2000 type 1 for register => NoChallenge - tries - left -
        31000 send login          => c2 rotation 0 send 1 until 331000 | Issued c2 send 1
        31000 type 1              => WrongCode c2 tries 1 left 4
        31000 type 2              => Accepted c2 tries 1 left - | Verified c2
        ",
    );
}

#[test]
fn a_code_is_accepted_up_to_the_last_millisecond_of_its_life() {
    check(
        "{}",
        "
          1000 send login => c1 rotation 0 send 1 until 301000 | Issued c1 send 1
        301001 type 1     => Expired c1 tries 0 left -
        301001 send login => c2 rotation 0 send 1 until 601001 | Issued c2 send 1
        601001 type 2     => Accepted c2 tries 0 left - | Verified c2
        ",
    );
    // The subject's time does not go back with a record that is older than the one before.
    check(
        "{}",
        "
          1000 send login => c1 rotation 0 send 1 until 301000 | Issued c1 send 1
        301001 wrong      => Expired c1 tries 0 left -
        300000 type 1     => Expired c1 tries 0 left -
        ",
    );
}

#[test]
fn an_ended_challenge_is_remembered_for_a_day() {
    check(
        FREE,
        "
               0 send login          => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
               0 send register       => c2 rotation 0 send 1 until 300000 | Issued c2 send 1
               5 type 2              => Accepted c2 tries 0 left - | Verified c2
        86400005 type 2 for register => AlreadyUsed c2 tries 0 left -
        86400006 type 2 for register => NoChallenge - tries - left -
        86700000 type 2              => Expired c1 tries 0 left -
        86700001 type 2              => NoChallenge - tries - left -
        ",
    );
}

#[test]
fn a_challenge_ends_with_its_last_try() {
    check(
        r#"{"wrong_tries_max":3}"#,
        "
            0 send login      => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
            1 wrong           => WrongCode c1 tries 1 left 2
            1 wrong for login => WrongCode c1 tries 2 left 1
            1 wrong           => WrongCode c1 tries 3 left 0 | Failed c1
            1 type 1          => Ended c1 tries 3 left -
        30000 send login      => c2 rotation 0 send 1 until 330000 | Issued c2 send 1
        30000 type 2          => Accepted c2 tries 0 left - | Verified c2
        ",
    );
}

#[test]
fn consecutive_wrong_tries_lock_the_subject() {
    check(
        r#"{"send_pause_ms":0,"wrong_tries_max":3,"lock_after":4,"hard_lock_after":8,"lock_ms":600000}"#,
        "
               0 send login         => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
               0 send register      => c2 rotation 0 send 1 until 300000 | Issued c2 send 1
               0 send generic       => c3 rotation 0 send 1 until 300000 | Issued c3 send 1
               1 wrong for login    => WrongCode c1 tries 1 left 2
               1 wrong for login    => WrongCode c1 tries 2 left 1
               1 wrong for login    => WrongCode c1 tries 3 left 0 | Failed c1
               1 wrong for register => WrongCode c2 tries 1 left 0 until 600001 | Locked c2 until 600001
               2 type 3             => Locked c3 tries 0 left - until 600001
               2 send login         => Locked until 600001 | Suppressed(Locked)
               2 create login       => Locked until 600001 | Suppressed(Locked)
          600000 type 1 for login   => Locked c1 tries 3 left - until 600001
          600001 type 3             => Ended c3 tries 0 left -
        # A passed lock resets nothing: three more and the fourth is the hard stop.
          600001 send login         => c4 rotation 0 send 1 until 900001 | Issued c4 send 1
          600001 wrong              => WrongCode c4 tries 1 left 2
          600001 wrong              => WrongCode c4 tries 2 left 1
          600001 send register      => c5 rotation 0 send 1 until 900001 | Issued c5 send 1
          600001 wrong for register => WrongCode c5 tries 1 left 1
          600001 wrong for login    => WrongCode c4 tries 3 left 0 | Failed c4 | Locked c4
        80000000 type 5             => Locked c5 tries 1 left -
        ",
    );
}

#[test]
fn only_an_unlock_ends_a_hard_lock() {
    check(
        r#"{"send_pause_ms":0,"lock_after":3,"hard_lock_after":2}"#,
        "
               0 unlock     => released | Unlocked
               0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
               1 wrong      => WrongCode c1 tries 1 left 1
               1 wrong      => WrongCode c1 tries 2 left 0 | Locked c1
        80000000 type 1     => Locked c1 tries 2 left -
        80000000 send login => Locked | Suppressed(Locked)
        80000000 unlock     => released | Unlocked
        80000000 send login => c2 rotation 0 send 1 until 80300000 | Issued c2 send 1
        80000000 wrong      => WrongCode c2 tries 1 left 1
        80000000 type 2     => Accepted c2 tries 1 left - | Verified c2
        ",
    );
}

#[test]
fn a_success_resets_the_count_and_a_resend_does_not() {
    check(
        r#"{"send_pause_ms":0,"lock_after":3}"#,
        "
        0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
        1 wrong      => WrongCode c1 tries 1 left 2
        1 wrong      => WrongCode c1 tries 2 left 1
        1 send login => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
        1 type 2     => Accepted c1 tries 2 left - | Verified c1
        1 send login => c2 rotation 0 send 1 until 300001 | Issued c2 send 1
        1 wrong      => WrongCode c2 tries 1 left 2
        1 wrong      => WrongCode c2 tries 2 left 1
        2 wrong      => WrongCode c2 tries 3 left 0 until 600002 | Locked c2 until 600002
        ",
    );
}

#[test]
fn only_a_wrong_code_against_a_live_challenge_counts() {
    check(
        r#"{"send_pause_ms":0,"lock_after":2}"#,
        "
             0 wrong              => NoChallenge - tries - left -
             0 send login         => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
             0 wrong for register => NoChallenge - tries - left -
        300001 wrong              => Expired c1 tries 0 left -
        300001 send login         => c2 rotation 0 send 1 until 600001 | Issued c2 send 1
        300001 type 2             => Accepted c2 tries 0 left - | Verified c2
        300001 wrong              => AlreadyUsed c2 tries 0 left -
        300001 send login         => c3 rotation 0 send 1 until 600001 | Issued c3 send 1
        300001 wrong              => WrongCode c3 tries 1 left 1
        ",
    );
}

#[test]
fn a_resend_repeats_the_code_while_a_third_of_its_life_is_left() {
    check(
        FREE,
        "
             0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
             1 wrong      => WrongCode c1 tries 1 left 4
        200000 send login => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
        200001 send login => c2 rotation 0 send 1 until 500001 | Superseded c1 | Issued c2 send 1
        200001 type 1     => WrongCode c2 tries 2 left 3
        500002 send login => c3 rotation 0 send 1 until 800002 | Issued c3 send 1
        500002 wrong      => WrongCode c3 tries 1 left 4
        ",
    );
}

#[test]
fn a_rotating_resend_shows_another_code_of_the_same_challenge() {
    check(
        r#"{"send_pause_ms":0,"resend":"rotate"}"#,
        "
        0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
        1 send login => c1 rotation 1 send 2 until 300000 | Resent c1 send 2
        2 type 1     => WrongCode c1 tries 1 left 4
        # Another rotation does not give the tries back.
        3 send login => c1 rotation 2 send 3 until 300000 | Resent c1 send 3
        3 type 2     => WrongCode c1 tries 2 left 3
        3 type 3     => Accepted c1 tries 2 left - | Verified c1
        ",
    );
}

#[test]
fn a_challenge_whose_rotations_are_used_up_is_followed_by_another() {
    let mut story = Story::new(r#"{"resend":"rotate"}"#);
    let mut check = |expected: &str| {
        let (came, notices) = story.perform(0, Create(Login));
        let line = story.describe(came, notices);
        assert!(line.starts_with(expected), "{line}, and not {expected}");
    };
    for rotation in 0..=u8::MAX {
        check(&format!("c1 rotation {rotation} send 0 "));
    }
    check("c2 rotation 0 send 0 ");
}

#[test]
fn one_purpose_does_not_disturb_another() {
    check(
        FREE,
        "
        0 send login       => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
        1 send register    => c2 rotation 0 send 1 until 300001 | Issued c2 send 1
        2 send login       => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
        # Without a purpose it is the one that was issued last, not the one that was sent last.
        3 type 1           => WrongCode c2 tries 1 left 4
        3 type 1 for login => Accepted c1 tries 0 left - | Verified c1
        4 type 2           => Accepted c2 tries 1 left - | Verified c2
        4 wrong            => AlreadyUsed c2 tries 1 left -
        5 send login       => c3 rotation 0 send 1 until 300005 | Issued c3 send 1
        6 send register    => c4 rotation 0 send 1 until 300006 | Issued c4 send 1
        7 type 5           => Accepted c4 tries 0 left - | Verified c4
        # The last one is used: the last live one counts.
        8 type 4           => Accepted c3 tries 0 left - | Verified c3
        ",
    );
}

#[test]
fn deliveries_have_a_pause_and_limits() {
    check(
        r#"{"sends_per_challenge_max":2,"sends_per_10_min_max":3,"sends_per_day_max":4}"#,
        "
               0 send login    => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
           29999 send login    => SendTooSoon | Suppressed(SendTooSoon)
           29999 send register => SendTooSoon | Suppressed(SendTooSoon)
           30000 send login    => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
           60000 send login    => SendLimit | Suppressed(SendLimit)
           60000 send register => c2 rotation 0 send 1 until 360000 | Issued c2 send 1
           90000 send generic  => SendLimit | Suppressed(SendLimit)
          599999 send login    => SendLimit | Suppressed(SendLimit)
          600000 send login    => c3 rotation 0 send 1 until 900000 | Issued c3 send 1
        86399999 send login    => SendLimit | Suppressed(SendLimit)
        86400000 send login    => c4 rotation 0 send 1 until 86700000 | Issued c4 send 1
        86429999 send login    => SendTooSoon | Suppressed(SendTooSoon)
        86430000 send login    => c4 rotation 0 send 2 until 86700000 | Resent c4 send 2
        ",
    );
}

#[test]
fn the_limit_of_a_challenge_does_not_apply_to_the_next() {
    check(
        r#"{"send_pause_ms":0,"sends_per_challenge_max":2}"#,
        "
             0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
             1 send login => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
        200000 send login => SendLimit | Suppressed(SendLimit)
        200001 send login => c2 rotation 0 send 1 until 500001 | Superseded c1 | Issued c2 send 1
        ",
    );
}

#[test]
fn a_revealed_code_does_not_count_as_a_delivery() {
    check(
        r#"{"sends_per_challenge_max":1,"sends_per_10_min_max":1}"#,
        "
            0 create generic => c1 rotation 0 send 0 until 300000 | Issued c1 send 0
            0 create generic => c1 rotation 0 send 0 until 300000 | Resent c1 send 0
            0 send generic   => c1 rotation 0 send 1 until 300000 | Resent c1 send 1
            1 send generic   => SendTooSoon | Suppressed(SendTooSoon)
            1 create generic => c1 rotation 0 send 0 until 300000 | Resent c1 send 0
        30000 send login     => SendLimit | Suppressed(SendLimit)
        ",
    );
}

#[test]
fn a_code_that_is_sent_and_revealed_counts_as_a_delivery() {
    check(
        r#"{"sends_per_challenge_max":2}"#,
        "
            0 show login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
            1 show login => SendTooSoon | Suppressed(SendTooSoon)
        30000 send login => c1 rotation 0 send 2 until 300000 | Resent c1 send 2
        60000 show login => SendLimit | Suppressed(SendLimit)
        60000 type 1     => Accepted c1 tries 0 left - | Verified c1
        ",
    );
}

#[test]
fn a_withheld_code_counts_as_a_delivery_and_is_never_accepted() {
    check(
        r#"{"wrong_tries_max":2,"sends_per_challenge_max":2}"#,
        "
             0 withhold login => c1 rotation 0 send 1 until 300000
             1 withhold login => SendTooSoon | Suppressed(SendTooSoon)
             2 type 1         => WrongCode c1 tries 1 left 1
         30000 withhold login => c1 rotation 0 send 2 until 300000
         60000 withhold login => SendLimit | Suppressed(SendLimit)
         60000 type 1         => WrongCode c1 tries 2 left 0 | Failed c1
         60000 withhold login => c2 rotation 0 send 1 until 360000
         90000 send login     => c3 rotation 0 send 1 until 390000 | Superseded c2 | Issued c3 send 1
        120000 withhold login => c4 rotation 0 send 1 until 420000 | Superseded c3
        120000 type 4         => WrongCode c4 tries 1 left 1
        ",
    );
}

#[test]
fn a_decoy_hands_its_wrong_tries_on_like_any_challenge() {
    check(
        FREE,
        "
             0 withhold login => c1 rotation 0 send 1 until 300000
             0 wrong          => WrongCode c1 tries 1 left 4
        200001 withhold login => c2 rotation 0 send 1 until 500001 | Superseded c1
        200001 wrong          => WrongCode c2 tries 2 left 3
        # The recipient has become known.
        200001 send login     => c3 rotation 0 send 1 until 500001 | Superseded c2 | Issued c3 send 1
        200001 wrong          => WrongCode c3 tries 3 left 2
        200001 type 3         => Accepted c3 tries 3 left - | Verified c3
        ",
    );
}

#[test]
fn a_limit_that_was_lowered_under_the_count_locks_at_the_next_wrong_try() {
    check(
        FREE,
        r#"
            0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
            0 wrong      => WrongCode c1 tries 1 left 4
            0 wrong      => WrongCode c1 tries 2 left 3
            0 wrong      => WrongCode c1 tries 3 left 2
        {"hard_lock_after":2}
            0 wrong      => WrongCode c1 tries 4 left 0 | Locked c1
        {}
        80000000 send login => Locked | Suppressed(Locked)
        "#,
    );
    check(
        FREE,
        r#"
             0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
             0 wrong      => WrongCode c1 tries 1 left 4
             0 wrong      => WrongCode c1 tries 2 left 3
             0 wrong      => WrongCode c1 tries 3 left 2
        # The lock comes at every multiple, so that the fourth is the second multiple of two.
        {"lock_after":2}
             0 wrong      => WrongCode c1 tries 4 left 0 until 600000 | Locked c1 until 600000
        "#,
    );
}

#[test]
fn a_challenge_keeps_the_terms_of_its_issue_and_the_subject_follows_the_policy() {
    check(
        r#"{"send_pause_ms":0,"wrong_tries_max":3,"resend":"rotate"}"#,
        r#"
             0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
        {"send_pause_ms":5,"wrong_tries_max":9,"lifetime_ms":10000,"sends_per_challenge_max":2,"lock_after":3}
             4 send login => SendTooSoon | Suppressed(SendTooSoon)
             5 send login => c1 rotation 1 send 2 until 300000 | Resent c1 send 2
            10 send login => SendLimit | Suppressed(SendLimit)
            10 wrong      => WrongCode c1 tries 1 left 2
            10 type 1     => WrongCode c1 tries 2 left 1
            10 wrong      => WrongCode c1 tries 3 left 0 until 600010 | Failed c1 | Locked c1 until 600010
        600010 send login => c2 rotation 0 send 1 until 610010 | Issued c2 send 1
        600010 wrong      => WrongCode c2 tries 1 left 2
        "#,
    );
}

#[test]
fn an_id_finds_its_challenge_until_its_deadline() {
    check(
        FREE,
        "
             0 create generic => c1 rotation 0 send 0 until 300000 | Issued c1 send 0
             1 search 1       => used false
             2 type 1         => Accepted c1 tries 0 left - | Verified c1
        300000 search 1       => used true
        300001 search 1       => nothing
        300002 create generic => c2 rotation 0 send 0 until 600002 | Issued c2 send 0
        300003 search 1       => nothing
        300003 search 2       => used false
        ",
    );
}

#[test]
fn forgetting_leaves_nothing() {
    check(
        r#"{"sends_per_10_min_max":1,"hard_lock_after":1}"#,
        "
        0 send login => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
        1 wrong      => WrongCode c1 tries 1 left 0 | Locked c1
        2 forget     => forgotten | Forgotten
        3 type 1     => NoChallenge - tries - left -
        3 send login => c2 rotation 0 send 1 until 300003 | Issued c2 send 1
        4 type 2     => Accepted c2 tries 0 left - | Verified c2
        ",
    );
}

#[test]
fn the_sweep_reports_an_expiry_once_and_a_late_validation_still_succeeds() {
    check(
        FREE,
        "
             0 send login          => c1 rotation 0 send 1 until 300000 | Issued c1 send 1
             0 send register       => c2 rotation 0 send 1 until 300000 | Issued c2 send 1
             5 type 2 for register => Accepted c2 tries 0 left - | Verified c2
        300000 sweep               => swept
        300001 sweep               => swept | Expired c1 of pb.amritsar
        300002 sweep               => swept
        300000 type 1 for login    => Accepted c1 tries 0 left - | Verified c1
        900000 sweep               => swept
        ",
    );
}

#[test]
fn a_record_is_deleted_when_nothing_in_it_has_an_effect() {
    let grace = 15 * 60 * 1000;
    let day = 24 * 60 * 60 * 1000;
    let sweep = |subject: Subject| {
        let mut seen = Vec::new();
        let mut left = Some(subject);
        while let Some((subject, due)) = left.take().and_then(|it| due_at(&it).map(|due| (it, due))) {
            seen.push(due.ms());
            left = expire(subject, due).0;
        }
        seen
    };
    let check = |steps: &[(u64, Do)], expected: &[u64]| {
        let mut story = Story::new(r#"{"send_pause_ms":0,"lock_after":2,"hard_lock_after":3}"#);
        for (at_ms, what) in steps {
            story.perform(*at_ms, *what);
        }
        assert_eq!(sweep(story.subject), expected, "{steps:?}");
    };
    let forgotten = day + grace;
    check(&[(0, Send(Login))], &[300_001, forgotten, 300_000 + forgotten]);
    check(&[(0, Create(Login)), (7, Type(None, 1))], &[7 + forgotten]);
    check(&[(5, Unlock)], &[5 + grace]);
    // The count of wrong tries stays.
    check(&[(0, Create(Login)), (1, TypeWrong(None))], &[300_001, 300_000 + forgotten]);
    // The lock is over; the count stays.
    let wrong = TypeWrong(None);
    check(&[(0, Create(Login)), (1, wrong), (1, wrong)], &[600_001 + grace, 1 + forgotten]);
    // A reply is remembered for fifteen minutes, and kept for the grace.
    let mut subject = Subject::default();
    for (request, at) in [([1; 16], 3), ([2; 16], 8)] {
        let at = LogTime::from_ms(at);
        let request = RequestDigest(request);
        subject.remember(Remembered { request, at, reply: Box::default(), code: None });
    }
    let remembered = 15 * 60 * 1000;
    assert_eq!(sweep(subject), [3 + remembered + grace, 8 + remembered + grace]);
}
