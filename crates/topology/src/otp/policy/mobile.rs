//! DIGIT's `MobileNumberValidation` rows: what one must be to be loaded. Judging numbers is the contract's.

use regex::RegexBuilder;
use serde::{Deserialize, Deserializer};

/// Longest country code, in bytes.
const COUNTRY_CODE_BYTES_MAX: usize = 16;
/// Longest pattern, in bytes.
const REGEX_BYTES_MAX: usize = 512;
/// Compiled size of one pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// One row of DIGIT's `MobileNumberValidation`.
#[derive(Clone, Debug, PartialEq)]
pub struct MobileRule {
    pub country_code: String,
    /// Matched against the whole number.
    pub regex: String,
    pub default: bool,
}

impl MobileRule {
    /// The rule of the default configuration (docs/contracts/egov.md, "Mobile rules").
    pub(super) fn india() -> Self {
        Self { country_code: "+91".to_owned(), regex: "^[6-9][0-9]{9}$".to_owned(), default: true }
    }

    /// What is wrong with it, in words that repeat nothing of it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.country_code.is_empty() {
            Some("it has no country code")
        } else if self.country_code.len() > COUNTRY_CODE_BYTES_MAX {
            Some("its country code is longer than 16 bytes")
        } else if self.regex.is_empty() {
            Some("it has no regex")
        } else if self.regex.len() > REGEX_BYTES_MAX {
            Some("its regex is longer than 512 bytes")
        } else if !compiles(&self.regex) {
            Some("its regex does not compile")
        } else {
            None
        }
    }
}

/// By itself and as a whole-string match: `a)|(?:b` is a pattern only inside of the wrapping group.
fn compiles(pattern: &str) -> bool {
    let builds = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().is_ok();
    builds(pattern) && builds(&format!(r"\A(?:{pattern})\z"))
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

impl From<RecordRow> for MobileRule {
    /// What is missing is empty, which [`MobileRule::fault`] refuses.
    fn from(row: RecordRow) -> Self {
        Self {
            country_code: row.country_code.unwrap_or_default(),
            regex: row.mobile_number_regex.unwrap_or_default(),
            default: row.default.unwrap_or_default(),
        }
    }
}

impl From<ConfigurationRow> for MobileRule {
    /// What is missing is empty, which [`MobileRule::fault`] refuses.
    fn from(row: ConfigurationRow) -> Self {
        Self {
            country_code: row.country_code.unwrap_or_default(),
            regex: row.regex.unwrap_or_default(),
            default: row.default,
        }
    }
}

impl<'de> Deserialize<'de> for MobileRule {
    /// Reads the configuration's form and checks it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rule = Self::from(ConfigurationRow::deserialize(deserializer)?);
        match rule.fault() {
            Some(fault) => Err(serde::de::Error::custom(format!("mobile rule: {fault}"))),
            None => Ok(rule),
        }
    }
}
