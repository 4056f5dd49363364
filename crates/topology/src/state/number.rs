//! The bytes of a number's hour: how many deliveries the number got within one clock hour.
//!
//! ```text
//! key    H │ pseudonym of the number 16
//! value  version 1 │ begin of the hour u64 │ deliveries u16
//! ```

use super::{BadRecord, Family};
use crate::otp::{LogTime, NumberPseudonym};

const VERSION: u8 = 1;
const HOUR_MS: u64 = 60 * 60 * 1000;
/// How long an hour is kept after its end, because the watermark of the sweep may be ahead of the log time of a request. A
/// request that comes even later begins a new count; its code is dead on arrival unless codes live for so long.
const KEPT_MS: u64 = HOUR_MS;

/// The deliveries of one clock hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberHour {
    /// A whole hour since the Unix epoch.
    pub begins_at: LogTime,
    pub deliveries: u16,
}

pub fn number_key(number: NumberPseudonym) -> [u8; 17] {
    let mut key = [Family::Number as u8; 17];
    key[1..].copy_from_slice(&number.0);
    key
}

/// # Errors
/// It is no key of a number.
pub fn decode_number_key(key: &[u8]) -> Result<NumberPseudonym, BadRecord> {
    key.get(1..).and_then(|it| it.try_into().ok()).map(NumberPseudonym).ok_or(BadRecord::Damaged("key"))
}

impl NumberHour {
    /// The hour in which a request counts that was asked at this time. Time never goes back for a number.
    #[must_use]
    pub fn at(self, asked_at: LogTime) -> Self {
        let begins_at = LogTime::from_ms(asked_at.ms() - asked_at.ms() % HOUR_MS);
        if begins_at > self.begins_at { Self { begins_at, deliveries: 0 } } else { self }
    }

    /// Counts one more, if there are fewer than `max`.
    pub fn count(&mut self, max: u16) -> bool {
        let is_granted = self.deliveries < max;
        self.deliveries += u16::from(is_granted);
        is_granted
    }

    /// When the sweep may remove it.
    pub fn due_at(self) -> LogTime {
        self.begins_at.plus(HOUR_MS + KEPT_MS)
    }

    pub fn encode(self) -> [u8; 11] {
        let mut bytes = [VERSION; 11];
        bytes[1..9].copy_from_slice(&self.begins_at.ms().to_be_bytes());
        bytes[9..].copy_from_slice(&self.deliveries.to_be_bytes());
        bytes
    }

    /// # Errors
    /// See [`BadRecord`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BadRecord> {
        let rest = BadRecord::behind_version(bytes, VERSION, BadRecord::Damaged("too short"))?;
        let rest: &[u8; 10] = rest.try_into().map_err(|_| BadRecord::Damaged("length"))?;
        let [a, b, c, d, e, f, g, h, i, j] = *rest;
        let begins_at = LogTime::from_ms(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        Ok(Self { begins_at, deliveries: u16::from_be_bytes([i, j]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_pinned() {
        let hour = NumberHour { begins_at: LogTime::from_ms(0x0102), deliveries: 0x0304 };
        assert_eq!(hour.encode(), [1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]);
        assert_eq!(NumberHour::decode(&hour.encode()), Ok(hour));
        let key = number_key(NumberPseudonym([7; 16]));
        assert_eq!(key, *b"H\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07");
        assert_eq!(decode_number_key(&key), Ok(NumberPseudonym([7; 16])));
        assert!(decode_number_key(&key[..16]).is_err());
        assert_eq!(NumberHour::decode(&[2; 11]), Err(BadRecord::UnknownVersion(2)));
        for bytes in [&[][..], &[1; 10], &[1; 12]] {
            assert!(matches!(NumberHour::decode(bytes), Err(BadRecord::Damaged(_))), "{bytes:?}");
        }
    }

    #[test]
    fn an_hour_grants_as_many_deliveries_as_it_may_and_never_goes_back() {
        let mut hour = NumberHour::default();
        let mut check = |asked_ms: u64, max: u16, expected: (bool, u64, u16)| {
            hour = hour.at(LogTime::from_ms(asked_ms));
            let is_granted = hour.count(max);
            assert_eq!((is_granted, hour.begins_at.ms(), hour.deliveries), expected, "at {asked_ms}");
        };
        check(HOUR_MS, 2, (true, HOUR_MS, 1));
        check(2 * HOUR_MS - 1, 2, (true, HOUR_MS, 2));
        check(2 * HOUR_MS - 1, 2, (false, HOUR_MS, 2));
        check(2 * HOUR_MS - 1, 3, (true, HOUR_MS, 3));
        check(2 * HOUR_MS, 1, (true, 2 * HOUR_MS, 1));
        check(HOUR_MS, 1, (false, 2 * HOUR_MS, 1));
    }
}
