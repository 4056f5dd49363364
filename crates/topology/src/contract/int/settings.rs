//! `[int]`: what a deployment decides about this contract.

use serde::Deserialize;

use crate::contract::findings::SettingsFindings;
use crate::contract::utc_offset::UtcOffset;
use crate::otp::Digits;

/// The most digits of a code, in the published API.
pub(super) const DIGIT_MAX: u64 = 9;

/// The keys of `[int]`. An absent key has its default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntSettings {
    /// Of the times of callers without an own one.
    pub utc_offset: UtcOffset,
    /// How far in the future a window may begin.
    pub skew_s: u64,
    pub digit_min: u64,
    pub duration_max_s: u64,
}

impl Default for IntSettings {
    fn default() -> Self {
        Self { utc_offset: UtcOffset::default(), skew_s: 60, digit_min: 4, duration_max_s: 600 }
    }
}

impl IntSettings {
    pub(super) fn check(&self, findings: &mut SettingsFindings) {
        findings.check_range("skew_s", self.skew_s, 0, 3_600);
        findings.check_range("digit_min", self.digit_min, Digits::MIN.into(), DIGIT_MAX);
        findings.check_range("duration_max_s", self.duration_max_s, 1, 86_400);
    }
}
