//! The deliveries of a clock hour as they are stored, for the budgets of tenant roots and prefixes. Pinned bytes.
//!
//! ```text
//! key    B                                            value  version 1 │ hour u64, in hours since the epoch
//! key    B │ hour u64 │ contract/root │ 0 │ prefix u16      version 1 │ deliveries u32
//! ```
//!
//! The prefix 65535 stands for the whole tenant root.

use super::{BadRecord, Family, StoreKey};
use crate::otp::NumberPrefix;

const VERSION: u8 = 1;
const WHOLE_ROOT: u16 = u16::MAX;
const BAD: BadRecord = BadRecord::Damaged("budget");

/// The clock hour in which a task counts deliveries. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredHour(pub u64);

/// Whose deliveries of an hour are counted.
#[derive(Clone, Copy, Debug)]
pub struct BudgetKey<'a> {
    pub hour: StoredHour,
    pub contract: &'a str,
    pub root: &'a str,
    /// `None`: all deliveries of the tenant root.
    pub prefix: Option<NumberPrefix>,
}

impl StoredHour {
    pub fn key() -> StoreKey {
        StoreKey::new(Family::Budget, &[])
    }

    /// The first bytes of all counts of this hour.
    pub fn first_bytes(self) -> Vec<u8> {
        [&[Family::Budget as u8][..], &self.0.to_be_bytes()].concat()
    }

    pub fn encode(self) -> Vec<u8> {
        [&[VERSION][..], &self.0.to_be_bytes()].concat()
    }

    /// # Errors
    /// See [`BadRecord`].
    pub fn decode(value: &[u8]) -> Result<Self, BadRecord> {
        Ok(Self(u64::from_be_bytes(versioned(value)?.try_into().map_err(|_| BAD)?)))
    }
}

impl BudgetKey<'_> {
    pub fn encode(&self) -> StoreKey {
        let prefix = self.prefix.map_or(WHOLE_ROOT, NumberPrefix::number).to_be_bytes();
        let parts: [&[u8]; 6] = [
            &self.hour.0.to_be_bytes(),
            self.contract.as_bytes(),
            b"/",
            self.root.as_bytes(),
            b"\0",
            &prefix,
        ];
        StoreKey::new(Family::Budget, &parts.concat())
    }

    /// The value under the key.
    pub fn encode_count(count: u32) -> Vec<u8> {
        [&[VERSION][..], &count.to_be_bytes()].concat()
    }

    /// # Errors
    /// See [`BadRecord`].
    pub fn decode_count(value: &[u8]) -> Result<u32, BadRecord> {
        Ok(u32::from_be_bytes(versioned(value)?.try_into().map_err(|_| BAD)?))
    }
}

/// Refuses an entry that a task could not read later.
///
/// # Errors
/// See [`BadRecord`].
pub fn decode_budget(key: &[u8], value: &[u8]) -> Result<(), BadRecord> {
    match key.len() {
        1 => StoredHour::decode(value).map(drop),
        _ => BudgetKey::decode_count(value).map(drop),
    }
}

fn versioned(value: &[u8]) -> Result<&[u8], BadRecord> {
    BadRecord::behind_version(value, VERSION, BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_pinned() {
        let hour = StoredHour(0x0102);
        let key = BudgetKey { hour, contract: "egov", root: "pb", prefix: NumberPrefix::of("9123") };
        assert_eq!(key.encode().as_bytes(), b"B\0\0\0\0\0\0\x01\x02egov/pb\0\x23\xa3");
        assert!(key.encode().as_bytes().starts_with(&hour.first_bytes()));
        let whole = BudgetKey { prefix: None, ..key };
        assert_eq!(whole.encode().as_bytes(), b"B\0\0\0\0\0\0\x01\x02egov/pb\0\xff\xff");
        assert_eq!(hour.encode(), b"\x01\0\0\0\0\0\0\x01\x02");
        assert_eq!(StoredHour::decode(&hour.encode()), Ok(hour));
        assert_eq!(BudgetKey::encode_count(5), b"\x01\0\0\0\x05");
        for (key, value) in [(StoredHour::key(), hour.encode()), (key.encode(), BudgetKey::encode_count(5))] {
            assert_eq!(decode_budget(key.as_bytes(), &value), Ok(()));
            assert_eq!(decode_budget(key.as_bytes(), &value[1..]), Err(BadRecord::UnknownVersion(0)));
            assert_eq!(decode_budget(key.as_bytes(), &value[..3]), Err(BAD));
        }
    }
}
