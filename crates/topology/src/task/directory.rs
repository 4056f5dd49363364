//! Records of the user directory: who exists, sealed in the state.

use sha2::{Digest, Sha256};

use super::Task;
use super::incoming::Incoming;
use crate::contract::egov;
use crate::otp::CanonicalSubject;
use crate::state::{Family, StateStore, StoreKey, seal};
use crate::wire::outbox::Outbox;

impl<S: StateStore> Task<S> {
    /// A bad record goes to the dead letters, and the last good one stays.
    pub(super) fn directory_record(&mut self, incoming: &Incoming<'_>, out: &mut Outbox) {
        let key =
            incoming.key.and_then(|key| std::str::from_utf8(key).ok()).and_then(CanonicalSubject::parse);
        let Some(subject) = key else {
            let message = "its key is not the canonical subject <contract>|<tenant root>|<identity>";
            return self.dead_letter(incoming, "directory", "bad_key", message, out);
        };
        let pseudonym = self.topology.keys.pseudonym(&subject);
        let key = StoreKey::new(Family::Directory, &pseudonym.0);
        let key = key.as_bytes();
        let Some(value) = incoming.value else {
            return self.overlay.delete(key);
        };
        if let Err(error) = egov::check_directory_record(value) {
            return self.dead_letter(incoming, "directory", "bad_record", &error.to_string(), out);
        }
        let sealed = seal(&self.topology.keys, incoming.time, key, self.nonce(incoming), &[value]);
        self.overlay.put(key, &sealed);
    }

    /// From the record's coordinates: the same record is sealed to the same bytes.
    fn nonce(&self, incoming: &Incoming<'_>) -> [u8; 12] {
        let hash = Sha256::digest(incoming.coordinates(&self.topology));
        hash[..12].try_into().expect("a hash of 32 bytes")
    }
}
