//! Looks a challenge up by the text of its id.

use super::challenge::{ChallengeId, ChallengeView};
use super::decide::{Decision, OtpCommand, Rules};
use super::keys::UnknownKey;
use super::subject::Subject;
use super::time::LogTime;

/// A look-up changes nothing and reports nothing.
#[derive(Clone, Debug)]
pub struct LookUp<'a> {
    /// The id as the request gave it.
    pub challenge: &'a str,
}

impl OtpCommand for LookUp<'_> {
    /// Found until the end of its life, used or not.
    type Outcome = Option<ChallengeView>;

    fn apply(
        &self,
        subject: Subject,
        now: LogTime,
        _: &Rules<'_>,
    ) -> Result<Decision<Self::Outcome>, UnknownKey> {
        let wanted = ChallengeId::parse(self.challenge);
        let mut known = subject.challenges.iter();
        let found = known.find(|it| Some(it.code.challenge) == wanted && now <= it.expires_at);
        let outcome = found.map(ChallengeView::of);
        Ok(Decision { subject, outcome, notices: Vec::new() })
    }
}
