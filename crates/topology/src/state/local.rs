//! What a store says about itself. Local: never in the changelog.

use super::{BadRecord, Family, StateStore, StoreError, StoreKey};

/// The entries that describe a store. Pinned; append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalKey {
    /// The first changelog offset that may be missing in the store: a lower bound.
    ChangelogNext,
    /// The wall clock of the last write, in milliseconds.
    WrittenAt,
    /// The partition count for which the state was made.
    Partitions,
    /// The incarnation of the changelog topic in which [`LocalKey::ChangelogNext`] counts.
    Incarnation,
}

impl LocalKey {
    pub fn key(self) -> StoreKey {
        StoreKey::new(Family::Local, self.text().as_bytes())
    }

    /// # Errors
    /// The store cannot be read.
    pub fn read(self, store: &impl StateStore) -> Result<Option<Vec<u8>>, StoreError> {
        store.get(self.key().as_bytes())
    }

    /// As [`LocalKey::read`], for the entries that are numbers; none is negative.
    ///
    /// # Errors
    /// The store cannot be read, or the entry is damaged.
    pub fn read_number(self, store: &impl StateStore) -> Result<Option<i64>, StoreError> {
        let Some(bytes) = self.read(store)? else { return Ok(None) };
        let number = bytes.try_into().ok().map(i64::from_be_bytes).filter(|it| *it >= 0);
        number.map(Some).ok_or_else(|| {
            let damage = BadRecord::Damaged(self.text());
            let reason = format!("{damage}; {}", damage.remedy());
            StoreError { place: format!("a {}", Family::Local.what()), reason }
        })
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ChangelogNext => "changelog-next",
            Self::WrittenAt => "written-at",
            Self::Partitions => "partitions",
            Self::Incarnation => "incarnation",
        }
    }
}
