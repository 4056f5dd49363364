//! What is wrong with one entry of a file: where, what, and the remedy.

use std::fmt;

use crate::cli::Failure;

/// Problems that are shown before the rest is only counted.
const SHOWN_MAX: usize = 50;

/// Where an entry stands: its line, or its path inside the file, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub line: Option<u64>,
    /// A record key, a path such as `messages[3].locale`, or a column. Empty: the whole file.
    pub field: String,
}

/// One thing that is wrong. Contains no value that could name a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub place: Place,
    pub what: String,
    /// Empty: `what` says it.
    pub remedy: String,
}

impl Place {
    pub(crate) fn new(line: impl Into<Option<u64>>, field: impl Into<String>) -> Self {
        Self { line: line.into(), field: field.into() }
    }
}

impl Problem {
    pub(crate) fn new(place: Place, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place, what: what.into(), remedy: remedy.into() }
    }

    /// As a wrong usage, with the file's name.
    pub(crate) fn in_file(&self, file: &str) -> Failure {
        Failure::Usage(self.text(file))
    }

    fn text(&self, file: &str) -> String {
        format!("{file}{self}")
    }

    /// The problems of a file, one a line; `advice` follows them.
    pub(crate) fn list(problems: &[Self], file: &str, advice: &str) -> String {
        let mut lines: Vec<String> = problems.iter().take(SHOWN_MAX).map(|it| it.text(file)).collect();
        let more = problems.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            lines.push(format!("{file}: and {more} more like these"));
        }
        if !advice.is_empty() {
            lines.push(advice.to_owned());
        }
        lines.join("\n")
    }
}

impl fmt::Display for Problem {
    /// What follows the file's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { line, field }, what, remedy } = self;
        if let Some(line) = line {
            write!(f, ", line {line}")?;
        }
        f.write_str(": ")?;
        if !field.is_empty() {
            write!(f, "{field}: ")?;
        }
        f.write_str(what)?;
        if !remedy.is_empty() {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}
