//! The rules of one tenant, their bounds and their inheritance.

use super::challenge::{Digits, Resend};

/// The first 64 bits of a content hash over every effective rule; 16 hex digits on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PolicyVersion(pub [u8; 8]);

/// The effective rules of one tenant. Times in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    pub digits: Digits,
    pub lifetime_ms: u64,
    pub wrong_tries_max: u8,
    pub lock_after: u32,
    pub lock_ms: u64,
    pub hard_lock_after: u32,
    pub sends_per_challenge_max: u8,
    pub sends_per_10_min_max: u8,
    pub sends_per_day_max: u8,
    pub send_pause_ms: u64,
    pub resend: Resend,
    /// INT-OTP only: deliver although the code is revealed.
    pub deliver: bool,
    pub conceal_existence: bool,
    pub mobile_rules: Vec<MobileRule>,
    pub version: PolicyVersion,
}

/// One row of DIGIT's `MobileNumberValidation`.
#[derive(Clone, Debug, PartialEq)]
pub struct MobileRule {
    pub country_code: String,
    /// Matched against the whole number.
    pub regex: String,
    pub default: bool,
}

/// Some rules: of a configuration section or of a record on `otp-policy`. What is absent is inherited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyPatch;

/// The inclusive bounds of every rule; only local configuration moves them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds;

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("rule")]
pub struct RuleError;

impl Policy {
    pub fn default_of(_contract: super::ContractName) -> Self {
        todo!()
    }

    /// This policy with a patch over it; the version is computed anew.
    #[must_use]
    pub fn with(&self, _patch: &PolicyPatch) -> Self {
        todo!()
    }
}

impl PolicyPatch {
    /// Reads the value of a record on `otp-policy` (camelCase JSON) for this contract.
    ///
    /// # Errors
    /// An unknown rule, a wrong type, a value out of bounds: the whole record is refused.
    pub fn from_json(
        _contract: super::ContractName,
        _bytes: &[u8],
        _bounds: &Bounds,
    ) -> Result<Self, RuleError> {
        todo!()
    }
}
