//! The secret keys, by purpose, with ids and the log time from which each serves.

use super::identity::{CanonicalSubject, Pseudonym};
use super::time::LogTime;

/// What a key is for. Never two purposes under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    Code,
    Id,
    Pseudonym,
    Directory,
}

/// A key's number within its purpose; stored beside everything made under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// A record lies under a key that the ring does not hold.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no {purpose:?} key with id {}: add it to the key file of this instance", id.0)]
pub struct UnknownKey {
    pub purpose: KeyPurpose,
    pub id: KeyId,
}

#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyringError {
    #[error("no {0:?} key")]
    Missing(KeyPurpose),
}

/// A secret of 32 bytes; zeroized when dropped, never printed.
pub struct Key;

/// The keys of one purpose.
pub struct Ring;

pub struct Keyring;

impl Keyring {
    pub fn pseudonym(&self, _subject: &CanonicalSubject) -> Pseudonym {
        todo!()
    }

    pub fn directory(&self) -> &Ring {
        todo!()
    }
}

impl Ring {
    /// The key that serves at a log time: the last whose `active_from` is not later; before all, the first.
    pub fn active(&self, _at: LogTime) -> (KeyId, &Key) {
        todo!()
    }

    /// # Errors
    /// No key of that id.
    pub fn get(&self, _id: KeyId) -> Result<&Key, UnknownKey> {
        todo!()
    }
}
