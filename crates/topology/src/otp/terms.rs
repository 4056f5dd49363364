//! The terms a code is issued under: how many digits, what a resend does, and the version of the policy that said so.

use arrayvec::ArrayString;

use super::hex::hex;
use super::time::LogTime;

/// The number of digits of a code: 4 to 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digits(u8);

impl Digits {
    pub const MIN: u8 = 4;
    pub const MAX: u8 = 10;

    pub const fn new(digits: u8) -> Option<Self> {
        if digits >= Self::MIN && digits <= Self::MAX { Some(Self(digits)) } else { None }
    }

    pub const fn get(self) -> u8 {
        self.0
    }
}

/// What a code is and when it is valid. The policy says so, unless the request names terms of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeTerms {
    pub digits: Digits,
    /// The first millisecond at which the code is accepted.
    pub begins_at: LogTime,
    /// The last millisecond at which the code is accepted.
    pub expires_at: LogTime,
}

/// What a resend within the lifetime does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Resend {
    /// Sends the same code again.
    Same = 1,
    /// Sends another code of the same challenge. The end of its life stays.
    Rotate = 2,
}

/// The first 64 bits of a content hash over every effective rule; 16 hex digits on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PolicyVersion(pub [u8; 8]);

impl PolicyVersion {
    /// 16 lower-case hex digits.
    pub fn to_hex(self) -> ArrayString<16> {
        hex(&[&self.0])
    }
}
