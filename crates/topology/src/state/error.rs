//! Why a stored value cannot be read, and what the operator does about it.

/// A stored value that is damaged, or of a version that this build does not know. Holds nothing of the value.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadRecord {
    #[error("unknown version {0}")]
    UnknownVersion(u8),
    #[error("damaged: {0}")]
    Damaged(&'static str),
}

impl BadRecord {
    /// What stands behind the version of a value. `damaged`: for a value without one.
    pub(super) fn behind_version(value: &[u8], known: u8, damaged: Self) -> Result<&[u8], Self> {
        match value.split_first() {
            Some((version, rest)) if *version == known => Ok(rest),
            Some((version, _)) => Err(Self::UnknownVersion(*version)),
            None => Err(damaged),
        }
    }

    /// What an operator does about a bad value in a store.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::UnknownVersion(_) => "a newer version of otp-stream wrote it: run that version again",
            Self::Damaged(_) => {
                "stop this instance, move the directory task-<its number> away from store.directory, and start: the \
                 task is restored from its changelog"
            }
        }
    }
}
