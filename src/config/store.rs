//! `[store]`: where the databases lie and how much memory they may use.

use std::path::PathBuf;

use serde::Deserialize;

use super::Range;
use super::problem::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub directory: PathBuf,
    /// Shared by all databases of the process.
    pub block_cache_mib: usize,
    pub write_buffers_mib: usize,
}

pub(super) const RANGES: &[Range] =
    &[Range("store.block_cache_mib", 1, 1 << 20), Range("store.write_buffers_mib", 1, 1 << 20)];

impl Store {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.directory.as_os_str().is_empty() {
            found.add("store.directory", "no directory", "name one that only this instance uses");
        } else if self.directory.exists() && !self.directory.is_dir() {
            found.add("store.directory", "not a directory", "name one that only this instance uses");
        }
    }
}
