//! One issued code and the terms it was issued under. Holds no code and no hash of one.

use super::identity::Purpose;
use super::keys::KeyId;
use super::policy::PolicyVersion;
use super::time::LogTime;

/// The first 128 bits of the challenge's HMAC with the bits of a version-8 UUID (RFC 9562 §5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChallengeId(pub [u8; 16]);

/// How many digits a code has: 4 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digits(u8);

impl Digits {
    pub const MIN: u8 = 4;
    pub const MAX: u8 = 10;

    pub const fn new(digits: u8) -> Option<Self> {
        if digits >= Self::MIN && digits <= Self::MAX {
            Some(Self(digits))
        } else {
            None
        }
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

/// What a resend within the lifetime does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Resend {
    /// The same code again.
    Same = 1,
    /// Another code of the same challenge, same end of life.
    Rotate = 2,
}

/// Everything that a code is derived from, besides the subject: enough to make it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRef {
    pub challenge: ChallengeId,
    pub purpose: Purpose,
    pub key: KeyId,
    pub digits: Digits,
    pub rotation: u8,
}

/// What became of a challenge. Expiry is not a state: it is judged by time whenever the record is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeState {
    Live,
    Used {
        at: LogTime,
    },
    /// Out of tries, or ended by a lock.
    Ended {
        at: LogTime,
    },
}

/// One challenge of a subject, at most one per purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub code: CodeRef,
    pub issued_at: LogTime,
    /// The last millisecond at which the code is right (valid while elapsed ≤ lifetime).
    pub expires_at: LogTime,
    /// Wrong tries allowed, under the policy of the issue.
    pub tries_max: u8,
    /// Wrong tries so far, those inherited from a superseded challenge included.
    pub tries: u8,
    pub resend: Resend,
    /// Deliveries so far; a code that was only revealed is not one.
    pub sends: u8,
    pub state: ChallengeState,
    /// Sent to nobody because its recipient is unknown and must not be told apart: no code is right.
    pub decoy: bool,
    /// The lifecycle event `expired` was published.
    pub expiry_told: bool,
    /// The tenant as the issuing request gave it.
    pub tenant: Box<str>,
    pub policy_version: PolicyVersion,
}

impl Challenge {
    /// Neither used nor ended, and `now` is within its life.
    pub fn is_live(&self, now: LogTime) -> bool {
        matches!(self.state, ChallengeState::Live) && now <= self.expires_at
    }
}

impl std::fmt::Display for ChallengeId {
    /// The 36 characters of a UUID.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
