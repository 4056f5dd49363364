//! Deliveries that are under way: what they count for, and what the places that are held for them admit.

use super::*;
use Purpose::{Login, Register};

const AT_MS: u64 = 1_000_000;

/// A subject with places that are held, by purpose and age in milliseconds.
fn holding(places: &[(Purpose, u64)]) -> Subject {
    let mut subject = Subject::default();
    for (number, (purpose, age_ms)) in (0..).zip(places) {
        let at = LogTime::from_ms(AT_MS - age_ms);
        let request = RequestDigest([number; 16]);
        subject.reserved.push(Reservation { request, at, purpose: *purpose, partition: 0 });
    }
    subject
}

/// `None`: a code is issued.
fn refusal(subject: &Subject, patch: &str, is_reserved: bool) -> Option<Refusal> {
    let command = Issue {
        purpose: Login,
        exit: Exit::Delivered,
        terms: None,
        holder: None,
        prefix: None,
        is_reserved,
        barred: None,
    };
    let (policy, keys, who) = (policy(patch), keyring(), who());
    let rules = rules(&policy, &keys, &who, origin(1, AT_MS));
    let decision =
        decide(subject.clone(), &command, LogTime::from_ms(AT_MS), &rules).expect("the keys are there");
    match decision.outcome {
        IssueOutcome::Issued { .. } => None,
        IssueOutcome::Refused { refusal, .. } => Some(refusal),
    }
}

#[test]
fn a_place_that_is_held_counts_like_a_delivery() {
    let check = |places: &[(Purpose, u64)], patch: &str, expected: Option<Refusal>| {
        assert_eq!(refusal(&holding(places), patch, false), expected, "{places:?} {patch}");
        assert_eq!(refusal(&holding(places), patch, true), None, "its own place admits it: {patch}");
    };
    let (soon, limit) = (Some(Refusal::SendTooSoon), Some(Refusal::SendLimit));
    check(&[(Register, 29_999)], "{}", soon);
    check(&[(Register, 30_000)], "{}", None);
    check(&[(Register, 599_999)], r#"{"sends_per_10_min_max":1}"#, limit);
    check(&[(Register, 600_000)], r#"{"sends_per_10_min_max":1}"#, None);
    check(&[(Register, 900_000)], r#"{"sends_per_day_max":1}"#, limit);
    check(&[(Register, 900_001)], r#"{"sends_per_day_max":1}"#, None);
    let many = |count: usize| vec![(Register, 700_000); count];
    check(&many(RESERVED_MAX - 1), r#"{"sends_per_day_max":50}"#, None);
    check(&many(RESERVED_MAX), r#"{"sends_per_day_max":50}"#, soon);
}

#[test]
fn the_limit_of_a_challenge_counts_its_purpose_alone() {
    let patch = r#"{"sends_per_challenge_max":2,"send_pause_ms":0}"#;
    let mut story = Story::new(patch);
    story.perform(AT_MS, Send(Login));
    let check = |purpose: Purpose, expected: Option<Refusal>| {
        let mut subject = story.subject.clone();
        subject.reserved = holding(&[(purpose, 0)]).reserved;
        assert_eq!(refusal(&subject, patch, false), expected, "{purpose:?}");
    };
    check(Login, Some(Refusal::SendLimit));
    check(Register, None);
}

#[test]
fn a_lock_refuses_what_has_a_place() {
    let mut subject = holding(&[]);
    subject.lock = Lock::UntilReleased;
    assert_eq!(refusal(&subject, "{}", true), Some(Refusal::Locked));
}

#[test]
fn a_place_is_given_back_once() {
    let mut subject = holding(&[(Login, 0), (Register, 0)]);
    let now = LogTime::from_ms(AT_MS);
    let request = RequestDigest([0; 16]);
    assert!(subject.reservation(request, now).is_some());
    assert!(subject.release(request));
    assert!(!subject.release(request));
    assert!(subject.reservation(request, now).is_none());
    assert_eq!(subject.reserved.len(), 1);
    assert!(subject.reservation(RequestDigest([1; 16]), now.plus(RESERVED_MS)).is_some());
    assert!(subject.reservation(RequestDigest([1; 16]), now.plus(RESERVED_MS + 1)).is_none());
}
