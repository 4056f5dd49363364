//! `[policy]`: rules of the contracts and their bounds.

use serde::Deserialize;
use toml::Table;

use super::Range;
use super::problem::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    pub egov: Table,
    pub int: Table,
    pub mosip: Table,
    pub bounds: Table,
}

pub(super) const RANGES: &[Range] = &[];

impl PolicySection {
    pub(super) fn check(&self, _found: &mut Findings<'_>) {}
}
