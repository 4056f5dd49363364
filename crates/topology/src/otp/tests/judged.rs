//! One step of a story in a line, as the rules answer it and as the model says. Challenges are named by their ids, as events
//! name them.

use super::*;
use otp_model as model;
use std::collections::BTreeSet;

/// A command and what it came to.
#[derive(Debug)]
pub(super) struct Step {
    pub now_ms: u64,
    pub what: Do,
    /// In force at that time.
    rules: model::Rules,
    /// What was typed or searched.
    asked: String,
    /// The id of the challenge that was issued, and its code. The code is `None` if it went to nobody.
    seen: Option<(String, Option<String>)>,
    came: Came,
    notices: Vec<Notice>,
}

impl Step {
    pub(super) fn perform(story: &mut Story, now_ms: u64, what: Do, rules: &model::Rules) -> Self {
        let asked = match what {
            Type(_, issue) => story.code(issue).digits().to_owned(),
            TypeWrong(_) => "wrong".to_owned(),
            Search(number) => story.challenges[number - 1].to_string(),
            Send(_) | Create(_) | Show(_) | Withhold(_) | Unlock | Forget | Sweep => String::new(),
        };
        let (came, notices) = story.perform(now_ms, what);
        let came = came.expect("no sweep");
        let mut seen = None;
        if let Issued(IssueOutcome::Issued { challenge, .. }) = &came {
            story.number(challenge.code.challenge);
            let code =
                (!matches!(what, Withhold(_))).then(|| story.code(story.issues.len()).digits().to_owned());
            seen = Some((challenge.code.challenge.to_string(), code));
        }
        Self { now_ms, what, rules: rules.clone(), asked, seen, came, notices }
    }

    /// What the rules answered.
    pub(super) fn line(&self) -> String {
        let ms = |time: Option<LogTime>| time.map(LogTime::ms);
        match &self.came {
            Issued(IssueOutcome::Refused { refusal, locked_until }) => {
                let told = self.notices.iter().map(|it| it.kind).collect::<Vec<_>>();
                assert_eq!(told, [NoticeKind::Suppressed(*refusal)]);
                let reason = match refusal {
                    Refusal::Locked => "locked",
                    Refusal::SendTooSoon => "send_too_soon",
                    Refusal::SendLimit => "send_limit",
                    Refusal::NumberLimit => "number_limit",
                    Refusal::DestinationNotAllowed | Refusal::PrefixLimit | Refusal::TenantLimit => {
                        unreachable!("no order of these tests is barred")
                    }
                };
                refused(reason, ms(*locked_until))
            }
            Issued(IssueOutcome::Issued { challenge, send_number }) => {
                let code = self.seen.as_ref().and_then(|(_, code)| code.clone());
                let (end, digits) = (challenge.expires_at.ms(), challenge.code.digits.get().into());
                let told = self.notices.iter().map(told).collect();
                issued(
                    &challenge.code.challenge.to_string(),
                    [(*send_number).into(), end, digits],
                    code,
                    told,
                )
            }
            Verified(it) => {
                let locked = self.notices.iter().filter(|notice| notice.kind == NoticeKind::Locked);
                assert!(locked.into_iter().all(|notice| notice.locked_until == it.locked_until));
                let verified = model::Verified {
                    reason: reason(it.verdict),
                    challenge: it.challenge.map(|id| id.to_string()),
                    purpose: it.purpose.map(|purpose| purpose.as_str().to_owned()),
                    attempts: it.attempts.map(u64::from),
                    attempts_remaining: it.attempts_remaining.map(u64::from),
                    locked_until: ms(it.locked_until),
                    told: self.notices.iter().map(|notice| kind(notice.kind)).collect(),
                };
                format!("{verified:?}")
            }
            Found(found) => format!("{:?}", found.as_ref().map(|it| it.used)),
            Released | Forgotten => self.notices.iter().map(|notice| kind(notice.kind)).collect(),
        }
    }
}

/// What the model says. `ids`: of all challenges so far.
pub(super) fn expected(subject: &mut model::Subject, step: &Step, ids: &mut BTreeSet<String>) -> String {
    let (at, rules) = (step.now_ms, &step.rules);
    let (purpose, way) = match step.what {
        Send(purpose) => (purpose, model::Way::Delivered),
        Create(purpose) => (purpose, model::Way::Revealed),
        Show(purpose) => (purpose, model::Way::DeliveredAndRevealed),
        Withhold(purpose) => (purpose, model::Way::Withheld),
        Type(purpose, _) | TypeWrong(purpose) => {
            return format!("{:?}", subject.verify(purpose.map(Purpose::as_str), &step.asked, at, rules));
        }
        Search(_) => return format!("{:?}", subject.search(&step.asked, at)),
        Unlock => {
            subject.unlock(at);
            return "unlocked".to_owned();
        }
        Forget => {
            subject.forget();
            return "forgotten".to_owned();
        }
        Sweep => unreachable!("no act is a sweep"),
    };
    let (seen_id, seen_code) = step.seen.clone().unwrap_or_default();
    let (kind, id, replaced, sent, code) = match subject.send(purpose.as_str(), way, at, rules) {
        model::Sent::Refused { reason, locked_until } => return refused(reason, locked_until),
        model::Sent::New { replaced, send_number, deadline, digits } => {
            assert!(ids.insert(seen_id.clone()), "{seen_id} is not the id of a new challenge");
            ("issued", seen_id, replaced, [send_number, deadline, digits], None)
        }
        model::Sent::Again { id, send_number, deadline, digits, code } => {
            ("resent", id, None, [send_number, deadline, digits], code)
        }
    };
    subject.saw(&id, seen_code.as_deref());
    if let Some(code) = &seen_code {
        assert_eq!(code.len() as u64, sent[2], "digits");
    }
    let is_told = way != model::Way::Withheld;
    let own = is_told.then(|| format!("{kind} {id} {:?}", Some(sent[0])));
    let told = replaced.map(|old| format!("superseded {old} None")).into_iter().chain(own).collect();
    issued(&id, sent, code.or(seen_code), told)
}

fn refused(reason: &str, locked_until: Option<u64>) -> String {
    format!("{reason} until {locked_until:?}")
}

/// `sent`: number of the delivery, deadline, digits.
fn issued(id: &str, sent: [u64; 3], code: Option<String>, told: Vec<String>) -> String {
    format!("{id} {sent:?} {code:?} {told:?}")
}

fn told(notice: &Notice) -> String {
    let id = notice.challenge.map(|id| id.to_string()).unwrap_or_default();
    format!("{} {id} {:?}", kind(notice.kind), notice.send_number)
}

const fn kind(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Issued => "issued",
        NoticeKind::Resent => "resent",
        NoticeKind::Superseded => "superseded",
        NoticeKind::Verified => "verified",
        NoticeKind::Failed => "failed",
        NoticeKind::Locked => "locked",
        NoticeKind::Unlocked => "unlocked",
        NoticeKind::Expired => "expired",
        NoticeKind::Suppressed(_) => "suppressed",
        NoticeKind::Forgotten => "forgotten",
    }
}

const fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "verified",
        Verdict::Locked => "locked",
        Verdict::NoChallenge => "no_challenge",
        Verdict::AlreadyUsed => "already_used",
        Verdict::Ended => "ended",
        Verdict::NotYetValid => "not_yet_valid",
        Verdict::Expired => "expired",
        Verdict::Mismatch => "mismatch",
        Verdict::WrongCode => "wrong_code",
    }
}
