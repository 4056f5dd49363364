//! Times in headers: RFC 3339, UTC, milliseconds.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::otp::LogTime;

/// Length of `2026-11-23T10:15:30.000Z`.
pub const LEN: usize = 24;

/// 9999-12-31T23:59:59.999Z, the last time with a four-digit year.
const MS_MAX: u64 = 253_402_300_799_999;

/// Longest text that is read, in bytes. A time with nanoseconds and a zone has 35.
pub(super) const TEXT_LEN_MAX: usize = 64;

/// Writes a time. A time after the year 9999 is written as the last millisecond of 9999.
pub fn write(time: LogTime, buffer: &mut [u8; LEN]) -> &str {
    let ms = time.ms().min(MS_MAX);
    let (seconds, fraction) = (ms / 1000, (ms % 1000) as u32);
    let second = (seconds % 86_400) as u32;
    let (year, month, day) = civil_from_days((seconds / 86_400) as u32);
    *buffer = *b"0000-00-00T00:00:00.000Z";
    two_digits(&mut buffer[0..2], year / 100);
    two_digits(&mut buffer[2..4], year % 100);
    two_digits(&mut buffer[5..7], month);
    two_digits(&mut buffer[8..10], day);
    two_digits(&mut buffer[11..13], second / 3600);
    two_digits(&mut buffer[14..16], second / 60 % 60);
    two_digits(&mut buffer[17..19], second % 60);
    buffer[20] = b'0' + (fraction / 100) as u8;
    two_digits(&mut buffer[21..23], fraction % 100);
    std::str::from_utf8(buffer).expect("digits and separators are ASCII")
}

/// Reads an RFC 3339 time with a zone, rounded down to milliseconds. `None`: it is not one, or is before 1970.
pub fn parse(text: &str) -> Option<LogTime> {
    u64::try_from(parse_ms(text)?).ok().map(LogTime::from_ms)
}

/// As [`parse`], for a deadline: one before 1970 becomes the start of log time, so that it has passed.
pub(super) fn parse_deadline(text: &str) -> Option<LogTime> {
    parse_ms(text).map(|ms| LogTime::from_ms(u64::try_from(ms).unwrap_or(0)))
}

/// Milliseconds since the Unix epoch, negative before it.
fn parse_ms(text: &str) -> Option<i64> {
    if text.len() > TEXT_LEN_MAX {
        return None;
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// The Gregorian date (year, month, day) of a number of days since 1970-01-01. The years inside start in March, so that
/// the leap day is the last day of a year. From 0000-03-01 to the epoch there are 719 468 days; 400 years have 146 097.
fn civil_from_days(days: u32) -> (u32, u32, u32) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u32::from(month <= 2), month, day)
}

fn two_digits(place: &mut [u8], number: u32) {
    place[0] = b'0' + (number / 10) as u8;
    place[1] = b'0' + (number % 10) as u8;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(ms: u64) -> String {
        write(LogTime::from_ms(ms), &mut [0; LEN]).to_owned()
    }

    #[test]
    fn writes_utc_with_milliseconds() {
        let check = |ms: u64, text: &str| assert_eq!(written(ms), text);
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_735_689_600_001, "2025-01-01T00:00:00.001Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        check(MS_MAX, "9999-12-31T23:59:59.999Z");
        check(u64::MAX, "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_time_is_read_in_any_zone_but_not_without_one() {
        let check = |text: &str, ms: Option<u64>| assert_eq!(parse(text).map(LogTime::ms), ms, "{text}");
        check("2025-01-01T00:00:00Z", Some(1_735_689_600_000));
        check("2025-01-01T05:30:00+05:30", Some(1_735_689_600_000));
        check("2024-12-31T19:00:00.1239-05:00", Some(1_735_689_600_123));
        check("1970-01-01T00:00:00Z", Some(0));
        check("1969-12-31T23:59:59.999Z", None);
        check("2025-01-01T00:00:00", None);
        check("2025-01-01", None);
        check("2025-02-30T00:00:00Z", None);
        check(" 2025-01-01T00:00:00Z", None);
        check("1735689600000", None);
        check("", None);
        check(&format!("2025-01-01T00:00:00.{}Z", "0".repeat(60)), None);
    }

    #[test]
    fn a_deadline_before_the_epoch_has_passed() {
        assert_eq!(parse_deadline("1969-12-31T23:59:59.999Z"), Some(LogTime::from_ms(0)));
        assert_eq!(parse_deadline("soon"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..=MS_MAX) {
            prop_assert_eq!(parse(&written(ms)), Some(LogTime::from_ms(ms)));
        }
    }
}
