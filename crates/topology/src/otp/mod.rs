//! The rules of one-time passwords: a subject, a command and a policy give a decision.
//!
//! Knows no contract's wire format, no Kafka, no clock and no store: time and keys are arguments.
//!
//! ```text
//! (Subject, Command, now, Rules) ── decide ──▶ Decision { subject, outcome, notices }
//! ```

mod challenge;
mod command;
mod decision;
mod derive;
mod expire;
mod hex;
mod identity;
mod issue;
mod keys;
mod lock;
mod look_up;
mod policy;
mod release;
mod remembered;
mod subject;
#[cfg(test)]
mod tests;
mod time;
mod verify;

pub use challenge::{Challenge, ChallengeId, ChallengeState, CodeRef, Digits, Resend};
pub use command::{Command, Exit, Issue, LookUp, Origin, Rules, Verify};
pub use decision::{
    ChallengeView, Decision, Notice, NoticeKind, Outcome, Refusal, Verdict, Verification, decide,
};
pub use derive::Code;
pub use expire::{DueTime, due_at, expire};
pub use identity::{CanonicalSubject, ContractName, Pseudonym, Purpose};
pub use keys::{Key, KeyId, KeyParts, KeyPurpose, Keyring, KeyringError, Ring, UnknownKey};
pub use policy::{Bounds, MobileRule, Policy, PolicyPatch, PolicyVersion, RuleError};
pub use remembered::{REMEMBERED_MAX, REMEMBERED_MS, Remembered, RequestDigest};
pub use subject::{Lock, Subject};
pub use time::LogTime;
