//! `[int]`: keys of INT-OTP, which this build does not serve.

use serde::Deserialize;

use super::Range;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Int {
    pub utc_offset: String,
    pub skew_s: u64,
    pub digit_min: u8,
    pub duration_max_s: u64,
}

pub(super) const RANGES: &[Range] =
    &[Range("int.skew_s", 0, 3_600), Range("int.digit_min", 4, 10), Range("int.duration_max_s", 1, 86_400)];
