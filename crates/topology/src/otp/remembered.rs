//! The last requests of a subject and their replies, so that a repeated request gets the first reply and is not
//! evaluated again.

use super::challenge::CodeRef;
use super::time::LogTime;

/// How many requests a subject remembers.
pub const REMEMBERED_MAX: usize = 16;
/// How long a request is remembered, in milliseconds.
pub const REMEMBERED_MS: u64 = 15 * 60 * 1000;

/// The first 128 bits of SHA-256 over caller and request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest(pub [u8; 16]);

/// A served request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub request: RequestDigest,
    pub at: LogTime,
    /// The reply, sealed, with a placeholder for its code. The rules do not look into it.
    pub reply: Box<[u8]>,
    /// What the code is derived from.
    pub code: Option<CodeRef>,
}
