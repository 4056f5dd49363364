//! What holds for any sequence of commands under any policies: every answer is what the model says, and the sweep changes
//! none.

use super::Purpose::{Generic, Login, Register};
use super::judged::{Step, expected};
use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const START_MS: u64 = 1_700_000_000_000;

/// A command. A code or a challenge is named by how many others were issued after it.
#[derive(Clone, Debug)]
enum Act {
    Issue(Purpose, Exit),
    Type(Option<Purpose>, usize),
    TypeWrong(Option<Purpose>),
    Search(usize),
    Unlock,
    Forget,
    /// The policy record that is in force from here on.
    Policy(Value),
}

fn purpose() -> impl Strategy<Value = Purpose> {
    prop_oneof![Just(Login), Just(Register), Just(Generic)]
}

/// A record on the policy topic, within the bounds. Its limits are low, so that they are reached.
fn record() -> impl Strategy<Value = Value> {
    let lock_ms = prop_oneof![1_000..90_000_u64, 1_000..86_400_001_u64];
    let tries = (1..5_u64, 1..7_u64, 1..10_u64, lock_ms);
    let pause_ms = prop_oneof![3 => Just(0), 3 => 0..4_000_u64, 1 => 0..600_001_u64];
    let sends = (1..4_u64, 1..6_u64, 1..10_u64, pause_ms);
    let lifetime_ms = prop_oneof![10_000..90_000_u64, 10_000..600_001_u64];
    let resend = prop_oneof![Just("same"), Just("rotate")];
    (tries, sends, lifetime_ms, 6..11_u64, resend).prop_map(|(tries, sends, lifetime_ms, digits, resend)| {
        json!({"wrongTriesMax": tries.0, "lockAfter": tries.1, "hardLockAfter": tries.2, "lockMs": tries.3,
            "sendsPerChallengeMax": sends.0, "sendsPer10MinMax": sends.1, "sendsPerDayMax": sends.2,
            "sendPauseMs": sends.3, "lifetimeMs": lifetime_ms, "digits": digits, "resend": resend})
    })
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
        16 => (purpose(), exit).prop_map(|(purpose, exit)| Act::Issue(purpose, exit)),
        10 => (asked(), 0..4_usize).prop_map(|(purpose, ago)| Act::Type(purpose, ago)),
        16 => asked().prop_map(Act::TypeWrong),
        2 => (0..4_usize).prop_map(Act::Search),
        2 => Just(Act::Unlock),
        1 => Just(Act::Forget),
        3 => record().prop_map(Act::Policy),
    ]
}

/// Acts, each with the milliseconds before it. Now and then a record is older than the one before.
fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let pause_ms = prop_oneof![
        20 => 0..3_000_i64,
        20 => 0..90_000_i64,
        4 => 0..600_000_i64,
        4 => 0..200_000_000_i64,
        1 => -60_000..0_i64,
    ];
    vec((pause_ms, act()), 1..60)
}

/// Performs the acts under a first policy record and those among them. Returns what came of them, and the subject.
fn perform(
    first: &Value,
    acts: &[(i64, Act)],
    mut between: impl FnMut(&mut Story, u64),
) -> (Vec<Step>, Subject) {
    let mut story = Story::new("{}");
    let mut rules = put(&mut story, first);
    let mut steps = Vec::new();
    let mut now_ms = START_MS;
    for (pause_ms, act) in acts {
        now_ms = now_ms.saturating_add_signed(*pause_ms);
        between(&mut story, now_ms);
        let issue = |ago: usize| story.issues.len().checked_sub(ago).filter(|number| *number > 0);
        let what = match act {
            Act::Issue(purpose, Exit::Delivered) => Send(*purpose),
            Act::Issue(purpose, Exit::Revealed) => Create(*purpose),
            Act::Issue(purpose, Exit::DeliveredAndRevealed) => Show(*purpose),
            Act::Issue(purpose, Exit::Withheld) => Withhold(*purpose),
            Act::Type(purpose, ago) => {
                issue(*ago).map_or(TypeWrong(*purpose), |number| Type(*purpose, number))
            }
            Act::TypeWrong(purpose) => TypeWrong(*purpose),
            Act::Search(ago) => match story.challenges.len().checked_sub(*ago) {
                None | Some(0) => continue,
                Some(number) => Search(number),
            },
            Act::Unlock => Unlock,
            Act::Forget => Forget,
            Act::Policy(record) => {
                rules = put(&mut story, record);
                continue;
            }
        };
        steps.push(Step::perform(&mut story, now_ms, what, &rules));
    }
    (steps, story.subject)
}

/// Puts a policy record in force. Returns its rules as the model reads them.
fn put(story: &mut Story, record: &Value) -> otp_model::Rules {
    let patch = PolicyPatch::from_json(&[], record.to_string().as_bytes(), &Bounds::default());
    story.policy = Policy::built_in().with(&patch.expect("it is within the bounds"));
    otp_model::Rules::default().with(record).expect("it is within the bounds")
}

proptest! {
    #[test]
    fn every_answer_is_what_the_model_says(acts in acts(), first in record(), is_swept: bool) {
        let (steps, _) = perform(&first, &acts, |story, now_ms| {
            if is_swept {
                story.sweep(now_ms);
            }
        });
        let (mut subject, mut ids) = (otp_model::Subject::default(), BTreeSet::new());
        for step in steps {
            let expected = expected(&mut subject, &step, &mut ids);
            prop_assert_eq!(step.line(), expected, "{:?} at {}", step.what, step.now_ms);
        }
    }

    #[test]
    fn the_sweep_acts_exactly_when_it_is_due(acts in acts(), first in record(), remember: bool) {
        let (_, mut subject) = perform(&first, &acts, |_, _| ());
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
