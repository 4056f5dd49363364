//! The window of a code: what a request of the contract `int` says itself, and what the rules say for all others.

use super::{Ms, Rules};

/// How long a code is right, and how many digits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub digits: u64,
    pub begins: Ms,
    /// The last moment.
    pub ends: Ms,
}

impl Window {
    /// The request's own, otherwise that of the rules.
    pub(crate) fn of(own: Option<Self>, now: Ms, rules: &Rules) -> Self {
        own.unwrap_or(Self { digits: rules.digits, begins: now, ends: now + rules.lifetime_ms })
    }
}

/// Reads `2022-12-12 19:04:30` in UTC. `None`: it is no such second, or before 1970.
pub(crate) fn start_time(text: &str) -> Option<Ms> {
    let shape = b"dddd-dd-dd dd:dd:dd";
    let fits = |(byte, wanted): (&u8, &u8)| {
        if *wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted }
    };
    if text.len() != shape.len() || !text.as_bytes().iter().zip(shape).all(fits) {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u64>().ok();
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_of = |year: u64, month: u64| match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    };
    let is_real = year >= 1970
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = (1..month).map(|month| days_of(year, month)).sum();
    is_real.then(|| ((years + months + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_is_a_second_of_the_calendar() {
        assert_eq!(start_time("2022-12-12 19:04:30"), Some(1_670_871_870_000));
        assert_eq!(start_time("2024-02-29 00:00:00"), Some(1_709_164_800_000));
        for wrong in ["2022-02-30 19:04:30", "2022-12-12T19:04:30", "2022-12-12 24:00:00", "2022-12-12 19:04"]
        {
            assert_eq!(start_time(wrong), None, "{wrong}");
        }
    }
}
