//! Collects what is wrong with the values of a configuration.

use super::layers::Layers;
use super::problem::{ConfigError, Problem};

/// The problems found so far. Layer and value of each are looked up by its key.
pub(crate) struct Findings<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: Vec::new() }
    }

    /// Adds a problem with the value of a dotted key, such as `callers[0].name`.
    pub(crate) fn add(&mut self, key: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.layers.problem(key, what, remedy));
    }

    /// At least one problem was found.
    pub(super) fn into_error(self) -> ConfigError {
        ConfigError::new(self.problems)
    }

    pub(crate) fn into_result(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::new(self.problems)) }
    }
}
