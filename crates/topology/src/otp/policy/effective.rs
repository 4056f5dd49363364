//! The effective rules of one tenant, as plain values.

use super::number_rule::NumberRule;
use crate::otp::terms::{Digits, PolicyVersion, Resend};

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
    /// Deliveries to one number within the clock hour, whoever asks. `None`: no limit.
    pub sends_per_number_hour_max: Option<u16>,
    pub resend: Resend,
    /// Delivers a code although the reply reveals it.
    pub deliver: bool,
    /// An unknown recipient looks like a delivery.
    pub conceal_existence: bool,
    pub number_rules: Vec<NumberRule>,
    pub version: PolicyVersion,
}
