//! Reads and writes subjects, and the index of due times by which the expiry sweep finds them and the numbers.
//!
//! The index always has an entry at or before a subject's due time. The sweep moves entries that are too early. The index is
//! derived from the subjects, so it is not in the changelog.

use super::{Task, TaskError};
use crate::otp::{LogTime, NumberPseudonym, Pseudonym, Subject, due_at};
use crate::state::{Family, StateStore, StoreKey, decode_subject, write_subject};

/// A stored subject, and the due time of which the index has an entry.
pub(super) struct Loaded {
    pub subject: Subject,
    pub due: Option<LogTime>,
}

impl<S: StateStore> Task<S> {
    /// A subject that is not stored is a blank one.
    pub(super) fn load(&self, pseudonym: Pseudonym) -> Result<Loaded, TaskError> {
        let Some(bytes) = self.overlay.get(&self.store, &subject_key(pseudonym))? else {
            return Ok(Loaded { subject: Subject::default(), due: None });
        };
        let subject = decode_subject(&bytes).map_err(|error| TaskError::Record { what: "subject", error })?;
        let due = due_at(&subject);
        Ok(Loaded { subject, due })
    }

    /// Writes a subject. `was_due`: its due time when it was loaded.
    pub(super) fn save(&mut self, pseudonym: Pseudonym, subject: &Subject, was_due: Option<LogTime>) {
        self.overlay.put_with(&subject_key(pseudonym), |bytes| write_subject(subject, bytes));
        if let Some(due) = due_at(subject)
            && was_due.is_none_or(|was| due < was)
        {
            self.overlay.put(&index_key(due, pseudonym), &[]);
        }
    }

    pub(super) fn erase(&mut self, pseudonym: Pseudonym) {
        self.overlay.delete(&subject_key(pseudonym));
    }
}

pub(super) fn subject_key(pseudonym: Pseudonym) -> [u8; 17] {
    let mut key = [Family::Subject as u8; 17];
    key[1..].copy_from_slice(&pseudonym.0);
    key
}

/// Whose index entry it is.
pub(super) enum Due {
    Subject(Pseudonym),
    Number(NumberPseudonym),
}

/// Sorted by due time.
pub(super) fn index_key(due: LogTime, pseudonym: Pseudonym) -> [u8; 25] {
    let mut key = [Family::Expiry as u8; 25];
    key[1..9].copy_from_slice(&due.ms().to_be_bytes());
    key[9..].copy_from_slice(&pseudonym.0);
    key
}

/// Sorted by due time, among those of subjects.
pub(super) fn number_index_key(due: LogTime, number: NumberPseudonym) -> [u8; 26] {
    let mut key = [Family::Number as u8; 26];
    key[..25].copy_from_slice(&index_key(due, Pseudonym(number.0)));
    key
}

/// The first key of the index after all entries that are due at a watermark.
pub(super) fn index_end(watermark: LogTime) -> Vec<u8> {
    let after = watermark.plus(1).ms();
    StoreKey::new(Family::Expiry, &after.to_be_bytes()).into_bytes()
}

/// Whose entry it is. `None`: not an index key.
pub(super) fn due_of(index_key: &[u8]) -> Option<Due> {
    let (entry, family) = index_key.split_first_chunk::<25>()?;
    let pseudonym = entry[9..].try_into().expect("sixteen bytes");
    match family {
        [] => Some(Due::Subject(Pseudonym(pseudonym))),
        [family] if *family == Family::Number as u8 => Some(Due::Number(NumberPseudonym(pseudonym))),
        _ => None,
    }
}
