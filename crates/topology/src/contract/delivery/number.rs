//! Which phone numbers a policy accepts, and the country code of each.
//!
//! A number must match its rule as a whole, like Java's `String.matches`. Callers limit its length before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use regex::Regex;

use crate::otp::NumberRule;

/// How many patterns are kept compiled.
const PATTERNS_MAX: usize = 128;

/// A number to send to. The two parts are never joined.
#[derive(Clone, Copy, Debug)]
pub struct PhoneNumber<'a> {
    pub number: &'a str,
    pub country_code: Option<&'a str>,
}

/// Compiled patterns by their source text. `None`: the pattern does not compile.
#[derive(Debug, Default)]
pub struct NumberPatterns {
    compiled: Mutex<HashMap<Box<str>, Option<Arc<Regex>>>>,
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber<'a> {
    /// The number does not match this pattern.
    Mismatch { pattern: &'a str },
    /// No rule has this country code.
    UnknownCountry { country_code: &'a str },
    /// The pattern of its rule does not compile, or means something else to Java. Such rules were stored before patterns
    /// were checked.
    BadPattern,
}

/// The first default rule.
pub fn default_rule(rules: &[NumberRule]) -> Option<&NumberRule> {
    rules.iter().find(|rule| rule.default)
}

/// The rule with exactly this country code.
pub fn rule_of<'a>(rules: &'a [NumberRule], country_code: &str) -> Option<&'a NumberRule> {
    rules.iter().find(|rule| rule.country_code == country_code)
}

impl NumberPatterns {
    /// Judges a number and returns its country code: the caller's, else the rule's, else none. `fallback`: what a number
    /// without a country code must match if no rule is the default.
    ///
    /// # Errors
    /// See [`BadNumber`].
    pub fn judge<'a>(
        &self,
        rules: &'a [NumberRule],
        fallback: &'a str,
        country_code: Option<&'a str>,
        number: &str,
    ) -> Result<Option<&'a str>, BadNumber<'a>> {
        let rule = match country_code {
            Some(country_code) => {
                Some(rule_of(rules, country_code).ok_or(BadNumber::UnknownCountry { country_code })?)
            }
            None => default_rule(rules),
        };
        let pattern = rule.map_or(fallback, |rule| &rule.regex);
        let regex = self.compiled(pattern).ok_or(BadNumber::BadPattern)?;
        // ASCII only, like Java's `\d`: a gateway cannot dial the digits of another script.
        if number.is_ascii() && regex.is_match(number) {
            Ok(rule.map(|rule| rule.country_code.as_str()))
        } else {
            Err(BadNumber::Mismatch { pattern })
        }
    }

    pub(super) fn compiled(&self, pattern: &str) -> Option<Arc<Regex>> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(pattern) {
            return known.clone();
        }
        if compiled.len() >= PATTERNS_MAX {
            compiled.clear();
        }
        let regex = NumberRule::compile(pattern).map(Arc::new);
        compiled.insert(pattern.into(), regex.clone());
        regex
    }
}

impl Clone for NumberPatterns {
    /// An empty cache, so that two threads never wait for each other.
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDIA: &str = "^[6-9][0-9]{9}$";

    fn rule(country_code: &str, regex: &str, default: bool) -> NumberRule {
        NumberRule { country_code: country_code.to_owned(), regex: regex.to_owned(), default }
    }

    #[test]
    fn a_number_is_judged_by_the_rule_of_its_country() {
        let india = rule("+91", INDIA, true);
        let kenya = rule("+254", "7[0-9]{8}|1[0-9]{8}", false);
        let second = rule("+44", "[0-9]{10}", true);
        let broken = rule("+1", "[0-9", false);
        let crooked = rule("+7", "9)|(?:[0-9]+", false);
        let possessive = rule("+6", "[0-9]{4}+", false);
        let digits = rule("+2", "^[^a]{4}$", false);
        let all = [india.clone(), kenya, second, broken, crooked, possessive, digits];
        let patterns = NumberPatterns::default();
        let check = |rules: &[NumberRule],
                     country: Option<&str>,
                     number: &str,
                     expected: Result<Option<&str>, BadNumber>| {
            assert_eq!(patterns.judge(rules, INDIA, country, number), expected, "{country:?} {number}");
        };
        let mismatch = |pattern| Err(BadNumber::Mismatch { pattern });
        let unknown = |country_code| Err(BadNumber::UnknownCountry { country_code });
        check(&all, None, "9123456789", Ok(Some("+91")));
        check(&all, Some("+91"), "9123456789", Ok(Some("+91")));
        check(&all, None, "5123456789", mismatch(INDIA));
        check(&all, None, "91234567890", mismatch(INDIA));
        check(&all, Some("+254"), "712345678", Ok(Some("+254")));
        check(&all, Some("+254"), "112345678", Ok(Some("+254")));
        check(&all, Some("+254"), "7123456781", mismatch("7[0-9]{8}|1[0-9]{8}"));
        check(&all, Some("91"), "9123456789", unknown("91"));
        check(&all, Some("+1"), "9123456789", Err(BadNumber::BadPattern));
        check(&all, Some("+7"), "9123456789", Err(BadNumber::BadPattern));
        check(&all, Some("+2"), "1234", Ok(Some("+2")));
        check(&all, Some("+2"), "१२३४", mismatch("^[^a]{4}$"));
        check(&all, Some("+6"), "12341234", Err(BadNumber::BadPattern));
        check(&all[1..2], None, "9123456789", Ok(None));
        check(&[], None, "9123456789", Ok(None));
        check(&[], None, "5123456789", mismatch(INDIA));
        check(&[], Some("+91"), "9123456789", unknown("+91"));
    }
}
