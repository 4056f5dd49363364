//! The rules of a policy (docs/interface.md, "Policy"): names, defaults, bounds.

use serde_json::Value;

use super::Ms;

const DAY_MS: Ms = 86_400_000;

/// The rules that apply to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub digits: u64,
    pub lifetime_ms: Ms,
    pub wrong_tries_max: u64,
    pub lock_after: u64,
    pub lock_ms: Ms,
    pub hard_lock_after: u64,
    pub sends_per_challenge_max: u64,
    pub sends_per_10_min_max: u64,
    pub sends_per_day_max: u64,
    pub send_pause_ms: Ms,
    /// `None`: no limit.
    pub sends_per_number_hour_max: Option<u64>,
    /// `resend` is `rotate`.
    pub rotates: bool,
    pub conceal_existence: bool,
    /// Of the contract `int` alone: the code goes out by SMS, too.
    pub delivers: bool,
}

impl Default for Rules {
    /// The contract's.
    fn default() -> Self {
        Self {
            digits: 6,
            lifetime_ms: 300_000,
            wrong_tries_max: 5,
            lock_after: 10,
            lock_ms: 600_000,
            hard_lock_after: 100,
            sends_per_challenge_max: 5,
            sends_per_10_min_max: 5,
            sends_per_day_max: 20,
            send_pause_ms: 30_000,
            sends_per_number_hour_max: None,
            rotates: false,
            conceal_existence: false,
            delivers: false,
        }
    }
}

impl Rules {
    /// These rules with those of a policy record over them. `None`: one of them is unknown, of the wrong type or out of
    /// bounds, so that the whole record is refused.
    pub fn with(&self, record: &Value) -> Option<Self> {
        let mut rules = self.clone();
        for (name, value) in record.as_object()? {
            rules.put(name, value)?;
        }
        Some(rules)
    }

    fn put(&mut self, name: &str, value: &Value) -> Option<()> {
        let within = |least: u64, most: u64| value.as_u64().filter(|it| (least..=most).contains(it));
        match name {
            "digits" => self.digits = within(6, 10)?,
            "lifetimeMs" => self.lifetime_ms = within(10_000, 600_000)?,
            "wrongTriesMax" => self.wrong_tries_max = within(1, 10)?,
            "lockAfter" => self.lock_after = within(1, 100)?,
            "lockMs" => self.lock_ms = within(1_000, DAY_MS)?,
            "hardLockAfter" => self.hard_lock_after = within(1, 100)?,
            "sendsPerChallengeMax" => self.sends_per_challenge_max = within(1, 20)?,
            "sendsPer10MinMax" => self.sends_per_10_min_max = within(1, 50)?,
            "sendsPerDayMax" => self.sends_per_day_max = within(1, 50)?,
            "sendPauseMs" => self.send_pause_ms = within(0, 600_000)?,
            "sendsPerNumberHourMax" => self.sends_per_number_hour_max = Some(within(1, 1_000)?),
            "resend" => {
                self.rotates = match value.as_str()? {
                    "same" => false,
                    "rotate" => true,
                    _ => return None,
                }
            }
            "concealExistence" => self.conceal_existence = value.as_bool()?,
            "deliver" => self.delivers = value.as_bool()?,
            _ => return None,
        }
        Some(())
    }
}
