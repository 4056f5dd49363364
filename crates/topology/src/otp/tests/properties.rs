//! What holds for any sequence of commands.

use super::Purpose::{Generic, Login, Register};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;

const PATCH: &str = r#"{"wrong_tries_max":3,"lock_after":5,"hard_lock_after":12,"lock_ms":60000,
    "sends_per_challenge_max":3,"sends_per_10_min_max":4,"sends_per_day_max":9,"send_pause_ms":2000,
    "lifetime_ms":120000}"#;
const TEN_MINUTES_MS: u64 = 10 * 60 * 1000;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A command. A code is named by how many issues ago it was issued.
#[derive(Clone, Copy, Debug)]
enum Act {
    Issue(Purpose, Exit),
    Type(Option<Purpose>, usize),
    TypeWrong(Option<Purpose>),
    Unlock,
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Login), Just(Register), Just(Generic)]
}

fn act() -> impl Strategy<Value = Act> {
    let exit = prop_oneof![
        5 => Just(Exit::Delivered),
        2 => Just(Exit::Revealed),
        1 => Just(Exit::DeliveredAndRevealed),
        2 => Just(Exit::Withheld),
    ];
    let asked = || proptest::option::of(purpose());
    prop_oneof![
        8 => (purpose(), exit).prop_map(|(purpose, exit)| Act::Issue(purpose, exit)),
        5 => (asked(), 0..4_usize).prop_map(|(purpose, ago)| Act::Type(purpose, ago)),
        8 => asked().prop_map(Act::TypeWrong),
        1 => Just(Act::Unlock),
    ]
}

/// Acts, each with the milliseconds before it.
fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    let pause = prop_oneof![
        5 => 0..3_000_u64,
        5 => 0..90_000_u64,
        1 => 0..TEN_MINUTES_MS,
        1 => 0..2 * DAY_MS,
    ];
    let resend = Just(());
    vec((pause, act(), resend).prop_map(|(pause, act, ())| (pause, act)), 1..60)
}

/// Performs the acts. Returns the time, outcome and notices of each.
fn perform(
    story: &mut Story,
    acts: &[(u64, Act)],
    mut between: impl FnMut(&mut Story, u64),
) -> Vec<(LogTime, Came, Vec<Notice>)> {
    let mut now = 1_000;
    let performed = acts.iter().map(|(pause, act)| {
        now += pause;
        between(story, now);
        let what = match *act {
            Act::Issue(purpose, Exit::Delivered) => Send(purpose),
            Act::Issue(purpose, Exit::Revealed) => Create(purpose),
            Act::Issue(purpose, Exit::DeliveredAndRevealed) => Show(purpose),
            Act::Issue(purpose, Exit::Withheld) => Withhold(purpose),
            Act::Type(purpose, ago) if ago < story.issues.len() => Type(purpose, story.issues.len() - ago),
            Act::Type(purpose, _) | Act::TypeWrong(purpose) => TypeWrong(purpose),
            Act::Unlock => Unlock,
        };
        let (outcome, notices) = story.perform(now, what);
        (LogTime::from_ms(now), outcome.expect("no sweep"), notices)
    });
    performed.collect()
}

fn rotating() -> impl Strategy<Value = Policy> {
    any::<bool>().prop_map(|rotate| Policy {
        resend: if rotate { Resend::Rotate } else { Resend::Same },
        ..policy(PATCH)
    })
}

fn story(policy: Policy) -> Story {
    Story { policy, ..Story::new("{}") }
}

proptest! {
    #[test]
    fn no_window_holds_more_deliveries_than_its_limit(acts in acts(), policy in rotating()) {
        let mut sent: Vec<LogTime> = Vec::new();
        let mut of_challenge: HashMap<ChallengeId, u8> = HashMap::new();
        for (now, outcome, _) in perform(&mut story(policy), &acts, |_, _| ()) {
            let Issued(IssueOutcome::Issued { challenge, send_number: 1.. }) = outcome else {
                continue;
            };
            prop_assert!(sent.last().is_none_or(|last| now.since(*last) >= 2_000));
            sent.push(now);
            let within = |window_ms| sent.iter().filter(|it| now.since(**it) < window_ms).count();
            prop_assert!(within(TEN_MINUTES_MS) <= 4);
            prop_assert!(within(DAY_MS) <= 9);
            let count = of_challenge.entry(challenge.code.challenge).or_default();
            *count += 1;
            prop_assert!(*count <= 3);
        }
    }

    #[test]
    fn a_code_is_accepted_at_most_once_alive_and_unlocked(acts in acts(), policy in rotating()) {
        let mut views: HashMap<ChallengeId, ChallengeView> = HashMap::new();
        let mut used: Vec<ChallengeId> = Vec::new();
        let mut locked: Option<Option<LogTime>> = None;
        for (now, outcome, notices) in perform(&mut story(policy), &acts, |_, _| ()) {
            if let Issued(IssueOutcome::Issued { challenge, .. }) = &outcome {
                prop_assert!(now <= challenge.expires_at);
                views.insert(challenge.code.challenge, challenge.clone());
            }
            if let Verified(Verification { verdict: Verdict::Accepted, challenge: Some(id), .. }) = outcome {
                prop_assert!(!used.contains(&id));
                used.push(id);
                prop_assert!(now <= views[&id].expires_at);
                prop_assert!(!views[&id].decoy);
                let is_locked = locked.is_some_and(|end| end.is_none_or(|end| now < end));
                prop_assert!(!is_locked);
            }
            for notice in notices {
                match notice.kind {
                    NoticeKind::Locked => locked = Some(notice.locked_until),
                    NoticeKind::Unlocked => locked = None,
                    NoticeKind::Issued
                    | NoticeKind::Resent
                    | NoticeKind::Superseded
                    | NoticeKind::Verified
                    | NoticeKind::Failed
                    | NoticeKind::Expired
                    | NoticeKind::Suppressed(_)
                    | NoticeKind::Forgotten => {}
                }
            }
        }
    }

    #[test]
    fn tries_stay_within_the_limits_of_challenge_and_subject(acts in acts(), policy in rotating()) {
        let mut consecutive = 0;
        for (_, outcome, notices) in perform(&mut story(policy), &acts, |_, _| ()) {
            if outcome == Released {
                consecutive = 0;
            }
            let Verified(it) = outcome else {
                continue;
            };
            prop_assert!(it.attempts.is_none_or(|attempts| attempts <= 3));
            let is_reported = |kind| notices.iter().any(|notice| notice.kind == kind);
            match it.verdict {
                Verdict::WrongCode => {
                    consecutive += 1;
                    let locks = consecutive % 5 == 0 || consecutive >= 12;
                    prop_assert_eq!(is_reported(NoticeKind::Locked), locks);
                    prop_assert_eq!(is_reported(NoticeKind::Failed), it.attempts == Some(3));
                    prop_assert_eq!(it.attempts_remaining == Some(0), locks || it.attempts == Some(3));
                    let left = (3 - u32::from(it.attempts.unwrap_or_default())).min(5 - consecutive % 5);
                    let left = if locks { 0 } else { left.min(12 - consecutive) };
                    prop_assert_eq!(it.attempts_remaining, Some(left));
                }
                Verdict::Accepted => {
                    consecutive = 0;
                    prop_assert_eq!(it.attempts_remaining, None);
                }
                Verdict::Locked
                | Verdict::NoChallenge
                | Verdict::AlreadyUsed
                | Verdict::Ended
                | Verdict::NotYetValid
                | Verdict::Expired
                | Verdict::Mismatch => prop_assert_eq!(it.attempts_remaining, None),
            }
        }
    }

    #[test]
    fn the_sweep_changes_no_judgement(acts in acts(), policy in rotating()) {
        let unswept = perform(&mut story(policy.clone()), &acts, |_, _| ());
        let swept = perform(&mut story(policy), &acts, |story, now| {
            story.sweep(now);
        });
        prop_assert_eq!(unswept, swept);
    }

    #[test]
    fn the_sweep_acts_exactly_when_it_is_due(acts in acts(), policy in rotating(), remember: bool) {
        let mut story = story(policy);
        perform(&mut story, &acts, |_, _| ());
        let mut subject = story.subject;
        if remember {
            subject.remember(Remembered {
                request: RequestDigest([1; 16]),
                at: subject.last_time,
                reply: Box::default(),
                code: None,
            });
        }
        let live: Vec<_> = subject.challenges.iter().filter(|it| it.state == ChallengeState::Live).collect();
        let (mut unreported, mut steps) = (live.len(), 0);
        let forever = subject.consecutive_wrong > 0 || subject.lock == Lock::UntilReleased;
        let mut left = Some(subject);
        while let Some(subject) = left.take() {
            let Some(due) = due_at(&subject) else {
                prop_assert!(forever);
                break;
            };
            let early = due.minus(1);
            prop_assert_eq!(expire(subject.clone(), early), (Some(subject.clone()), vec![]));
            let (after, notices) = expire(subject.clone(), due);
            prop_assert_ne!(after.as_ref(), Some(&subject));
            if let Some(next) = after.as_ref().and_then(due_at) {
                prop_assert!(next > due);
            }
            unreported -= notices.len();
            steps += 1;
            prop_assert!(steps < 100);
            left = after;
        }
        prop_assert_eq!(unreported, 0);
    }
}
