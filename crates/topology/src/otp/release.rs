//! What an administrator may do to a subject: release its lock, or have it forgotten.

use super::decision::{Decision, Notice, NoticeKind, Outcome};
use super::subject::{Lock, Subject};

/// Ends a lock of either kind and the count that led to it; told even if nothing was locked.
pub(super) fn unlock(mut subject: Subject) -> Decision {
    subject.lock = Lock::None;
    subject.consecutive_wrong = 0;
    Decision { subject, outcome: Outcome::Released, notices: vec![Notice::bare(NoticeKind::Unlocked)] }
}

/// Leaves nothing, lock and windows included: the caller deletes the record.
pub(super) fn forget() -> Decision {
    Decision {
        subject: Subject::default(),
        outcome: Outcome::Forgotten,
        notices: vec![Notice::bare(NoticeKind::Forgotten)],
    }
}
