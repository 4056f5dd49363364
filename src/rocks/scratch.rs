//! Directories for tests.

use std::path::PathBuf;

/// A directory for one test, removed when the test ends.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// `name` must be unique among the tests of this package.
    pub(super) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("otp-stream-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
