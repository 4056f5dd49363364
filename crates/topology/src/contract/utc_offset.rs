//! A fixed distance to UTC, as the configuration writes it: `+05:30`.

use serde::{Deserialize, Deserializer};

/// Whole minutes east of UTC, within a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UtcOffset {
    minutes: i16,
}

impl UtcOffset {
    /// Reads `+hh:mm` or `-hh:mm`, at most 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let [sign @ (b'+' | b'-'), hours @ .., b':', tens, ones] = text.as_bytes() else {
            return None;
        };
        let two_digits = |digits: &[u8]| match digits {
            [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
                Some(i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
            }
            _ => None,
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(&[*tens, *ones])?);
        let sum = (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)?;
        Some(Self { minutes: if *sign == b'-' { -sum } else { sum } })
    }

    /// Milliseconds east of UTC.
    pub fn ms(self) -> i64 {
        i64::from(self.minutes) * 60_000
    }
}

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let error = || serde::de::Error::custom("not a distance to UTC like +05:30");
        Self::parse(&text).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_has_a_sign_hours_and_minutes() {
        let check = |text: &str, minutes: Option<i16>| {
            assert_eq!(UtcOffset::parse(text).map(|it| it.minutes), minutes, "{text}");
        };
        check("+00:00", Some(0));
        check("+05:30", Some(330));
        check("-03:45", Some(-225));
        check("+23:59", Some(1439));
        for wrong in ["", "Z", "05:30", "+5:30", "+0530", "+24:00", "+05:60", "+05:3", "+05:300", "+٠٥:٣٠"]
        {
            check(wrong, None);
        }
    }
}
