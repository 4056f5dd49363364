//! What a decision or the expiry sweep reports on the lifecycle stream.

use super::challenge::{Challenge, ChallengeId};
use super::names::Purpose;
use super::policy::NumberPrefix;
use super::terms::PolicyVersion;
use super::time::LogTime;

/// One thing to report.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub challenge: Option<ChallengeId>,
    pub purpose: Option<Purpose>,
    /// Of `issued` and `resent`: the number of the delivery; 0 for a code that was only revealed.
    pub send_number: Option<u8>,
    /// Of `locked`: the end of the lock; `None` for a hard lock.
    pub locked_until: Option<LogTime>,
    /// Of `expired`: tenant and policy version of its challenge, since there is no request that has them.
    pub terms: Option<(Box<str>, PolicyVersion)>,
    /// Of the number to which the challenge was last sent.
    pub prefix: Option<NumberPrefix>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Issued,
    Resent,
    Superseded,
    Verified,
    Failed,
    Locked,
    Unlocked,
    Expired,
    Suppressed(Refusal),
    Forgotten,
}

/// Why nothing was issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Locked,
    SendTooSoon,
    SendLimit,
    DestinationNotAllowed,
    /// This partition's share of the hour's budget for numbers of the same first digits is spent.
    PrefixLimit,
    /// This partition's share of the hour's budget of the tenant root is spent.
    TenantLimit,
    /// The number got as many deliveries as it may have in an hour.
    NumberLimit,
}

impl Notice {
    /// A notice about the subject alone.
    pub(super) fn bare(kind: NoticeKind) -> Self {
        Self {
            kind,
            challenge: None,
            purpose: None,
            send_number: None,
            locked_until: None,
            terms: None,
            prefix: None,
        }
    }

    pub(super) fn of(kind: NoticeKind, challenge: &Challenge) -> Self {
        Self {
            challenge: Some(challenge.code.challenge),
            purpose: Some(challenge.code.purpose),
            prefix: challenge.prefix,
            ..Self::bare(kind)
        }
    }
}
