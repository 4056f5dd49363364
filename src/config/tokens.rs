//! `[tokens]`: keys of the token operations, which this build does not serve.

use serde::Deserialize;

use super::Range;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tokens {
    pub issuer: String,
    pub lifetime_s: u64,
}

pub(super) const RANGES: &[Range] = &[Range("tokens.lifetime_s", 1, 604_800)];
