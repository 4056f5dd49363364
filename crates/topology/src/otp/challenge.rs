//! One issued code and the terms it was issued under. Contains neither the code nor a hash of it.

use arrayvec::ArrayString;

use super::hex::hex;
use super::identity::Holder;
use super::keys::KeyId;
use super::names::Purpose;
use super::policy::NumberPrefix;
use super::terms::{CodeTerms, Digits, PolicyVersion, Resend};
use super::time::LogTime;

/// The first 128 bits of the challenge's HMAC with the bits of a version-8 UUID (RFC 9562 §5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChallengeId(pub [u8; 16]);

/// Everything that a code is derived from besides the subject: enough to derive it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRef {
    pub challenge: ChallengeId,
    pub purpose: Purpose,
    pub key: KeyId,
    pub digits: Digits,
    pub rotation: u8,
}

/// What happened to a challenge. Expiry is not a state: it is judged by time whenever the record is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeState {
    Live,
    Used {
        at: LogTime,
    },
    /// Out of tries, or ended when the subject was locked.
    Ended {
        at: LogTime,
    },
}

/// One challenge of a subject, at most one per purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub code: CodeRef,
    /// The first millisecond at which the code is accepted: the time of issue, unless the request named terms of its own.
    pub issued_at: LogTime,
    /// The last millisecond at which the code is accepted.
    pub expires_at: LogTime,
    /// Wrong tries allowed by the policy it was issued under.
    pub tries_max: u8,
    /// Wrong tries so far, including those inherited from the challenge it superseded.
    pub tries: u8,
    pub resend: Resend,
    /// Deliveries so far; a code that was only revealed is not one.
    pub sends: u8,
    pub state: ChallengeState,
    /// Sent to nobody, because its recipient is unknown and a caller must not notice that. No code is accepted.
    pub decoy: bool,
    /// The lifecycle event `expired` was published.
    pub expiry_reported: bool,
    /// The tenant as the issuing request gave it.
    pub tenant: Box<str>,
    pub policy_version: PolicyVersion,
    /// Whom the directory named when it was issued. `None`: nobody was looked up, or has no id.
    pub holder: Option<Holder>,
    /// Of the number to which it was last sent.
    pub prefix: Option<NumberPrefix>,
}

/// A challenge as a reply may show it: without its code.
#[derive(Clone, Debug, PartialEq)]
pub struct ChallengeView {
    pub code: CodeRef,
    pub issued_at: LogTime,
    pub expires_at: LogTime,
    pub used: bool,
    pub decoy: bool,
}

/// How long after its end a challenge is remembered, so that a verification can say what happened to it.
const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1000;

impl Challenge {
    pub fn terms(&self) -> CodeTerms {
        CodeTerms { digits: self.code.digits, begins_at: self.issued_at, expires_at: self.expires_at }
    }

    /// Neither used nor ended nor expired. A challenge that is not yet valid is live.
    pub fn is_live(&self, now: LogTime) -> bool {
        matches!(self.state, ChallengeState::Live) && now <= self.expires_at
    }

    /// When it ended or will: by use, out of tries, by a lock, or by the end of its life.
    pub fn ended_at(&self) -> LogTime {
        match self.state {
            ChallengeState::Live => self.expires_at,
            ChallengeState::Used { at } | ChallengeState::Ended { at } => at,
        }
    }

    /// Whether it is live, or ended no longer than 24 hours ago.
    pub fn is_remembered(&self, now: LogTime) -> bool {
        now.since(self.ended_at()) <= REMEMBERED_MS
    }
}

impl ChallengeView {
    pub(super) const fn of(challenge: &Challenge) -> Self {
        Self {
            code: challenge.code,
            issued_at: challenge.issued_at,
            expires_at: challenge.expires_at,
            used: matches!(challenge.state, ChallengeState::Used { .. }),
            decoy: challenge.decoy,
        }
    }
}

impl ChallengeId {
    /// The 36 characters of a UUID.
    pub fn to_uuid(self) -> ArrayString<36> {
        let Self(id) = self;
        hex(&[&id[..4], &id[4..6], &id[6..8], &id[8..10], &id[10..]])
    }

    /// Reads the 36 characters of a UUID; hex digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
        let mut id = [0; 16];
        let mut nibbles = 0;
        for (at, character) in text.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if *character != b'-' {
                    return None;
                }
                continue;
            }
            let nibble = char::from(*character).to_digit(16)?;
            id[nibbles / 2] = id[nibbles / 2] << 4 | nibble as u8;
            nibbles += 1;
        }
        Some(Self(id))
    }
}

impl std::fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_uuid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_as_it_prints() {
        let id = ChallengeId(*b"\x01\x23\x45\x67\x89\xab\x8d\xef\x80\x00\x00\x00\x00\x00\x00\xff");
        assert_eq!(id.to_string(), "01234567-89ab-8def-8000-0000000000ff");
        let check = |text: &str, expected: Option<ChallengeId>| {
            assert_eq!(ChallengeId::parse(text), expected, "{text:?}");
        };
        check("01234567-89ab-8def-8000-0000000000ff", Some(id));
        check("01234567-89AB-8DEF-8000-0000000000FF", Some(id));
        check("", None);
        check("01234567-89ab-8def-8000-0000000000f", None);
        check("01234567-89ab-8def-8000-0000000000ff0", None);
        check("01234567x89ab-8def-8000-0000000000ff", None);
        check("0123456-789ab-8def-8000-0000000000ff", None);
        check("01234567-89ab-8def-8000-0000000000fg", None);
        check("०१२३४५६७८९०१", None);
    }
}
