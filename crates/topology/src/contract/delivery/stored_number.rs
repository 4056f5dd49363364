//! Numbers as people store them: with blanks, hyphens, the country code or the trunk zero. Made canonical by the rule of
//! their country, or refused.

use super::number::{NumberPatterns, PhoneNumber, default_rule};
use crate::otp::{NumberRule, country_digits};

/// Digits of a number whose country has no rule (ITU-T E.164, less one digit of the country code).
const DIGITS_MIN: usize = 4;
const DIGITS_MAX: usize = 14;

/// A stored number in the form that a gateway dials: never joined with its country code.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredNumber {
    number: String,
    country_code: Option<String>,
}

impl StoredNumber {
    pub fn phone(&self) -> PhoneNumber<'_> {
        PhoneNumber { number: &self.number, country_code: self.country_code.as_deref() }
    }
}

impl NumberPatterns {
    /// The canonical form of a stored number. The country of a number without a code is that of its own `+`, else that of the
    /// rule whose pattern it matches, the default rule first. `fallback`: what it must match if no rule is the default.
    ///
    /// `None`: it does not fit the rule of its country. A country without a rule has its own code alone taken off.
    pub fn canonical(
        &self,
        rules: &[NumberRule],
        fallback: &str,
        country_code: Option<&str>,
        number: &str,
    ) -> Option<StoredNumber> {
        let written: String = number.chars().filter(|it| !is_separator(*it)).collect();
        let rule = match (country_code, written.strip_prefix('+')) {
            (Some(code), _) => {
                rules.iter().find(|rule| country_digits(&rule.country_code) == country_digits(code))
            }
            (None, Some(international)) => Some(rule_of_international(rules, international)?),
            (None, None) => self.rule_of_national(rules, fallback, &written),
        };
        let code = rule.map(|rule| rule.country_code.as_str()).or(country_code);
        let fits = |form: &str| match (rule, country_code) {
            (Some(rule), _) => self.is_match(&rule.regex, form),
            (None, None) => self.is_match(fallback, form),
            (None, Some(_)) => is_plausible(form),
        };
        let national =
            forms(&written, code.map_or("", country_digits)).into_iter().flatten().find(|it| fits(it))?;
        Some(StoredNumber { number: national.to_owned(), country_code: code.map(str::to_owned) })
    }

    /// The rule of a number that does not say its country. With the default rule a number may have trunk zero and country
    /// code; any other rule it must match as it stands.
    fn rule_of_national<'a>(
        &self,
        rules: &'a [NumberRule],
        fallback: &str,
        written: &str,
    ) -> Option<&'a NumberRule> {
        let default = default_rule(rules);
        let (code, pattern) = default.map_or(("", fallback), |it| (&it.country_code, &it.regex));
        let mut forms = forms(written, country_digits(code)).into_iter().flatten();
        if forms.any(|form| self.is_match(pattern, form)) {
            return default;
        }
        rules.iter().find(|rule| self.is_match(&rule.regex, written)).or(default)
    }

    fn is_match(&self, pattern: &str, number: &str) -> bool {
        number.is_ascii() && self.compiled(pattern).is_some_and(|regex| regex.is_match(number))
    }
}

/// What a written number can be in its country, the likeliest first. With `+` or `00` the country code stands in it for
/// sure; the same digits without them may begin the number.
fn forms<'a>(written: &'a str, code: &str) -> [Option<&'a str>; 4] {
    let without_code = |digits: &'a str| digits.strip_prefix(code).filter(|_| !code.is_empty());
    let without_zero = |number: Option<&'a str>| number.and_then(|it| it.strip_prefix('0'));
    if let Some(international) = written.strip_prefix('+') {
        let national = without_code(international);
        return [national, without_zero(national), None, None];
    }
    if let Some(national) = written.strip_prefix("00").and_then(without_code) {
        return [Some(national), without_zero(Some(national)), None, None];
    }
    let national = without_code(written);
    [Some(written), written.strip_prefix('0'), national, without_zero(national)]
}

/// The rule whose country code a number in international form begins with, the longest.
fn rule_of_international<'a>(rules: &'a [NumberRule], international: &str) -> Option<&'a NumberRule> {
    let begins = |rule: &&NumberRule| {
        let code = country_digits(&rule.country_code);
        !code.is_empty() && international.starts_with(code)
    };
    rules.iter().filter(begins).max_by_key(|rule| country_digits(&rule.country_code).len())
}

/// What people put between digits (RFC 3966 §5.1.1), in any script.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')' | '/' | '\u{2010}'..='\u{2015}')
}

fn is_plausible(number: &str) -> bool {
    (DIGITS_MIN..=DIGITS_MAX).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(country_code: &str, regex: &str, default: bool) -> NumberRule {
        NumberRule { country_code: country_code.to_owned(), regex: regex.to_owned(), default }
    }

    #[test]
    fn a_number_is_canonical_by_the_rule_of_its_country() {
        let rules = [
            rule("+91", "^[6-9][0-9]{9}$", true),
            rule("+254", "7[0-9]{8}", false),
            rule("+39", "0?[0-9]{6,11}", false),
            rule("+1", "[2-9][0-9]{9}", false),
            rule("+1242", "[0-9]{7}", false),
        ];
        let patterns = NumberPatterns::default();
        let check = |country: Option<&str>, number: &str, expected: Option<(&str, &str)>| {
            let found = patterns.canonical(&rules, "", country, number);
            let found = found.as_ref().map(StoredNumber::phone);
            let found = found.map(|it| (it.country_code.unwrap_or("-"), it.number));
            assert_eq!(found, expected, "{country:?} {number:?}");
        };
        let india = Some(("+91", "9123450011"));
        for written in [
            "9123450011",
            "+919123450011",
            "+91 91234 50011",
            "+91-91234-50011",
            "+91 (0) 91234.50011",
            "00919123450011",
            "09123450011",
            "91234 50011",
            "91234\u{a0}50011",
            "91234\u{2011}50011",
            "919123450011",
            "9109123450011",
            " 91234/50011 ",
        ] {
            for country in [Some("+91"), Some("91"), Some("0091"), None] {
                check(country, written, india);
            }
        }
        check(Some("+254"), "0712345678", Some(("+254", "712345678")));
        check(None, "+254712345678", Some(("+254", "712345678")));
        check(None, "712345678", Some(("+254", "712345678")));
        check(None, "0712345678", Some(("+39", "0712345678")));
        check(None, "5123450011", Some(("+39", "5123450011")));
        check(None, "912345001", Some(("+39", "912345001")));
        check(Some("+39"), "0612345678", Some(("+39", "0612345678")));
        check(None, "+12425550123", Some(("+1242", "5550123")));
        check(None, "+15555550123", Some(("+1", "5555550123")));
        check(Some("+977"), "+977 980-0000001", Some(("+977", "9800000001")));
        check(Some("+977"), "9800000001", Some(("+977", "9800000001")));
        let refused = [
            (Some("+91"), "+449123450011"),
            (Some("+91"), "5123450011"),
            (Some("+91"), "91234500111"),
            (Some("+91"), "०१२३४५६७८९"),
            (Some("+91"), "9123450011\u{200b}"),
            (Some("+91"), "\u{202a}+919123450011\u{202c}"),
            (Some("+91"), "9123450011 x7"),
            (Some("+91"), "asha"),
            (Some("+91"), "+"),
            (Some("+91"), ""),
            (Some("+977"), "12"),
            (Some("+977"), "+449800000001"),
            (Some("+977"), "call me"),
            (None, "+449123450011"),
        ];
        refused.iter().for_each(|(country, number)| check(*country, number, None));
        let none = patterns.canonical(&[], "[6-9][0-9]{9}", None, "091234 50011").expect("it fits");
        assert_eq!((none.phone().number, none.phone().country_code), ("9123450011", None));
    }
}
