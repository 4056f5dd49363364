//! Stored values: a version byte, then the fields.

use crate::otp::Subject;

/// A stored value that is damaged, or of a version that this build does not know.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRecord {
    #[error("unknown version {0}")]
    UnknownVersion(u8),
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

pub fn encode_subject(_subject: &Subject) -> Vec<u8> {
    todo!()
}

/// # Errors
/// See [`BadRecord`].
pub fn decode_subject(_bytes: &[u8]) -> Result<Subject, BadRecord> {
    todo!()
}
