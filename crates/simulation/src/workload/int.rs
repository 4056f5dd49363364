//! Requests of the contract `int`: each names the window of its code.

use otp_topology::otp::LogTime;
use otp_topology::wire::rfc3339;
use serde_json::{Value, json};

use super::writer::{CodePath, Writer};
use super::{Typed, draw_typed, mobile};

/// How far from now windows begin, in seconds: over, long begun, now, soon, too far ahead.
const BEGINS_S: [i64; 10] = [-200, -30, -2, 0, 0, 0, 0, 0, 40, 90];
const DURATIONS_S: [u64; 4] = [10, 60, 60, 180];
const DIGITS: [u64; 4] = [4, 6, 6, 9];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntRequest {
    /// Asks for a window of its own.
    Generate {
        begins_s: i64,
        duration_s: u64,
        digits: u64,
    },
    /// Asks for the last window of this person once more.
    GenerateAgain,
    Validate {
        typed: Typed,
        other: Option<Other>,
    },
    /// A member is malformed.
    Malformed {
        is_validate: bool,
    },
}

/// What a `VALIDATE` repeats wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Other {
    /// It is longer.
    Duration,
    /// It begins later.
    StartTime,
    Digits,
}

/// What a code was asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Seconds since the Unix epoch.
    pub begins_s: u64,
    pub duration_s: u64,
    pub digits: u64,
}

impl IntRequest {
    pub(super) fn draw(dice: &mut fastrand::Rng) -> Self {
        match dice.u8(..20) {
            0..7 => Self::Generate {
                begins_s: BEGINS_S[dice.usize(..BEGINS_S.len())],
                duration_s: DURATIONS_S[dice.usize(..DURATIONS_S.len())],
                digits: DIGITS[dice.usize(..DIGITS.len())],
            },
            7..10 => Self::GenerateAgain,
            10..19 => {
                let other = match dice.u8(..9) {
                    0 => Some(Other::Duration),
                    1 => Some(Other::StartTime),
                    2 => Some(Other::Digits),
                    _ => None,
                };
                Self::Validate { typed: draw_typed(dice), other }
            }
            _ => Self::Malformed { is_validate: dice.bool() },
        }
    }

    pub(super) fn body(self, who: usize, writer: &mut Writer<'_>) -> Value {
        let now_s = writer.now / 1_000;
        let last = writer.windows[who];
        let window = match self {
            Self::Generate { begins_s, duration_s, digits } => {
                Window { begins_s: now_s.saturating_add_signed(begins_s), duration_s, digits }
            }
            Self::GenerateAgain | Self::Validate { .. } | Self::Malformed { .. } => {
                last.unwrap_or(Window { begins_s: now_s, duration_s: 60, digits: 6 })
            }
        };
        match self {
            Self::Generate { .. } | Self::GenerateAgain => {
                writer.windows[who] = Some(window);
                json_of("GENERATE", who, window)
            }
            Self::Validate { typed, other } => {
                let window = match other {
                    None => window,
                    Some(Other::Duration) => Window { duration_s: window.duration_s + 60, ..window },
                    Some(Other::StartTime) => Window { begins_s: window.begins_s + 30, ..window },
                    Some(Other::Digits) => Window { digits: window.digits + 1, ..window },
                };
                let mut body = json_of("VALIDATE", who, window);
                let code = writer.code(CodePath::Int, who, typed);
                body["generatedOtp"] = code.unwrap_or_else(|| "0".repeat(window.digits as usize)).into();
                // It need not be that of the GENERATE.
                body["channel"] = "App".into();
                body
            }
            Self::Malformed { is_validate } => {
                let mut body = json_of(if is_validate { "VALIDATE" } else { "GENERATE" }, who, window);
                body["channel"] = "digital".into();
                body
            }
        }
    }
}

fn json_of(operation: &str, who: usize, window: Window) -> Value {
    let mut buffer = [0; rfc3339::LEN];
    let time = rfc3339::write(LogTime::from_ms(window.begins_s * 1_000), &mut buffer);
    let begins = time[..19].replace('T', " ");
    json!({"operationType": operation, "channel": "Digital", "startTime": begins, "duration": window.duration_s,
        "digit": window.digits, "mobile": mobile(who)})
}

/// The time that a body of this module names.
pub(crate) fn begin_of(start_time: &str) -> Option<LogTime> {
    rfc3339::parse(&(start_time.replace(' ', "T") + ".000Z"))
}
