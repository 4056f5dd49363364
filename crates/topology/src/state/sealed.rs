//! Values sealed with AES-256-GCM-SIV (RFC 8452) under the directory key: directory entries, remembered replies.
//!
//! ```text
//! version 1 │ key id u32 │ nonce 12 bytes │ ciphertext │ tag 16 bytes
//! ```

use aes_gcm_siv::aead::AeadInOut;
use aes_gcm_siv::{Nonce, Tag};

use super::error::BadRecord;
use crate::otp::{KeyId, Keyring, LogTime, UnknownKey};

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + 4 + NONCE_BYTES;

/// Why a sealed value cannot be opened.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CannotOpen {
    #[error(transparent)]
    Key(#[from] UnknownKey),
    #[error(transparent)]
    Record(#[from] BadRecord),
}

/// Seals the concatenation of `plain`, and authenticates `bound_to` (the store key) with it. The caller derives `nonce`
/// from the record's coordinates, so that the same record always gives the same bytes.
pub fn seal(keys: &Keyring, at: LogTime, bound_to: &[u8], nonce: [u8; 12], plain: &[&[u8]]) -> Vec<u8> {
    let (id, key) = keys.directory().active(at);
    let length: usize = plain.iter().map(|part| part.len()).sum();
    let mut sealed = Vec::with_capacity(HEAD_BYTES + length + TAG_BYTES);
    sealed.push(VERSION);
    sealed.extend_from_slice(&id.0.to_be_bytes());
    sealed.extend_from_slice(&nonce);
    for part in plain {
        sealed.extend_from_slice(part);
    }
    let tag = key
        .cipher()
        .encrypt_inout_detached(&Nonce::from(nonce), bound_to, sealed[HEAD_BYTES..].as_mut().into())
        .expect("a record is shorter than 64 GiB");
    sealed.extend_from_slice(&tag);
    sealed
}

/// Opens a sealed value; `bound_to` as for [`seal`].
///
/// # Errors
/// The key is unknown, or the bytes were not sealed for `bound_to`.
pub fn open(keys: &Keyring, bound_to: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (version, rest) = sealed.split_first().ok_or(BadRecord::Damaged("sealed value is empty"))?;
    if *version != VERSION {
        return Err(BadRecord::UnknownVersion(*version).into());
    }
    let short = BadRecord::Damaged("sealed value is too short");
    let (id, rest) = rest.split_first_chunk::<4>().ok_or(short.clone())?;
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(short.clone())?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(short)?;
    let key = keys.directory().get(KeyId(u32::from_be_bytes(*id)))?;
    let mut plain = ciphertext.to_vec();
    key.cipher()
        .decrypt_inout_detached(&Nonce::from(*nonce), bound_to, plain.as_mut_slice().into(), &Tag::from(*tag))
        .map_err(|_| {
            BadRecord::Damaged("sealed value was changed, or belongs to another key of the store")
        })?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::{KeyPurpose, UnknownKey};

    fn keyring(directory: &[(u32, u64)]) -> Keyring {
        let others = [KeyPurpose::Code, KeyPurpose::Id, KeyPurpose::Pseudonym];
        let mut parts: Vec<_> = others.map(|it| (it, KeyId(1), LogTime::default(), [1; 32])).to_vec();
        for (id, from) in directory {
            let secret = [*id as u8; 32];
            parts.push((KeyPurpose::Directory, KeyId(*id), LogTime::from_ms(*from), secret));
        }
        Keyring::new(parts).expect("a key of each purpose")
    }

    fn sealed(at: u64, plain: &[u8]) -> Vec<u8> {
        let keys = keyring(&[(1, 0), (2, 100)]);
        seal(&keys, LogTime::from_ms(at), b"Dplace", *b"nonce nonce!", &[plain])
    }

    #[test]
    fn a_value_opens_with_the_key_that_sealed_it() {
        let keys = keyring(&[(1, 0), (2, 100)]);
        let check = |at: u64, key: u8, plain: &[u8]| {
            let sealed = sealed(at, plain);
            assert_eq!(sealed[..5], [1, 0, 0, 0, key]);
            assert_eq!(open(&keys, b"Dplace", &sealed).as_deref(), Ok(plain));
        };
        check(0, 1, b"");
        check(99, 1, b"a directory entry");
        check(100, 2, b"a directory entry");
        check(100, 2, &[7; 70_000]);
    }

    #[test]
    fn the_layout_is_pinned() {
        let hex: String = sealed(0, b"entry").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "01000000016e6f6e6365206e6f6e636521954d3c651ef480a126366ed34f673397e8f177ba34");
    }

    #[test]
    fn a_changed_byte_or_another_place_does_not_open() {
        let keys = keyring(&[(1, 0)]);
        let whole = sealed(0, b"entry");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(open(&keys, b"Dplace", &changed).is_err(), "byte {at}");
            assert!(open(&keys, b"Dplace", &whole[..at]).is_err(), "cut at {at}");
        }
        assert!(open(&keys, b"Dplaces", &whole).is_err());
        assert!(open(&keys, b"", &whole).is_err());
        let mut longer = whole;
        longer.push(0);
        assert!(open(&keys, b"Dplace", &longer).is_err());
    }

    #[test]
    fn an_unknown_key_and_an_unknown_version_are_named() {
        let (purpose, id) = (KeyPurpose::Directory, KeyId(2));
        let unknown = CannotOpen::Key(UnknownKey { purpose, id });
        assert_eq!(open(&keyring(&[(1, 0)]), b"Dplace", &sealed(100, b"entry")), Err(unknown));
        let mut newer = sealed(0, b"entry");
        newer[0] = 2;
        let unknown = CannotOpen::Record(BadRecord::UnknownVersion(2));
        assert_eq!(open(&keyring(&[(1, 0)]), b"Dplace", &newer), Err(unknown));
    }
}
