//! The rules of one-time passwords: a subject, a command and a policy give a decision.
//!
//! Knows no contract's wire format, no Kafka, no clock and no store: time and keys are arguments.
//!
//! ```text
//! (Subject, impl OtpCommand, now, Rules) ── decide ──▶ Decision { subject, outcome, notices }
//! ```

mod administer;
mod challenge;
mod client;
mod decide;
mod derive;
mod expire;
mod hex;
mod identity;
mod invisible;
mod issue;
mod keys;
mod lock;
mod look_up;
mod names;
mod notice;
mod policy;
mod remembered;
mod report;
mod reserved;
mod subject;
mod terms;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod verify;

pub use administer::{Forget, Unlock};
pub use challenge::{Challenge, ChallengeId, ChallengeState, ChallengeView, CodeRef};
pub use client::{SecretHash, SecretHashes};
pub use decide::{Decision, Origin, OtpCommand, Rules, decide};
pub use derive::Code;
pub use expire::{DueTime, due_at, expire};
pub use identity::{CanonicalSubject, Holder, NoSubject, NumberPseudonym, Pseudonym};
pub use invisible::has_invisible;
pub use issue::{Exit, Issue, IssueOutcome};
pub use keys::{Key, KeyId, KeyParts, KeyPurpose, Keyring, KeyringError, Ring, UnknownKey};
pub use look_up::LookUp;
pub use names::{ContractName, Purpose};
pub use notice::{Notice, NoticeKind, Refusal};
pub use policy::{
    Bounds, ContractRule, NumberPrefix, NumberRule, Policy, PolicyPatch, RuleError, country_digits,
};
pub use remembered::{REMEMBERED_MAX, REMEMBERED_MS, Remembered, RequestDigest};
pub use report::{ChallengeEnd, ChallengeReport, SendReport, SubjectReport};
pub use reserved::{RESERVED_MAX, RESERVED_MS, Reservation};
pub use subject::{Lock, Subject};
pub use terms::{CodeTerms, Digits, PolicyVersion, Resend};
pub use time::LogTime;
pub use verify::{Verdict, Verification, Verify};
