//! The rules of one tenant, their bounds and their inheritance.
//!
//! Looks nothing up: whoever knows the records overlays them with [`Policy::with`], from the least to the most
//! specific tenant of [`Policy::chain`].
//!
//! ```text
//! built-in ← configuration ← "*" ← "pb" ← "pb.amritsar"
//! ```

mod bounds;
mod mobile;
mod patch;
mod rules;

pub use bounds::Bounds;
pub use mobile::MobileRule;
pub use patch::PolicyPatch;
pub use rules::RuleError;

use arrayvec::ArrayString;
use sha2::{Digest, Sha256};

use super::challenge::{Digits, Resend};
use super::hex::hex;
use super::identity::ContractName;
use rules::{Number, Spelling};

const MINUTE_MS: u64 = 60 * 1000;

/// The first 64 bits of a content hash over every effective rule; 16 hex digits on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PolicyVersion(pub [u8; 8]);

impl PolicyVersion {
    /// 16 lower-case hex digits.
    pub fn to_hex(self) -> ArrayString<16> {
        hex(&[&self.0])
    }
}

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

impl Policy {
    /// What a contract starts with, before any configuration (docs/interface.md, "Policy").
    pub fn default_of(contract: ContractName) -> Self {
        let common = Self {
            digits: Digits::new(6).expect("six digits are between four and ten"),
            lifetime_ms: 5 * MINUTE_MS,
            wrong_tries_max: 5,
            lock_after: 10,
            lock_ms: 10 * MINUTE_MS,
            hard_lock_after: 100,
            sends_per_challenge_max: 5,
            sends_per_10_min_max: 5,
            sends_per_day_max: 20,
            send_pause_ms: 30 * 1000,
            resend: Resend::Same,
            deliver: false,
            conceal_existence: false,
            mobile_rules: Vec::new(),
            version: PolicyVersion::default(),
        };
        let own = match contract {
            ContractName::Egov => Self { mobile_rules: vec![MobileRule::india()], ..common },
            ContractName::Int => common,
            ContractName::Mosip => {
                Self { lifetime_ms: 3 * MINUTE_MS, wrong_tries_max: 10, lock_ms: 30 * MINUTE_MS, ..common }
            }
        };
        own.versioned()
    }

    /// This policy with a patch over it; the version is computed anew.
    #[must_use]
    pub fn with(&self, patch: &PolicyPatch) -> Self {
        let mut policy = self.clone();
        patch.apply(&mut policy);
        policy.versioned()
    }

    /// Whether the effective rules are within the bounds: those that nothing sets, too.
    ///
    /// # Errors
    /// A rule is out of its bounds; it is named as the configuration spells it.
    pub fn check(&self, bounds: &Bounds) -> Result<(), RuleError> {
        Number::ALL
            .iter()
            .try_for_each(|number| bounds.check(*number, number.of(self), Spelling::Configuration))
    }

    /// The tenant keys whose rules a tenant has, from the least to the most specific: `*`, `pb`, `pb.amritsar`.
    pub fn chain(tenant: &str) -> impl Iterator<Item = &str> {
        let ends = tenant.match_indices('.').map(|(at, _)| at).chain([tenant.len()]);
        let own = ends.map(|end| &tenant[..end]);
        std::iter::once("*").chain(own.filter(|it| !matches!(*it, "" | "*")))
    }

    fn versioned(mut self) -> Self {
        let mut hash = Sha256::new();
        for number in Number::ALL {
            rule(&mut hash, number.name(Spelling::Configuration), &number.of(&self).to_be_bytes());
        }
        rule(&mut hash, "resend", &[self.resend as u8]);
        rule(&mut hash, "deliver", &[u8::from(self.deliver)]);
        rule(&mut hash, "conceal_existence", &[u8::from(self.conceal_existence)]);
        for it in &self.mobile_rules {
            rule(&mut hash, &it.country_code, &[u8::from(it.default)]);
            rule(&mut hash, "mobile_rules", it.regex.as_bytes());
        }
        let whole = hash.finalize();
        self.version.0.copy_from_slice(&whole[..8]);
        self
    }
}

/// Name and value, each with its length before it.
fn rule(hash: &mut Sha256, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), value] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
mod tests;
