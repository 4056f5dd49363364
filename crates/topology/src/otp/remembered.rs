//! The last requests of a subject and their answers, so that a repeat is answered again and judged never.

use super::challenge::CodeRef;
use super::time::LogTime;

/// How many requests a subject remembers.
pub const REMEMBERED_MAX: usize = 16;
/// How long, in milliseconds.
pub const REMEMBERED_MS: u64 = 15 * 60 * 1000;

/// The first 128 bits of SHA-256 over caller and request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestDigest(pub [u8; 16]);

/// A served request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub request: RequestDigest,
    pub at: LogTime,
    /// The reply, opaque to the rules: its body has a hole where a code stood, and is sealed.
    pub reply: Box<[u8]>,
    /// What fills the hole.
    pub code: Option<CodeRef>,
}
