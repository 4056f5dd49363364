//! Which phone numbers exist: what a rule must be to be loaded. Judges no number.

use regex::Regex;
use serde::{Deserialize, Deserializer};

use super::pattern;

const COUNTRY_CODE_BYTES_MAX: usize = 16;
const REGEX_BYTES_MAX: usize = 512;

/// The numbers of one country.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberRule {
    pub country_code: String,
    /// Matched against the whole number.
    pub regex: String,
    /// Applies to numbers that come without a country code.
    pub default: bool,
}

impl NumberRule {
    /// Why the rule is refused, in words that repeat nothing of it.
    pub fn fault(&self) -> Option<&'static str> {
        if self.country_code.is_empty() {
            Some("it has no country code")
        } else if self.country_code.len() > COUNTRY_CODE_BYTES_MAX {
            Some("its country code is longer than 16 bytes")
        } else if self.regex.is_empty() {
            Some("it has no regex")
        } else if self.regex.len() > REGEX_BYTES_MAX {
            Some("its regex is longer than 512 bytes")
        } else {
            pattern::fault(&self.regex)
        }
    }

    /// A pattern that matches whole numbers. `None`: it does not compile, or means something else to Java.
    pub fn compile(pattern: &str) -> Option<Regex> {
        pattern::compile(pattern)
    }
}

/// A row as records on `otp-policy` have it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordRow {
    #[serde(default)]
    country_code: Option<String>,
    #[serde(default)]
    mobile_number_regex: Option<String>,
    #[serde(default)]
    default: Option<bool>,
}

/// A row as the configuration has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigurationRow {
    #[serde(default)]
    country_code: Option<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    default: bool,
}

impl From<RecordRow> for NumberRule {
    /// A missing member is empty, which [`NumberRule::fault`] refuses.
    fn from(row: RecordRow) -> Self {
        Self {
            country_code: row.country_code.unwrap_or_default(),
            regex: row.mobile_number_regex.unwrap_or_default(),
            default: row.default.unwrap_or_default(),
        }
    }
}

impl From<ConfigurationRow> for NumberRule {
    /// A missing member is empty, which [`NumberRule::fault`] refuses.
    fn from(row: ConfigurationRow) -> Self {
        Self {
            country_code: row.country_code.unwrap_or_default(),
            regex: row.regex.unwrap_or_default(),
            default: row.default,
        }
    }
}

impl<'de> Deserialize<'de> for NumberRule {
    /// Reads the form of the configuration. Nothing is judged: see [`NumberRule::fault`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ConfigurationRow::deserialize(deserializer).map(Self::from)
    }
}
