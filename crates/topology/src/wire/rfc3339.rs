//! Times in headers: RFC 3339, UTC, milliseconds.

use crate::otp::LogTime;

/// Length of `2026-11-23T10:15:30.000Z`.
pub const LEN: usize = 24;

/// Writes a time; years past 9999 are written as the end of 9999.
pub fn write(_time: LogTime, _buffer: &mut [u8; LEN]) -> &str {
    todo!()
}

/// Reads any RFC 3339 time with a zone; `None` if it is none, or before 1970.
pub fn parse(_text: &str) -> Option<LogTime> {
    todo!()
}
