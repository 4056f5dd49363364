//! What an administrator may do to a subject: release its lock, or have it forgotten.

use super::decide::{Decision, OtpCommand, Rules};
use super::keys::UnknownKey;
use super::notice::{Notice, NoticeKind};
use super::subject::{Lock, Subject};
use super::time::LogTime;

/// Ends a lock of either kind and resets the count that led to it. Reported even if nothing was locked.
#[derive(Clone, Copy, Debug)]
pub struct Unlock;

/// Leaves nothing, lock and send windows included: the caller deletes the record.
#[derive(Clone, Copy, Debug)]
pub struct Forget;

impl OtpCommand for Unlock {
    type Outcome = ();

    fn apply(&self, mut subject: Subject, _: LogTime, _: &Rules<'_>) -> Result<Decision<()>, UnknownKey> {
        subject.lock = Lock::None;
        subject.consecutive_wrong = 0;
        Ok(Decision { subject, outcome: (), notices: vec![Notice::bare(NoticeKind::Unlocked)] })
    }
}

impl OtpCommand for Forget {
    type Outcome = ();

    fn apply(&self, _: Subject, _: LogTime, _: &Rules<'_>) -> Result<Decision<()>, UnknownKey> {
        let notices = vec![Notice::bare(NoticeKind::Forgotten)];
        Ok(Decision { subject: Subject::default(), outcome: (), notices })
    }
}
