//! What the configuration says to more than one contract.

use serde::Deserialize;

use super::delivery::DeliverySettings;
use super::findings::SettingsFindings;

/// The section of [`TokenSettings`].
pub const TOKENS: &str = "tokens";

/// What a contract gets besides its own section.
#[derive(Clone, Debug, Default)]
pub struct SharedSettings {
    pub delivery: DeliverySettings,
    pub tokens: TokenSettings,
}

/// `[tokens]`: the tokens that replies carry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSettings {
    /// The claim `iss`.
    pub issuer: String,
    pub lifetime_s: u64,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { issuer: "otp-stream".to_owned(), lifetime_s: 6_000 }
    }
}

impl TokenSettings {
    pub(super) fn check(&self, findings: &mut SettingsFindings) {
        const WEEK_S: u64 = 7 * 24 * 60 * 60;
        if self.issuer.is_empty() {
            findings.add("issuer", "not a name", "name who issues the tokens, as in \"otp-stream\"");
        }
        findings.check_range("lifetime_s", self.lifetime_s, 1, WEEK_S);
    }
}
