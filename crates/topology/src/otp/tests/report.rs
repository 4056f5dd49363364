//! What an operator sees of a subject agrees with what the rules do to it.

use super::*;
use crate::otp::{ChallengeEnd, SubjectReport};

/// A subject after commands at their seconds: `send`, `wrong`, `unlock`.
fn after(policy: &Policy, commands: &[(u64, &str)]) -> Subject {
    let (keys, who) = (keyring(), who());
    let mut subject = Subject::default();
    for (offset, (at_s, command)) in (0..).zip(commands) {
        let now = LogTime::from_ms(at_s * 1000);
        let rules = rules(policy, &keys, &who, origin(offset, now.ms()));
        let issue = Issue {
            purpose: Purpose::Login,
            exit: Exit::Delivered,
            terms: None,
            holder: None,
            prefix: None,
            is_reserved: false,
            barred: None,
        };
        let wrong = Verify { purpose: None, code: "none", terms: None };
        subject = match *command {
            "send" => decide(subject, &issue, now, &rules).expect("known keys").subject,
            "wrong" => decide(subject, &wrong, now, &rules).expect("known keys").subject,
            "unlock" => decide(subject, &crate::otp::Unlock, now, &rules).expect("known keys").subject,
            other => panic!("no command {other}"),
        };
    }
    subject
}

fn refusal_at(subject: &Subject, policy: &Policy, now: LogTime) -> bool {
    let (keys, who) = (keyring(), who());
    let rules = rules(policy, &keys, &who, origin(99, now.ms()));
    // Another purpose: the limit of deliveries of one challenge does not apply.
    let issue = Issue {
        purpose: Purpose::Register,
        exit: Exit::Delivered,
        terms: None,
        holder: None,
        prefix: None,
        is_reserved: false,
        barred: None,
    };
    let decision = decide(subject.clone(), &issue, now, &rules).expect("known keys");
    matches!(decision.outcome, IssueOutcome::Refused { .. })
}

#[test]
fn the_next_delivery_is_the_first_that_the_rules_allow() {
    let check = |patch: &str, commands: &[(u64, &str)], at_s: u64, next_s: Option<u64>| {
        let policy = policy(patch);
        let subject = after(&policy, commands);
        let report = SubjectReport::of(&subject, &policy, LogTime::from_ms(at_s * 1000));
        let next = report.sends.next_at;
        assert_eq!(next.map(LogTime::ms), next_s.map(|it| it * 1000), "{patch} {commands:?}");
        if let Some(next) = next {
            assert!(!refusal_at(&subject, &policy, next), "{patch} {commands:?}");
            if next > report.as_of {
                assert!(refusal_at(&subject, &policy, next.minus(1)), "{patch} {commands:?}");
            }
        }
    };
    check("{}", &[], 5, Some(5));
    check("{}", &[(5, "send")], 6, Some(35));
    check("{}", &[(5, "send")], 50, Some(50));
    check(r#"{"sends_per_10_min_max":2}"#, &[(0, "send"), (40, "send")], 80, Some(600));
    check(
        r#"{"sends_per_day_max":2,"sends_per_10_min_max":2}"#,
        &[(0, "send"), (40, "send")],
        700,
        Some(24 * 60 * 60),
    );
    let lock = r#"{"lock_after":1,"lock_ms":60000}"#;
    check(lock, &[(0, "send"), (10, "wrong")], 11, Some(70));
    check(lock, &[(0, "send"), (10, "wrong"), (20, "unlock")], 21, Some(30));
    check(r#"{"lock_after":1,"hard_lock_after":1}"#, &[(0, "send"), (10, "wrong")], 11, None);
}

#[test]
fn challenges_tries_and_lock_are_as_the_rules_have_them() {
    let policy = policy(r#"{"lock_after":3,"lock_ms":60000}"#);
    let report = |commands: &[(u64, &str)], at_s: u64| {
        SubjectReport::of(&after(&policy, commands), &policy, LogTime::from_ms(at_s * 1000))
    };
    let live = report(&[(0, "send"), (10, "wrong"), (11, "wrong")], 12);
    let challenge = &live.challenges[0];
    assert_eq!(
        (challenge.end, challenge.tries, challenge.tries_max, challenge.sends),
        (ChallengeEnd::Live, 2, 5, 1)
    );
    assert_eq!((live.consecutive_wrong, live.tries_left, live.lock), (2, 1, Lock::None));

    let locked = report(&[(0, "send"), (10, "wrong"), (11, "wrong"), (12, "wrong")], 13);
    let ended = LogTime::from_ms(12_000);
    assert_eq!(locked.lock, Lock::Until(ended.plus(60_000)));
    assert_eq!(locked.challenges[0].end, ChallengeEnd::Ended(ended));
    let passed = report(&[(0, "send"), (10, "wrong"), (11, "wrong"), (12, "wrong")], 72);
    assert_eq!((passed.lock, passed.consecutive_wrong, passed.tries_left), (Lock::None, 3, 3));

    let expired = report(&[(0, "send")], 301);
    assert_eq!(expired.challenges[0].end, ChallengeEnd::Expired(LogTime::from_ms(300_000)));
    assert_eq!(report(&[(0, "send")], 300 + 24 * 60 * 60 + 1).challenges, []);
    assert_eq!(
        report(&[(5, "send")], 0).as_of,
        LogTime::from_ms(5_000),
        "time never goes back for a subject"
    );
}
