//! What is wrong with a configuration, told so that whoever reads it can mend it.

use std::fmt;

use super::layers::{Layers, Source};
use super::mask;

/// Everything that is wrong, in the order it was found.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// One thing that is wrong: where it was said, the key, the value, why it cannot be and what to do.
#[derive(Debug)]
pub struct Problem {
    pub source: Source,
    pub key: String,
    /// As TOML; `None` if there is none to show. Secrets are masked before they get here.
    pub value: Option<String>,
    pub what: String,
    pub remedy: String,
}

/// Collects what the sections object to; source and value are looked up by the key.
pub struct Findings<'a> {
    layers: &'a Layers,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty(), "an error has a reason");
        Self { problems }
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if !self.key.is_empty() {
            write!(f, ": {}", mask::shown_key(&self.key))?;
        }
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}", self.what)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl<'a> Findings<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        Self { layers, problems: Vec::new() }
    }

    /// Objects to the value of a dotted key (`callers[0].name`).
    pub fn add(&mut self, key: impl Into<String>, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(self.layers.problem(key, what, remedy));
    }

    /// Whether a key has a value of its own.
    pub fn has_value(&self, key: &str) -> bool {
        self.layers.value(key).is_some()
    }

    /// Where a key's value was said.
    pub fn source(&self, key: &str) -> &Source {
        self.layers.source(key)
    }

    pub fn into_result(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(ConfigError::new(self.problems)) }
    }
}
