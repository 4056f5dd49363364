//! `[tokens]`, `[schema_registry]`: sections that this build does not serve. Their keys are known so
//! that a file can hold them.

use serde::Deserialize;

use super::Range;
use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub issuer: String,
    pub lifetime_s: u64,
}

/// The registry for topics in Avro.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaRegistry {
    /// Empty: JSON only.
    pub url: String,
}

pub(super) const RANGES: &[Range] = &[Range("tokens.lifetime_s", 1, 604_800)];

impl SchemaRegistry {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if !self.url.is_empty() {
            found.add("schema_registry.url", "this build reads and writes JSON only", "leave it empty");
        }
    }
}
