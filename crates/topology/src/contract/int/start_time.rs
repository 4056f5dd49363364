//! `startTime`: a second of some calendar, without a zone.

use time::{Date, Month};

use crate::contract::utc_offset::UtcOffset;
use crate::otp::LogTime;

/// Reads exactly `dddd-dd-dd dd:dd:dd`, a second that exists, in a zone. A time before 1970 becomes the start of log
/// time. The shape is checked first, because common readers take `2022-1-2 3:4:5`.
pub(super) fn parse(text: &str, zone: UtcOffset) -> Option<LogTime> {
    const SHAPE: &[u8; 19] = b"dddd-dd-dd dd:dd:dd";
    let text: &[u8; SHAPE.len()] = text.as_bytes().try_into().ok()?;
    let fits =
        |(byte, wanted): (&u8, &u8)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted };
    if !text.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let number = |from: usize, to: usize| {
        text[from..to].iter().fold(0_u16, |sum, digit| sum * 10 + u16::from(digit - b'0'))
    };
    let small = |from: usize| u8::try_from(number(from, from + 2)).expect("two digits are below a hundred");
    let month = Month::try_from(small(5)).ok()?;
    let date = Date::from_calendar_date(number(0, 4).into(), month, small(8)).ok()?;
    let second = date.with_hms(small(11), small(14), small(17)).ok()?;
    let ms = second.assume_utc().unix_timestamp() * 1000 - zone.ms();
    Some(LogTime::from_ms(u64::try_from(ms).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_time_is_a_second_that_exists_in_its_zone() {
        let check = |text: &str, zone: &str, ms: Option<u64>| {
            let zone = UtcOffset::parse(zone).expect("a good zone");
            assert_eq!(parse(text, zone).map(LogTime::ms), ms, "{text:?} {zone:?}");
        };
        check("2022-12-12 19:04:30", "+00:00", Some(1_670_871_870_000));
        check("2022-12-13 00:34:30", "+05:30", Some(1_670_871_870_000));
        check("2022-12-12 16:04:30", "-03:00", Some(1_670_871_870_000));
        check("2024-02-29 00:00:00", "+00:00", Some(1_709_164_800_000));
        check("1970-01-01 00:00:00", "+05:30", Some(0));
        check("0000-01-01 00:00:00", "+00:00", Some(0));
        check("9999-12-31 23:59:59", "+00:00", Some(253_402_300_799_000));
        for wrong in [
            "",
            "2022-12-12T19:04:30",
            "2022-12-12 19:04",
            "2022-12-12 19:04:30Z",
            "2022-12-12 19:04:30.000",
            " 2022-12-12 19:04:30",
            "2022-12-12 19:04:30 ",
            "2022-1-2 3:4:5",
            "2022-2-12 19:04:300",
            "2022-02-30 19:04:30",
            "2023-02-29 19:04:30",
            "2022-00-12 19:04:30",
            "2022-13-12 19:04:30",
            "2022-12-00 19:04:30",
            "2022-12-12 24:00:00",
            "2022-12-12 19:60:00",
            "2022-12-12 19:04:60",
            "-022-12-12 19:04:30",
            "+022-12-12 19:04:30",
            "2022/12/12 19:04:30",
            "٢٠٢٢-١٢-١٢ ١٩:٠٤:٣٠",
            "2022-12-12\u{a0}19:04:30",
        ] {
            check(wrong, "+00:00", None);
        }
    }
}
