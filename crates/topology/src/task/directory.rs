//! Records of the user directory: which users exist. They are sealed in the state.

use sha2::{Digest, Sha256};

use super::Task;
use crate::contract::directory;
use crate::deployment::coordinates;
use crate::otp::CanonicalSubject;
use crate::state::{Family, StateStore, StoreKey, seal};
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

impl<S: StateStore> Task<S> {
    /// `subject`: from the record's key. A bad record goes to the dead letters, and the last good one stays in force.
    pub(super) fn directory_record(
        &mut self,
        subject: Option<&CanonicalSubject>,
        record: &Record<'_>,
        out: &mut Outbox,
    ) {
        let contracts = &self.topology.contracts;
        let Some(subject) = subject.filter(|it| contracts.get(it.contract()).is_some()) else {
            let message = "its key is not the canonical subject <contract>|<tenant root>|<identity>";
            return self.dead_letter(record, "directory", "bad_key", message, out);
        };
        let pseudonym = self.topology.keys.pseudonym(subject);
        let key = StoreKey::new(Family::Directory, &pseudonym.0);
        let key = key.as_bytes();
        let Some(value) = record.value else {
            return self.overlay.delete(key);
        };
        if let Err(error) = directory::check_record(value) {
            return self.dead_letter(record, "directory", "bad_record", &error.to_string(), out);
        }
        let sealed = seal(&self.topology.keys, record.timestamp, key, self.nonce(record), &[value]);
        self.overlay.put(key, &sealed);
    }

    /// From the record's coordinates, so that the same record always gives the same sealed bytes.
    fn nonce(&self, record: &Record<'_>) -> [u8; 12] {
        let hash = Sha256::digest(coordinates(&self.topology.origin_of(record)));
        hash[..12].try_into().expect("a hash of 32 bytes")
    }
}
