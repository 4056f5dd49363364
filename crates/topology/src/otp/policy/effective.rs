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
    /// The countries to whose numbers codes may go. `None`: any, and numbers without a country.
    pub allowed_country_codes: Option<Vec<String>>,
    /// Beginnings of national numbers to which no code goes.
    pub blocked_prefixes: Vec<String>,
    /// Deliveries of a tenant root to numbers of the same first four digits, within a clock hour. `None`: no limit.
    pub sends_per_prefix_hour_max: Option<u32>,
    /// Deliveries of a tenant root within a clock hour. `None`: no limit.
    pub sends_per_tenant_hour_max: Option<u32>,
    pub version: PolicyVersion,
}
