//! `[store]`: the directory of the databases.

use std::path::PathBuf;

use serde::Deserialize;

use super::findings::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    pub directory: PathBuf,
}

impl Store {
    pub(super) fn check(&self, found: &mut Findings<'_>) {
        if self.directory.as_os_str().is_empty() {
            found.add("store.directory", "not a directory name", "name one that only this instance uses");
        } else if self.directory.exists() && !self.directory.is_dir() {
            found.add("store.directory", "not a directory", "name one that only this instance uses");
        }
    }
}
