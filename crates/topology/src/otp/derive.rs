//! Challenge ids and codes, derived and never stored.

use super::challenge::CodeRef;
use super::identity::CanonicalSubject;
use super::keys::{Keyring, UnknownKey};

/// The digits of a code, leading zeros kept. Zeroized when dropped; prints as stars.
#[derive(Clone)]
pub struct Code;

impl Code {
    /// Makes the code of a challenge again.
    ///
    /// # Errors
    /// Its key is not in the ring.
    pub fn derive(_keys: &Keyring, _who: &CanonicalSubject, _of: CodeRef) -> Result<Self, UnknownKey> {
        todo!()
    }

    pub fn digits(&self) -> &str {
        todo!()
    }

    /// Constant-time in the code.
    pub fn matches(&self, _typed: &str) -> bool {
        todo!()
    }
}
