//! The rules of one tenant, their bounds and their inheritance.
//!
//! Looks nothing up. The caller reads the records and overlays them with [`Policy::with`], from the least to the most
//! specific tenant of [`Policy::chain`].
//!
//! ```text
//! contract's default ← configuration ← "*" ← "pb" ← "pb.amritsar"
//! ```

mod bounds;
mod destinations;
mod effective;
mod number_rule;
mod patch;
mod pattern;
mod rules;

pub use bounds::Bounds;
pub use destinations::{NumberPrefix, country_digits};
pub use effective::Policy;
pub use number_rule::NumberRule;
pub use patch::PolicyPatch;
pub use rules::{ContractRule, RuleError};

use sha2::{Digest, Sha256};

use super::terms::{Digits, PolicyVersion, Resend};
use rules::{Number, Spelling};

const MINUTE_MS: u64 = 60 * 1000;

impl Policy {
    /// What contracts start from, before their own defaults and any configuration.
    pub fn built_in() -> Self {
        Self {
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
            sends_per_number_hour_max: None,
            resend: Resend::Same,
            deliver: false,
            conceal_existence: false,
            number_rules: Vec::new(),
            allowed_country_codes: None,
            blocked_prefixes: Vec::new(),
            sends_per_prefix_hour_max: None,
            sends_per_tenant_hour_max: None,
            version: PolicyVersion::default(),
        }
        .versioned()
    }

    /// This policy with a patch over it, under the version of the result.
    #[must_use]
    pub fn with(&self, patch: &PolicyPatch) -> Self {
        let mut policy = self.clone();
        patch.apply(&mut policy);
        policy.versioned()
    }

    /// Whether deliveries must be counted by the hour.
    pub fn has_budget(&self) -> bool {
        self.sends_per_prefix_hour_max.is_some() || self.sends_per_tenant_hour_max.is_some()
    }

    /// Checks every rule against the bounds, also those that only have their default.
    ///
    /// # Errors
    /// A rule is out of its bounds. The error names it as the configuration spells it.
    pub fn check(&self, bounds: &Bounds) -> Result<(), RuleError> {
        let mut rules = Number::ALL.iter().filter_map(|number| Some((*number, number.of(self)?)));
        rules.try_for_each(|(number, value)| bounds.check(number, value, Spelling::Configuration))
    }

    /// The keys whose rules apply to a tenant, from the least to the most specific: `*`, `pb`, `pb.amritsar`.
    pub fn chain(tenant: &str) -> impl Iterator<Item = &str> {
        let ends = tenant.match_indices('.').map(|(at, _)| at).chain([tenant.len()]);
        let own = ends.map(|end| &tenant[..end]);
        std::iter::once("*").chain(own.filter(|it| !matches!(*it, "" | "*")))
    }

    /// This policy with the version of its rules. Every policy that is built by hand needs it.
    #[must_use]
    pub fn versioned(mut self) -> Self {
        let mut hash = Sha256::new();
        for number in Number::ALL {
            // A rule that is absent leaves no trace, so that the versions of policies without it stay.
            if let Some(value) = number.of(&self) {
                rule(&mut hash, number.name(Spelling::Configuration), &value.to_be_bytes());
            }
        }
        rule(&mut hash, "resend", &[self.resend as u8]);
        rule(&mut hash, "deliver", &[u8::from(self.deliver)]);
        rule(&mut hash, "conceal_existence", &[u8::from(self.conceal_existence)]);
        for it in &self.number_rules {
            rule(&mut hash, &it.country_code, &[u8::from(it.default)]);
            rule(&mut hash, "mobile_rules", it.regex.as_bytes());
        }
        if let Some(codes) = &self.allowed_country_codes {
            rule(&mut hash, "allowed_country_codes", codes.join(",").as_bytes());
        }
        if !self.blocked_prefixes.is_empty() {
            rule(&mut hash, "blocked_prefixes", self.blocked_prefixes.join(",").as_bytes());
        }
        let whole = hash.finalize();
        self.version.0.copy_from_slice(&whole[..8]);
        self
    }
}

/// Hashes name and value, each after its length.
fn rule(hash: &mut Sha256, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), value] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}

#[cfg(test)]
mod tests;
