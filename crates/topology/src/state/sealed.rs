//! Values sealed with AES-256-GCM-SIV (RFC 8452) under the directory key: directory entries, remembered replies.

use super::records::BadRecord;
use crate::otp::UnknownKey;
use crate::otp::{Keyring, LogTime};

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Sealed {
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error(transparent)]
    Record(#[from] BadRecord),
}

/// Seals a value. `bound_to` (the store key) is authenticated with it; `nonce` comes from the record's coordinates,
/// so that the same record always gives the same bytes.
pub fn seal(_keys: &Keyring, _at: LogTime, _bound_to: &[u8], _nonce: [u8; 12], _plain: &[u8]) -> Vec<u8> {
    todo!()
}

/// # Errors
/// The key is unknown, or the bytes are not what was sealed for this place.
pub fn open(_keys: &Keyring, _bound_to: &[u8], _sealed: &[u8]) -> Result<Vec<u8>, Sealed> {
    todo!()
}
