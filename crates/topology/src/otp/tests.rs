//! The rules told as stories: at a time, a command; what comes of it and what is told.

mod properties;
mod sweep;

use super::*;
use Do::{Create, Forget, Search, Send, Sweep, Type, TypeWrong, Unlock, Withhold};
use Purpose::{Generic, Login, Register};

/// Two keys per purpose that rotates, both serving from the beginning on or from the end of time.
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

/// The contract's policy with a patch as the configuration spells it, bounds aside.
fn policy(patch: &str) -> Policy {
    let patch: PolicyPatch = serde_json::from_str(patch).expect("a good patch");
    Policy::default_of(ContractName::Egov).with(&patch)
}

#[derive(Clone, Copy, Debug)]
enum Do {
    Send(Purpose),
    Create(Purpose),
    Withhold(Purpose),
    /// The code that left with the n-th issue (from 1), for a purpose or for none.
    Type(Option<Purpose>, usize),
    TypeWrong(Option<Purpose>),
    /// The challenge of that number.
    Search(usize),
    Unlock,
    Forget,
    Sweep,
}

/// One subject and what its observers remember.
struct Story {
    policy: Policy,
    keys: Keyring,
    who: CanonicalSubject,
    subject: Subject,
    offset: i64,
    /// In the order of their appearance.
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

    fn decide(&mut self, at_ms: u64, command: &Command<'_>) -> (Outcome, Vec<Notice>) {
        self.offset += 1;
        let origin = origin(self.offset, at_ms);
        let rules = rules(&self.policy, &self.keys, &self.who, origin);
        let subject = std::mem::take(&mut self.subject);
        let decision = decide(subject, command, LogTime::from_ms(at_ms), &rules).expect("the keys are there");
        self.subject = decision.subject;
        if let Outcome::Issued { challenge, .. } = &decision.outcome {
            self.issues.push(challenge.code);
        }
        (decision.outcome, decision.notices)
    }

    fn sweep(&mut self, watermark_ms: u64) -> Vec<Notice> {
        let subject = std::mem::take(&mut self.subject);
        let (subject, notices) = expire(subject, LogTime::from_ms(watermark_ms));
        self.subject = subject.unwrap_or_default();
        notices
    }

    fn issue(&mut self, at_ms: u64, purpose: Purpose, exit: Exit) -> (Outcome, Vec<Notice>) {
        self.decide(at_ms, &Command::Issue(Issue { purpose, exit }))
    }

    fn code(&self, issue: usize) -> Code {
        Code::derive(&self.keys, &self.who, self.issues[issue - 1]).expect("the key is there")
    }

    fn perform(&mut self, at_ms: u64, what: Do) -> (Option<Outcome>, Vec<Notice>) {
        let (outcome, notices) = match what {
            Send(purpose) => self.issue(at_ms, purpose, Exit::Delivered),
            Create(purpose) => self.issue(at_ms, purpose, Exit::Revealed),
            Withhold(purpose) => self.issue(at_ms, purpose, Exit::Withheld),
            Type(purpose, issue) => {
                let code = self.code(issue);
                let code = code.digits();
                self.decide(at_ms, &Command::Verify(Verify { purpose, code }))
            }
            TypeWrong(purpose) => {
                let code = "wrong";
                self.decide(at_ms, &Command::Verify(Verify { purpose, code }))
            }
            Search(number) => {
                let challenge = self.challenges[number - 1].to_string();
                let challenge = challenge.as_str();
                self.decide(at_ms, &Command::LookUp(LookUp { challenge }))
            }
            Unlock => self.decide(at_ms, &Command::Unlock),
            Forget => self.decide(at_ms, &Command::Forget),
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

    fn tell(&mut self, outcome: Option<Outcome>, notices: Vec<Notice>) -> String {
        let until = |end: Option<LogTime>| end.map_or(String::new(), |end| format!(" until {}", end.ms()));
        let outcome = match outcome {
            None => "swept".to_owned(),
            Some(Outcome::Issued { challenge, send_number }) => {
                let number = self.number(challenge.code.challenge);
                let end = challenge.expires_at.ms();
                format!("{number} rotation {} send {send_number} until {end}", challenge.code.rotation)
            }
            Some(Outcome::Refused { refusal, locked_until }) => format!("{refusal:?}{}", until(locked_until)),
            Some(Outcome::Verified(it)) => {
                let number = it.challenge.map_or("-".to_owned(), |id| self.number(id));
                let count = |count: Option<u32>| count.map_or("-".to_owned(), |it| it.to_string());
                let (tries, left) = (count(it.attempts.map(u32::from)), count(it.attempts_remaining));
                format!("{:?} {number} tries {tries} left {left}{}", it.verdict, until(it.locked_until))
            }
            Some(Outcome::Found(found)) => {
                found.map_or("nothing".to_owned(), |it| format!("used {}", it.used))
            }
            Some(Outcome::Released) => "released".to_owned(),
            Some(Outcome::Forgotten) => "forgotten".to_owned(),
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

fn check(patch: &str, steps: &[(u64, Do, &str)]) {
    let mut story = Story::new(patch);
    for (number, (at_ms, what, expected)) in steps.iter().enumerate() {
        let (outcome, notices) = story.perform(*at_ms, *what);
        let told = story.tell(outcome, notices);
        assert_eq!(told, *expected, "step {number}: at {at_ms} {what:?}");
    }
}

/// No pause and ample limits, for stories about something else.
const FREE: &str = r#"{"send_pause_ms":0,"sends_per_challenge_max":50,"sends_per_10_min_max":50,
    "sends_per_day_max":50}"#;

#[test]
fn a_code_is_right_once() {
    check(
        "{}",
        &[
            (1_000, Send(Login), "c1 rotation 0 send 1 until 301000 | Issued c1 send 1"),
            (2_000, Type(None, 1), "Accepted c1 tries 0 left 5 | Verified c1"),
            (2_000, Type(None, 1), "AlreadyUsed c1 tries 0 left -"),
            (2_000, TypeWrong(Some(Login)), "AlreadyUsed c1 tries 0 left -"),
            (2_000, Type(Some(Register), 1), "NoChallenge - tries - left -"),
            (31_000, Send(Login), "c2 rotation 0 send 1 until 331000 | Issued c2 send 1"),
            (31_000, Type(None, 1), "WrongCode c2 tries 1 left 4"),
            (31_000, Type(None, 2), "Accepted c2 tries 1 left 4 | Verified c2"),
        ],
    );
}

#[test]
fn a_code_is_right_up_to_the_last_millisecond_of_its_life() {
    check(
        "{}",
        &[
            (1_000, Send(Login), "c1 rotation 0 send 1 until 301000 | Issued c1 send 1"),
            (301_001, Type(None, 1), "Expired c1 tries 0 left -"),
            (301_001, Send(Login), "c2 rotation 0 send 1 until 601001 | Issued c2 send 1"),
            (601_001, Type(None, 2), "Accepted c2 tries 0 left 5 | Verified c2"),
        ],
    );
    // The subject's time does not go back with a record that is older than the one before.
    check(
        "{}",
        &[
            (1_000, Send(Login), "c1 rotation 0 send 1 until 301000 | Issued c1 send 1"),
            (301_001, TypeWrong(None), "Expired c1 tries 0 left -"),
            (300_000, Type(None, 1), "Expired c1 tries 0 left -"),
        ],
    );
}

#[test]
fn what_ended_is_remembered_for_a_day() {
    let day = 24 * 60 * 60 * 1000;
    check(
        FREE,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (0, Send(Register), "c2 rotation 0 send 1 until 300000 | Issued c2 send 1"),
            (5, Type(None, 2), "Accepted c2 tries 0 left 5 | Verified c2"),
            (day + 5, Type(Some(Register), 2), "AlreadyUsed c2 tries 0 left -"),
            (day + 6, Type(Some(Register), 2), "NoChallenge - tries - left -"),
            (day + 300_000, Type(None, 2), "Expired c1 tries 0 left -"),
            (day + 300_001, Type(None, 2), "NoChallenge - tries - left -"),
        ],
    );
}

#[test]
fn a_challenge_ends_with_its_last_try() {
    check(
        r#"{"wrong_tries_max":3}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 1 left 2"),
            (1, TypeWrong(Some(Login)), "WrongCode c1 tries 2 left 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 3 left 0 | Failed c1"),
            (1, Type(None, 1), "Ended c1 tries 3 left -"),
            (30_000, Send(Login), "c2 rotation 0 send 1 until 330000 | Issued c2 send 1"),
            (30_000, Type(None, 2), "Accepted c2 tries 0 left 3 | Verified c2"),
        ],
    );
}

#[test]
fn consecutive_wrong_tries_lock_the_subject() {
    check(
        r#"{"send_pause_ms":0,"wrong_tries_max":3,"lock_after":4,"hard_lock_after":8,"lock_ms":600000}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (0, Send(Register), "c2 rotation 0 send 1 until 300000 | Issued c2 send 1"),
            (0, Send(Generic), "c3 rotation 0 send 1 until 300000 | Issued c3 send 1"),
            (1, TypeWrong(Some(Login)), "WrongCode c1 tries 1 left 2"),
            (1, TypeWrong(Some(Login)), "WrongCode c1 tries 2 left 1"),
            (1, TypeWrong(Some(Login)), "WrongCode c1 tries 3 left 0 | Failed c1"),
            (
                1,
                TypeWrong(Some(Register)),
                "WrongCode c2 tries 1 left 0 until 600001 | Locked c2 until 600001",
            ),
            (2, Type(None, 3), "Locked c3 tries 0 left - until 600001"),
            (2, Send(Login), "Locked until 600001 | Suppressed(Locked)"),
            (2, Create(Login), "Locked until 600001 | Suppressed(Locked)"),
            (600_000, Type(Some(Login), 1), "Locked c1 tries 3 left - until 600001"),
            (600_001, Type(None, 3), "Ended c3 tries 0 left -"),
            // A passed lock resets nothing: three more and the fourth is the hard stop.
            (600_001, Send(Login), "c4 rotation 0 send 1 until 900001 | Issued c4 send 1"),
            (600_001, TypeWrong(None), "WrongCode c4 tries 1 left 2"),
            (600_001, TypeWrong(None), "WrongCode c4 tries 2 left 1"),
            (600_001, Send(Register), "c5 rotation 0 send 1 until 900001 | Issued c5 send 1"),
            (600_001, TypeWrong(Some(Register)), "WrongCode c5 tries 1 left 1"),
            (600_001, TypeWrong(Some(Login)), "WrongCode c4 tries 3 left 0 | Failed c4 | Locked c4"),
            (80_000_000, Type(None, 5), "Locked c5 tries 1 left -"),
        ],
    );
}

#[test]
fn a_hard_lock_ends_by_release_alone() {
    check(
        r#"{"send_pause_ms":0,"lock_after":3,"hard_lock_after":2}"#,
        &[
            (0, Unlock, "released | Unlocked"),
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 1 left 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 2 left 0 | Locked c1"),
            (80_000_000, Type(None, 1), "Locked c1 tries 2 left -"),
            (80_000_000, Send(Login), "Locked | Suppressed(Locked)"),
            (80_000_000, Unlock, "released | Unlocked"),
            (80_000_000, Send(Login), "c2 rotation 0 send 1 until 80300000 | Issued c2 send 1"),
            (80_000_000, TypeWrong(None), "WrongCode c2 tries 1 left 1"),
            (80_000_000, Type(None, 2), "Accepted c2 tries 1 left 2 | Verified c2"),
        ],
    );
}

#[test]
fn a_success_resets_the_count_and_a_resend_does_not() {
    check(
        r#"{"send_pause_ms":0,"lock_after":3}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 1 left 2"),
            (1, TypeWrong(None), "WrongCode c1 tries 2 left 1"),
            (1, Send(Login), "c1 rotation 0 send 2 until 300000 | Resent c1 send 2"),
            (1, Type(None, 2), "Accepted c1 tries 2 left 3 | Verified c1"),
            (1, Send(Login), "c2 rotation 0 send 1 until 300001 | Issued c2 send 1"),
            (1, TypeWrong(None), "WrongCode c2 tries 1 left 2"),
            (1, TypeWrong(None), "WrongCode c2 tries 2 left 1"),
            (2, TypeWrong(None), "WrongCode c2 tries 3 left 0 until 600002 | Locked c2 until 600002"),
        ],
    );
}

#[test]
fn only_a_wrong_code_against_a_live_challenge_counts() {
    check(
        r#"{"send_pause_ms":0,"lock_after":2}"#,
        &[
            (0, TypeWrong(None), "NoChallenge - tries - left -"),
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (0, TypeWrong(Some(Register)), "NoChallenge - tries - left -"),
            (300_001, TypeWrong(None), "Expired c1 tries 0 left -"),
            (300_001, Send(Login), "c2 rotation 0 send 1 until 600001 | Issued c2 send 1"),
            (300_001, Type(None, 2), "Accepted c2 tries 0 left 2 | Verified c2"),
            (300_001, TypeWrong(None), "AlreadyUsed c2 tries 0 left -"),
            (300_001, Send(Login), "c3 rotation 0 send 1 until 600001 | Issued c3 send 1"),
            (300_001, TypeWrong(None), "WrongCode c3 tries 1 left 1"),
        ],
    );
}

#[test]
fn a_resend_repeats_the_code_while_a_third_of_its_life_is_left() {
    check(
        FREE,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 1 left 4"),
            (200_000, Send(Login), "c1 rotation 0 send 2 until 300000 | Resent c1 send 2"),
            (200_001, Send(Login), "c2 rotation 0 send 1 until 500001 | Superseded c1 | Issued c2 send 1"),
            (200_001, Type(None, 1), "WrongCode c2 tries 2 left 3"),
            (500_002, Send(Login), "c3 rotation 0 send 1 until 800002 | Issued c3 send 1"),
            (500_002, TypeWrong(None), "WrongCode c3 tries 1 left 4"),
        ],
    );
}

#[test]
fn a_rotating_resend_shows_another_code_of_the_same_challenge() {
    check(
        r#"{"send_pause_ms":0,"resend":"rotate"}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, Send(Login), "c1 rotation 1 send 2 until 300000 | Resent c1 send 2"),
            (2, Type(None, 1), "WrongCode c1 tries 1 left 4"),
            (2, Type(None, 2), "Accepted c1 tries 1 left 4 | Verified c1"),
        ],
    );
}

#[test]
fn one_purpose_does_not_disturb_another() {
    check(
        FREE,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, Send(Register), "c2 rotation 0 send 1 until 300001 | Issued c2 send 1"),
            (2, Send(Login), "c1 rotation 0 send 2 until 300000 | Resent c1 send 2"),
            // Without a purpose it is the one that was issued last, not the one that was sent last.
            (3, Type(None, 1), "WrongCode c2 tries 1 left 4"),
            (3, Type(Some(Login), 1), "Accepted c1 tries 0 left 5 | Verified c1"),
            (4, Type(None, 2), "Accepted c2 tries 1 left 4 | Verified c2"),
            (4, TypeWrong(None), "AlreadyUsed c2 tries 1 left -"),
            (5, Send(Login), "c3 rotation 0 send 1 until 300005 | Issued c3 send 1"),
            (6, Send(Register), "c4 rotation 0 send 1 until 300006 | Issued c4 send 1"),
            (7, Type(None, 5), "Accepted c4 tries 0 left 5 | Verified c4"),
            // The last one is used: the last live one counts.
            (8, Type(None, 4), "Accepted c3 tries 0 left 5 | Verified c3"),
        ],
    );
}

#[test]
fn deliveries_have_a_pause_and_limits() {
    check(
        r#"{"sends_per_challenge_max":2,"sends_per_10_min_max":3,"sends_per_day_max":4}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (29_999, Send(Login), "SendTooSoon | Suppressed(SendTooSoon)"),
            (29_999, Send(Register), "SendTooSoon | Suppressed(SendTooSoon)"),
            (30_000, Send(Login), "c1 rotation 0 send 2 until 300000 | Resent c1 send 2"),
            (60_000, Send(Login), "SendLimit | Suppressed(SendLimit)"),
            (60_000, Send(Register), "c2 rotation 0 send 1 until 360000 | Issued c2 send 1"),
            (90_000, Send(Generic), "SendLimit | Suppressed(SendLimit)"),
            (599_999, Send(Login), "SendLimit | Suppressed(SendLimit)"),
            (600_000, Send(Login), "c3 rotation 0 send 1 until 900000 | Issued c3 send 1"),
            (86_399_999, Send(Login), "SendLimit | Suppressed(SendLimit)"),
            (86_400_000, Send(Login), "c4 rotation 0 send 1 until 86700000 | Issued c4 send 1"),
            (86_429_999, Send(Login), "SendTooSoon | Suppressed(SendTooSoon)"),
            (86_430_000, Send(Login), "c4 rotation 0 send 2 until 86700000 | Resent c4 send 2"),
        ],
    );
}

#[test]
fn a_revealed_code_counts_as_no_delivery() {
    check(
        r#"{"sends_per_challenge_max":1,"sends_per_10_min_max":1}"#,
        &[
            (0, Create(Generic), "c1 rotation 0 send 0 until 300000 | Issued c1 send 0"),
            (0, Create(Generic), "c1 rotation 0 send 0 until 300000 | Resent c1 send 0"),
            (0, Send(Generic), "c1 rotation 0 send 1 until 300000 | Resent c1 send 1"),
            (1, Send(Generic), "SendTooSoon | Suppressed(SendTooSoon)"),
            (1, Create(Generic), "c1 rotation 0 send 0 until 300000 | Resent c1 send 0"),
            (30_000, Send(Login), "SendLimit | Suppressed(SendLimit)"),
        ],
    );
}

#[test]
fn a_withheld_code_counts_like_a_delivery_and_is_never_right() {
    check(
        r#"{"wrong_tries_max":2,"sends_per_challenge_max":2}"#,
        &[
            (0, Withhold(Login), "c1 rotation 0 send 1 until 300000"),
            (1, Withhold(Login), "SendTooSoon | Suppressed(SendTooSoon)"),
            (2, Type(None, 1), "WrongCode c1 tries 1 left 1"),
            (30_000, Withhold(Login), "c1 rotation 0 send 2 until 300000"),
            (60_000, Withhold(Login), "SendLimit | Suppressed(SendLimit)"),
            (60_000, Type(None, 1), "WrongCode c1 tries 2 left 0 | Failed c1"),
            (60_000, Withhold(Login), "c2 rotation 0 send 1 until 360000"),
            (90_000, Send(Login), "c3 rotation 0 send 1 until 390000 | Superseded c2 | Issued c3 send 1"),
            (120_000, Withhold(Login), "c4 rotation 0 send 1 until 420000 | Superseded c3"),
            (120_000, Type(None, 4), "WrongCode c4 tries 1 left 1"),
        ],
    );
}

#[test]
fn an_id_finds_its_challenge_until_its_deadline() {
    check(
        FREE,
        &[
            (0, Create(Generic), "c1 rotation 0 send 0 until 300000 | Issued c1 send 0"),
            (1, Search(1), "used false"),
            (2, Type(None, 1), "Accepted c1 tries 0 left 5 | Verified c1"),
            (300_000, Search(1), "used true"),
            (300_001, Search(1), "nothing"),
            (300_002, Create(Generic), "c2 rotation 0 send 0 until 600002 | Issued c2 send 0"),
            (300_003, Search(1), "nothing"),
            (300_003, Search(2), "used false"),
        ],
    );
}

#[test]
fn forgetting_leaves_nothing() {
    check(
        r#"{"sends_per_10_min_max":1,"hard_lock_after":1}"#,
        &[
            (0, Send(Login), "c1 rotation 0 send 1 until 300000 | Issued c1 send 1"),
            (1, TypeWrong(None), "WrongCode c1 tries 1 left 0 | Locked c1"),
            (2, Forget, "forgotten | Forgotten"),
            (3, Type(None, 1), "NoChallenge - tries - left -"),
            (3, Send(Login), "c2 rotation 0 send 1 until 300003 | Issued c2 send 1"),
            (4, Type(None, 2), "Accepted c2 tries 0 left 1 | Verified c2"),
        ],
    );
}
