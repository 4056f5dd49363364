//! The numbers to which codes may go: what the lists of a policy must be to be loaded, and what they forbid. Counts nothing.

use arrayvec::ArrayString;

use super::Policy;

const COUNTRY_CODE_BYTES_MAX: usize = 16;
/// Digits of a number (ITU-T E.164).
const PREFIX_DIGITS_MAX: usize = 15;

/// The first four digits of a national number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberPrefix(u16);

impl NumberPrefix {
    /// `None`: it does not begin with four digits.
    pub fn of(number: &str) -> Option<Self> {
        let digits = number.as_bytes().first_chunk::<4>()?;
        let add = |sum: u16, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u16::from(byte - b'0'));
        digits.iter().try_fold(0, add).map(Self)
    }

    /// From 0 to 9999. `None`: out of that range.
    pub fn from_number(number: u16) -> Option<Self> {
        (number <= 9_999).then_some(Self(number))
    }

    pub fn number(self) -> u16 {
        self.0
    }

    /// The four digits.
    pub fn digits(self) -> ArrayString<4> {
        let Self(number) = self;
        let mut text = ArrayString::new();
        for unit in [1_000, 100, 10, 1] {
            text.push(char::from_digit(u32::from(number / unit % 10), 10).expect("a digit"));
        }
        text
    }
}

/// The digits of a country code, which people write as `+91`, `0091` and `91`.
pub fn country_digits(country_code: &str) -> &str {
    country_code.trim_start_matches(['+', '0', ' '])
}

impl Policy {
    /// Whether codes may go to this number, which has no country code in it.
    pub fn allows_destination(&self, country_code: Option<&str>, number: &str) -> bool {
        let is_country_allowed = match (&self.allowed_country_codes, country_code) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(allowed), Some(code)) => {
                allowed.iter().any(|it| country_digits(it) == country_digits(code))
            }
        };
        is_country_allowed && !self.blocked_prefixes.iter().any(|it| number.starts_with(it.as_str()))
    }

    /// This policy, whose destinations are also within those of `local`: a record can close a destination, and opens none
    /// that the local configuration closes.
    #[must_use]
    pub fn within_destinations_of(mut self, local: &Self) -> Self {
        let is_bound = local.allowed_country_codes.is_some() || !local.blocked_prefixes.is_empty();
        if !is_bound {
            return self;
        }
        if let Some(bound) = &local.allowed_country_codes {
            let is_within = |code: &String| bound.iter().any(|it| country_digits(it) == country_digits(code));
            let allowed = self.allowed_country_codes.get_or_insert_with(|| bound.clone());
            allowed.retain(is_within);
        }
        for prefix in &local.blocked_prefixes {
            if !self.blocked_prefixes.contains(prefix) {
                self.blocked_prefixes.push(prefix.clone());
            }
        }
        self.versioned()
    }
}

/// Why a country code is refused, in words that repeat nothing of it.
pub(super) fn country_code_fault(code: &str) -> Option<&'static str> {
    let digits = country_digits(code);
    if code.len() > COUNTRY_CODE_BYTES_MAX {
        Some("it is longer than 16 bytes")
    } else if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Some("it is no country code, such as +91")
    } else {
        None
    }
}

/// Why the beginning of a number is refused, in words that repeat nothing of it.
pub(super) fn prefix_fault(prefix: &str) -> Option<&'static str> {
    let is_number = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        Some("it is no beginning of a national number: write digits alone")
    } else if prefix.len() > PREFIX_DIGITS_MAX {
        Some("it is longer than 15 digits")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_four_digits() {
        let check = |number: &str, expected: Option<&str>| {
            let prefix = NumberPrefix::of(number);
            assert_eq!(prefix.map(NumberPrefix::digits).as_deref(), expected, "{number}");
            assert_eq!(prefix.and_then(|it| NumberPrefix::from_number(it.number())), prefix);
        };
        check("9123456789", Some("9123"));
        check("0049", Some("0049"));
        check("912", None);
        check("+919123456789", None);
        check("asha", None);
        check("ह12", None);
        assert_eq!(NumberPrefix::from_number(10_000), None);
    }

    #[test]
    fn a_number_goes_to_an_allowed_country_and_not_to_a_blocked_beginning() {
        let check = |allowed: Option<&[&str]>, blocked: &[&str], country: Option<&str>, expected: bool| {
            let list = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            let policy = Policy {
                allowed_country_codes: allowed.map(list),
                blocked_prefixes: list(blocked),
                ..Policy::built_in()
            };
            let found = policy.allows_destination(country, "9123456789");
            assert_eq!(found, expected, "{allowed:?} {blocked:?} {country:?}");
        };
        check(None, &[], Some("+91"), true);
        check(None, &[], None, true);
        check(Some(&["+977", "+91"]), &[], Some("+91"), true);
        check(Some(&["91"]), &[], Some("+91"), true);
        check(Some(&["+91"]), &[], Some("0091"), true);
        check(Some(&["+9"]), &[], Some("+91"), false);
        check(Some(&["+91"]), &[], None, false);
        check(Some(&[]), &[], Some("+91"), false);
        check(None, &["8", "91"], Some("+91"), false);
        check(None, &["9123456789"], None, false);
        check(None, &["91234567890", "123"], Some("+91"), true);
        check(Some(&["+91"]), &["9124"], Some("+91"), true);
    }

    #[test]
    fn a_record_opens_no_destination_that_the_local_configuration_closes() {
        let of = |allowed: Option<&str>, blocked: &str| {
            let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let (allowed_country_codes, blocked_prefixes) = (allowed.map(list), list(blocked));
            Policy { allowed_country_codes, blocked_prefixes, ..Policy::built_in() }.versioned()
        };
        let check = |local: &Policy, record: Policy, expected: &Policy| {
            assert_eq!(&record.within_destinations_of(local), expected);
        };
        let open = of(None, "");
        check(&open, of(Some("+1"), "9"), &of(Some("+1"), "9"));
        let closed = of(Some("+91 +977"), "70");
        check(&closed, of(Some("+977 +1"), "8"), &of(Some("+977"), "8 70"));
        check(&closed, of(Some("+1"), ""), &of(Some(""), "70"));
        check(&closed, of(None, "70"), &closed);
    }
}
