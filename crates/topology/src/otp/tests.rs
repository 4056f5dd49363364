//! A subject, commands at their times, and their outcomes: the fixture of the stories and the properties.

mod judged;
mod properties;
mod report;
mod reserved;
mod stories;
mod terms;

use super::*;
use Came::{Forgotten, Found, Issued, Released, Verified};
use Do::{Create, Forget, Search, Send, Show, Sweep, Type, TypeWrong, Unlock, Withhold};

/// One key of each purpose, and a second code key that never becomes active.
pub(super) fn keyring() -> Keyring {
    let mut parts: Vec<KeyParts> = KeyPurpose::ALL
        .map(|purpose| (purpose, KeyId(1), LogTime::default(), [purpose as u8 + 1; 32]))
        .to_vec();
    parts.push((KeyPurpose::Code, KeyId(2), LogTime::from_ms(u64::MAX), [9; 32]));
    Keyring::new(parts).expect("a key of each purpose")
}

pub(super) fn who() -> CanonicalSubject {
    CanonicalSubject::new(ContractName::Egov, "pb", "9123456789").expect("a subject")
}

pub(super) fn origin(offset: i64, time_ms: u64) -> Origin<'static> {
    Origin { topic: "otp-request-egov", partition: 3, offset, time: LogTime::from_ms(time_ms) }
}

pub(super) fn rules<'a>(
    policy: &'a Policy,
    keys: &'a Keyring,
    who: &'a CanonicalSubject,
    origin: Origin<'a>,
) -> Rules<'a> {
    Rules { policy, keys, who, tenant: "pb.amritsar", origin }
}

/// The built-in policy with a patch as the configuration spells it. Bounds are not checked.
fn policy(patch: &str) -> Policy {
    let patch: PolicyPatch = serde_json::from_str(patch).expect("a good patch");
    Policy::built_in().with(&patch)
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Send(Purpose),
    Create(Purpose),
    /// Sent and shown.
    Show(Purpose),
    Withhold(Purpose),
    /// Types the code of the n-th issue (from 1), for a purpose or for none.
    Type(Option<Purpose>, usize),
    TypeWrong(Option<Purpose>),
    /// The challenge of that number.
    Search(usize),
    Unlock,
    Forget,
    Sweep,
}

impl Do {
    fn parse(text: &str) -> Self {
        let named =
            |name: &&str| Purpose::ALL.into_iter().find(|it| it.as_str() == *name).expect("a purpose");
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["send", purpose] => Send(named(purpose)),
            ["create", purpose] => Create(named(purpose)),
            ["show", purpose] => Show(named(purpose)),
            ["withhold", purpose] => Withhold(named(purpose)),
            ["type", issue, purpose @ ..] => {
                Type(purpose.last().map(named), issue.parse().expect("an issue's number"))
            }
            ["wrong", purpose @ ..] => TypeWrong(purpose.last().map(named)),
            ["search", number] => Search(number.parse().expect("a challenge's number")),
            ["unlock"] => Unlock,
            ["forget"] => Forget,
            ["sweep"] => Sweep,
            other => panic!("no command: {other:?}"),
        }
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
enum Came {
    Issued(IssueOutcome),
    Verified(Verification),
    Found(Option<ChallengeView>),
    Released,
    Forgotten,
}

/// One subject, and what its observers know.
struct Story {
    policy: Policy,
    keys: Keyring,
    who: CanonicalSubject,
    subject: Subject,
    offset: i64,
    /// In the order in which they first appeared.
    challenges: Vec<ChallengeId>,
    issues: Vec<CodeRef>,
}

impl Story {
    fn new(patch: &str) -> Self {
        Self {
            policy: policy(patch),
            keys: keyring(),
            who: who(),
            subject: Subject::default(),
            offset: 0,
            challenges: Vec::new(),
            issues: Vec::new(),
        }
    }

    fn decide<C: OtpCommand>(&mut self, at_ms: u64, command: &C) -> (C::Outcome, Vec<Notice>) {
        self.offset += 1;
        let origin = origin(self.offset, at_ms);
        let rules = rules(&self.policy, &self.keys, &self.who, origin);
        let subject = std::mem::take(&mut self.subject);
        let decision = decide(subject, command, LogTime::from_ms(at_ms), &rules).expect("the keys are there");
        self.subject = decision.subject;
        (decision.outcome, decision.notices)
    }

    fn sweep(&mut self, watermark_ms: u64) -> Vec<Notice> {
        let subject = std::mem::take(&mut self.subject);
        let (subject, notices) = expire(subject, LogTime::from_ms(watermark_ms));
        self.subject = subject.unwrap_or_default();
        notices
    }

    fn issue(&mut self, at_ms: u64, purpose: Purpose, exit: Exit) -> (Came, Vec<Notice>) {
        let command = Issue {
            purpose,
            exit,
            terms: None,
            holder: None,
            prefix: None,
            is_reserved: false,
            barred: None,
        };
        let (outcome, notices) = self.decide(at_ms, &command);
        if let IssueOutcome::Issued { challenge, .. } = &outcome {
            self.issues.push(challenge.code);
        }
        (Issued(outcome), notices)
    }

    fn verify(&mut self, at_ms: u64, purpose: Option<Purpose>, code: &str) -> (Came, Vec<Notice>) {
        let (verification, notices) = self.decide(at_ms, &Verify { purpose, code, terms: None });
        (Verified(verification), notices)
    }

    fn code(&self, issue: usize) -> Code {
        Code::derive(&self.keys, &self.who, self.issues[issue - 1]).expect("the key is there")
    }

    fn perform(&mut self, at_ms: u64, what: Do) -> (Option<Came>, Vec<Notice>) {
        let (outcome, notices) = match what {
            Send(purpose) => self.issue(at_ms, purpose, Exit::Delivered),
            Create(purpose) => self.issue(at_ms, purpose, Exit::Revealed),
            Show(purpose) => self.issue(at_ms, purpose, Exit::DeliveredAndRevealed),
            Withhold(purpose) => self.issue(at_ms, purpose, Exit::Withheld),
            Type(purpose, issue) => {
                let code = self.code(issue);
                self.verify(at_ms, purpose, code.digits())
            }
            TypeWrong(purpose) => self.verify(at_ms, purpose, "wrong"),
            Search(number) => {
                let challenge = self.challenges[number - 1].to_string();
                let (found, notices) = self.decide(at_ms, &LookUp { challenge: &challenge });
                (Found(found), notices)
            }
            Unlock => (Released, self.decide(at_ms, &super::Unlock).1),
            Forget => (Forgotten, self.decide(at_ms, &super::Forget).1),
            Sweep => return (None, self.sweep(at_ms)),
        };
        (Some(outcome), notices)
    }

    fn number(&mut self, id: ChallengeId) -> String {
        let known = self.challenges.iter().position(|it| *it == id);
        let at = known.unwrap_or_else(|| {
            self.challenges.push(id);
            self.challenges.len() - 1
        });
        format!("c{}", at + 1)
    }

    fn describe(&mut self, outcome: Option<Came>, notices: Vec<Notice>) -> String {
        let until = |end: Option<LogTime>| end.map_or(String::new(), |end| format!(" until {}", end.ms()));
        let outcome = match outcome {
            None => "swept".to_owned(),
            Some(Issued(IssueOutcome::Issued { challenge, send_number })) => {
                let number = self.number(challenge.code.challenge);
                let end = challenge.expires_at.ms();
                format!("{number} rotation {} send {send_number} until {end}", challenge.code.rotation)
            }
            Some(Issued(IssueOutcome::Refused { refusal, locked_until })) => {
                format!("{refusal:?}{}", until(locked_until))
            }
            Some(Verified(it)) => {
                let number = it.challenge.map_or("-".to_owned(), |id| self.number(id));
                let count = |count: Option<u32>| count.map_or("-".to_owned(), |it| it.to_string());
                let (tries, left) = (count(it.attempts.map(u32::from)), count(it.attempts_remaining));
                format!("{:?} {number} tries {tries} left {left}{}", it.verdict, until(it.locked_until))
            }
            Some(Found(found)) => found.map_or("nothing".to_owned(), |it| format!("used {}", it.used)),
            Some(Released) => "released".to_owned(),
            Some(Forgotten) => "forgotten".to_owned(),
        };
        let notices = notices.into_iter().map(|it| {
            let number = it.challenge.map_or(String::new(), |id| format!(" {}", self.number(id)));
            let send = it.send_number.map_or(String::new(), |send| format!(" send {send}"));
            let terms = it.terms.map_or(String::new(), |(tenant, _)| format!(" of {tenant}"));
            format!(" | {:?}{number}{send}{}{terms}", it.kind, until(it.locked_until))
        });
        outcome + &notices.collect::<String>()
    }
}

/// `<milliseconds> <command> [for <purpose>] => <outcome> | <notice> | …` a line; `#` starts a remark. A line of rules in
/// braces is the policy of the steps below it.
fn check(patch: &str, steps: &str) {
    let mut story = Story::new(patch);
    for line in steps.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#')) {
        if line.starts_with('{') {
            story.policy = policy(line);
            continue;
        }
        let (step, expected) = line.split_once(" => ").expect("a step and its outcome");
        let (at_ms, what) = step.trim().split_once(' ').expect("a time and a command");
        let at_ms = at_ms.parse().expect("milliseconds");
        let (outcome, notices) = story.perform(at_ms, Do::parse(what));
        assert_eq!(story.describe(outcome, notices), expected, "{line}");
    }
}
