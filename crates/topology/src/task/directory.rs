//! Records of the user directory: which users exist. They are sealed in the state.

use sha2::{Digest, Sha256};

use super::{Task, TaskError};
use crate::contract::{Reads as _, directory};
use crate::deployment::coordinates;
use crate::otp::CanonicalSubject;
use crate::state::{Family, StateStore, StoreKey, seal};
use crate::wire::outbox::Outbox;
use crate::wire::record::Record;

impl<S: StateStore> Task<S> {
    /// `subject`: from the record's key. A bad record goes to the dead letters, and the last good one stays in force. One that
    /// is only partly of use is stored, and told as a dead letter, before a request finds it.
    pub(super) fn directory_record(
        &mut self,
        subject: Option<&CanonicalSubject>,
        record: &Record<'_>,
        out: &mut Outbox,
    ) -> Result<(), TaskError> {
        let contract = subject.and_then(|it| self.topology.contracts.get(it.contract()));
        let (Some(subject), Some(contract)) = (subject, contract.cloned()) else {
            let message = "its key is not the canonical subject <contract>|<tenant root>|<identity>";
            self.dead_letter(record, "directory", "bad_key", message, out);
            return Ok(());
        };
        let pseudonym = self.topology.keys.pseudonym(subject);
        let key = StoreKey::new(Family::Directory, &pseudonym.0);
        let key = key.as_bytes();
        let Some(value) = record.value else {
            self.overlay.delete(key);
            return Ok(());
        };
        if let Err(error) = directory::check_record(value) {
            self.dead_letter(record, "directory", "bad_record", &error.to_string(), out);
            return Ok(());
        }
        if let Some(fault) =
            contract.directory_fault(value, &|tenant| self.view().policy(contract.name(), tenant))?
        {
            self.dead_letter(record, "directory", "bad_number", fault, out);
        }
        let sealed = seal(&self.topology.keys, record.timestamp, key, self.nonce(record), &[value]);
        self.overlay.put(key, &sealed);
        Ok(())
    }

    /// From the record's coordinates, so that the same record always gives the same sealed bytes.
    fn nonce(&self, record: &Record<'_>) -> [u8; 12] {
        let hash = Sha256::digest(coordinates(&self.topology.origin_of(record)));
        hash[..12].try_into().expect("a hash of 32 bytes")
    }
}
