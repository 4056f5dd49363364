//! A challenge is looked up by the text of its id (docs/contracts/egov.md, `search`).

use super::challenge::ChallengeId;
use super::command::LookUp;
use super::decision::{ChallengeView, Decision, Outcome};
use super::subject::Subject;
use super::time::LogTime;

/// Finds it until its deadline, whatever became of it.
pub(super) fn decide(subject: Subject, it: &LookUp<'_>, now: LogTime) -> Decision {
    let wanted = ChallengeId::parse(it.challenge);
    let mut known = subject.challenges.iter();
    let found = known.find(|it| Some(it.code.challenge) == wanted && now <= it.expires_at);
    let outcome = Outcome::Found(found.map(ChallengeView::of));
    Decision { subject, outcome, notices: Vec::new() }
}
