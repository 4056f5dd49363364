//! The contract with its settings, ready to serve.

use super::settings::EgovSettings;
use super::texts::EgovTexts;
use crate::contract::delivery::NumberPatterns;

#[derive(Debug)]
pub struct Egov {
    pub(super) settings: EgovSettings,
    pub(super) texts: EgovTexts,
    pub(super) patterns: NumberPatterns,
}
