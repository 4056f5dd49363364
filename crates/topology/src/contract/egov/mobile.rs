//! DIGIT's mobile rules (MDMS `common-masters.MobileNumberValidation`): which numbers are numbers.
//!
//! A number must match its rule as a whole, as Java's `String.matches` has it. Callers bound its length before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::{Regex, RegexBuilder};

use crate::otp::MobileRule;

/// What a number without a country code must match where no rule is the default.
pub const BUILT_IN_PATTERN: &str = "^[6-9][0-9]{9}$";
/// Compiled size of one pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Patterns that are kept compiled.
const PATTERNS_MAX: usize = 128;

/// Patterns by their text, compiled once; the second `None` of a look-up: it does not compile.
#[derive(Debug, Default)]
pub struct Patterns {
    compiled: Mutex<HashMap<Box<str>, Option<Arc<Regex>>>>,
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMobile<'a> {
    /// It does not match this pattern.
    Mismatch { pattern: &'a str },
    /// No rule has this country code.
    UnknownCountry { country_code: &'a str },
    /// The rule that applies was stored before patterns were checked.
    BadPattern,
}

/// The first default rule.
pub fn default_rule(rules: &[MobileRule]) -> Option<&MobileRule> {
    rules.iter().find(|rule| rule.default)
}

/// The rule with exactly this country code.
pub fn rule_of<'a>(rules: &'a [MobileRule], country_code: &str) -> Option<&'a MobileRule> {
    rules.iter().find(|rule| rule.country_code == country_code)
}

impl Patterns {
    /// Judges a number, and says which country code it has: the caller's, else the rule's, else none.
    ///
    /// # Errors
    /// See [`BadMobile`].
    pub fn judge<'a>(
        &self,
        rules: &'a [MobileRule],
        country_code: Option<&'a str>,
        number: &str,
    ) -> Result<Option<&'a str>, BadMobile<'a>> {
        let rule = match country_code {
            Some(country_code) => {
                Some(rule_of(rules, country_code).ok_or(BadMobile::UnknownCountry { country_code })?)
            }
            None => default_rule(rules),
        };
        let pattern = rule.map_or(BUILT_IN_PATTERN, |rule| &rule.regex);
        let regex = self.compiled(pattern).ok_or(BadMobile::BadPattern)?;
        // ASCII only, because Java's `\d` is: a digit of another script is nothing a gateway can dial.
        if number.is_ascii() && regex.is_match(number) {
            Ok(rule.map(|rule| rule.country_code.as_str()))
        } else {
            Err(BadMobile::Mismatch { pattern })
        }
    }

    fn compiled(&self, pattern: &str) -> Option<Arc<Regex>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(pattern) {
            return known.clone();
        }
        if compiled.len() >= PATTERNS_MAX {
            compiled.clear();
        }
        let regex = compile(pattern).map(Arc::new);
        compiled.insert(pattern.into(), regex.clone());
        regex
    }
}

impl Clone for Patterns {
    /// Another empty cache: two threads never wait for each other.
    fn clone(&self) -> Self {
        Self::default()
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build().ok();
    // By itself first: `a)|(?:b` is a pattern only inside of the wrapping group.
    build(pattern)?;
    build(&format!(r"\A(?:{pattern})\z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(country_code: &str, regex: &str, default: bool) -> MobileRule {
        MobileRule { country_code: country_code.to_owned(), regex: regex.to_owned(), default }
    }

    #[test]
    fn a_number_is_judged_by_the_rule_of_its_country() {
        let india = rule("+91", BUILT_IN_PATTERN, true);
        let kenya = rule("+254", "7[0-9]{8}|1[0-9]{8}", false);
        let second = rule("+44", "[0-9]{10}", true);
        let broken = rule("+1", "[0-9", false);
        let crooked = rule("+7", "9)|(?:[0-9]+", false);
        let digits = rule("+2", r"^\d{4}$", false);
        let all = [india.clone(), kenya, second, broken, crooked, digits];
        let patterns = Patterns::default();
        let check = |rules: &[MobileRule],
                     country: Option<&str>,
                     number: &str,
                     expected: Result<Option<&str>, BadMobile>| {
            assert_eq!(patterns.judge(rules, country, number), expected, "{country:?} {number}");
        };
        let mismatch = |pattern| Err(BadMobile::Mismatch { pattern });
        let unknown = |country_code| Err(BadMobile::UnknownCountry { country_code });
        check(&all, None, "9123456789", Ok(Some("+91")));
        check(&all, Some("+91"), "9123456789", Ok(Some("+91")));
        check(&all, None, "5123456789", mismatch(BUILT_IN_PATTERN));
        check(&all, None, "91234567890", mismatch(BUILT_IN_PATTERN));
        check(&all, Some("+254"), "712345678", Ok(Some("+254")));
        check(&all, Some("+254"), "112345678", Ok(Some("+254")));
        check(&all, Some("+254"), "7123456781", mismatch("7[0-9]{8}|1[0-9]{8}"));
        check(&all, Some("91"), "9123456789", unknown("91"));
        check(&all, Some("+1"), "9123456789", Err(BadMobile::BadPattern));
        check(&all, Some("+7"), "9123456789", Err(BadMobile::BadPattern));
        check(&all, Some("+2"), "1234", Ok(Some("+2")));
        check(&all, Some("+2"), "१२३४", mismatch(r"^\d{4}$"));
        check(&all[1..2], None, "9123456789", Ok(None));
        check(&[], None, "9123456789", Ok(None));
        check(&[], None, "5123456789", mismatch(BUILT_IN_PATTERN));
        check(&[], Some("+91"), "9123456789", unknown("+91"));
    }
}
