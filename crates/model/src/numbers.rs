//! Deliveries to numbers, whoever asks for them.

use std::collections::BTreeMap;

use super::Ms;

const HOUR_MS: Ms = 60 * 60 * 1000;

/// What each number got in its last hour.
#[derive(Clone, Debug, Default)]
pub struct Numbers(BTreeMap<String, (Ms, u64)>);

impl Numbers {
    /// Whether the number may have one more delivery in the clock hour of a request that was appended at this time. The hour
    /// of a number never goes back.
    pub fn grant(&mut self, number: &str, appended: Ms, max: u64) -> bool {
        let (hour, count) = self.0.entry(number.to_owned()).or_default();
        if appended / HOUR_MS > *hour {
            (*hour, *count) = (appended / HOUR_MS, 0);
        }
        let is_granted = *count < max;
        *count += u64::from(is_granted);
        is_granted
    }
}
