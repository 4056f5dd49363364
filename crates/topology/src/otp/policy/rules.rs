//! The table of rules. Each is declared once, so that names, bounds, inheritance and version cannot drift apart.

use super::effective::Policy;
use crate::otp::terms::Digits;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const U32_MAX: u64 = u32::MAX as u64;
/// Longest name of an unknown rule that an error repeats.
const NAME_CHARS_MAX: usize = 40;

/// Why rules are refused. Of a record it repeats only numbers and what looks like the name of a rule.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleError {
    #[error("not a JSON object of policy rules")]
    NotAnObject,
    #[error("unknown rule {0}")]
    Unknown(String),
    #[error("rule {0} is given twice")]
    Duplicate(&'static str),
    #[error("rule {rule} is not {expected}")]
    WrongType { rule: &'static str, expected: &'static str },
    #[error("rule {rule} is {value}, out of its bounds {min} to {max}")]
    OutOfBounds { rule: &'static str, value: u64, min: u64, max: u64 },
    #[error("rule {0} does not exist for this contract")]
    NotOfContract(&'static str),
    #[error("rule {rule} has more than {max} rows")]
    TooManyRows { rule: &'static str, max: usize },
    #[error("rule {rule}, row {row}: {fault}", row = .row + 1)]
    Row {
        rule: &'static str,
        /// From 0.
        row: usize,
        fault: &'static str,
    },
    #[error("bound {0}_min is above {0}_max")]
    EmptyBounds(&'static str),
    #[error("bound {rule}_{end} is {value}, outside {min} to {max}, the limits of the program")]
    Limit { rule: &'static str, end: &'static str, value: u64, min: u64, max: u64 },
}

impl RuleError {
    /// The name of the rule, if it is known.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Self::NotAnObject | Self::EmptyBounds(_) | Self::Limit { .. } => None,
            Self::Unknown(rule) => Some(rule),
            Self::Duplicate(rule)
            | Self::NotOfContract(rule)
            | Self::WrongType { rule, .. }
            | Self::OutOfBounds { rule, .. }
            | Self::TooManyRows { rule, .. }
            | Self::Row { rule, .. } => Some(rule),
        }
    }

    /// Repeats the name only if it looks like one.
    pub(super) fn unknown(name: &str) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        Self::Unknown(if name.len() <= NAME_CHARS_MAX && name.chars().all(plain) {
            name.to_owned()
        } else {
            "(not a valid name)".to_owned()
        })
    }
}

/// The two ways to write a rule's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `lifetime_ms`
    Configuration,
    /// `lifetimeMs`
    Record,
}

/// A field of [`Policy`] that is a number.
trait Measure {
    /// `None`: the rule is absent.
    fn to_u64(self) -> Option<u64>;
    /// `value` is within the limits of the rule.
    fn from_u64(value: u64) -> Self;
}

macro_rules! numbers {
    ($($variant:ident $field:ident $camel:literal bounds $bounds:expr, limits $limits:expr;)*) => {
        /// A rule that is a number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Number {
            $($variant),*
        }

        impl Number {
            pub(super) const ALL: &[Self] = &[$(Self::$variant),*];

            pub(super) const fn name(self, spelling: Spelling) -> &'static str {
                match (self, spelling) {
                    $((Self::$variant, Spelling::Configuration) => stringify!($field),
                    (Self::$variant, Spelling::Record) => $camel,)*
                }
            }

            /// The inclusive bounds, unless the configuration moves them (docs/interface.md, "Rule bounds").
            pub(super) const fn bounds(self) -> (u64, u64) {
                match self { $(Self::$variant => $bounds),* }
            }

            /// How far the configuration may move the bounds.
            pub(super) const fn limits(self) -> (u64, u64) {
                match self { $(Self::$variant => $limits),* }
            }

            /// `None`: the policy does not have the rule.
            pub(super) fn of(self, policy: &Policy) -> Option<u64> {
                match self { $(Self::$variant => policy.$field.to_u64()),* }
            }

            pub(super) fn put(self, policy: &mut Policy, value: u64) {
                match self { $(Self::$variant => policy.$field = Measure::from_u64(value)),* }
            }
        }
    };
}

numbers! {
    Digits digits "digits" bounds (6, 10), limits (4, 10);
    LifetimeMs lifetime_ms "lifetimeMs" bounds (10_000, 600_000), limits (1_000, DAY_MS);
    WrongTriesMax wrong_tries_max "wrongTriesMax" bounds (1, 10), limits (1, 255);
    LockAfter lock_after "lockAfter" bounds (1, 100), limits (1, 1_000_000);
    LockMs lock_ms "lockMs" bounds (1_000, DAY_MS), limits (1, 366 * DAY_MS);
    HardLockAfter hard_lock_after "hardLockAfter" bounds (1, 100), limits (1, 1_000_000);
    SendsPerChallengeMax sends_per_challenge_max "sendsPerChallengeMax" bounds (1, 20), limits (1, 255);
    SendsPer10MinMax sends_per_10_min_max "sendsPer10MinMax" bounds (1, 50), limits (1, 255);
    SendsPerDayMax sends_per_day_max "sendsPerDayMax" bounds (1, 50), limits (1, 255);
    SendPauseMs send_pause_ms "sendPauseMs" bounds (0, 600_000), limits (0, DAY_MS);
    SendsPerNumberHourMax sends_per_number_hour_max "sendsPerNumberHourMax" bounds (1, 1_000), limits (1, 65_535);
    SendsPerPrefixHourMax sends_per_prefix_hour_max "sendsPerPrefixHourMax" bounds (1, 10_000_000), limits (1, U32_MAX);
    SendsPerTenantHourMax sends_per_tenant_hour_max "sendsPerTenantHourMax" bounds (1, 10_000_000), limits (1, U32_MAX);
}

/// A rule that only some contracts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractRule {
    Deliver,
    NumberRules,
}

/// Any rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Number(Number),
    Resend,
    Deliver,
    ConcealExistence,
    NumberRules,
    AllowedCountryCodes,
    BlockedPrefixes,
}

impl Rule {
    pub(super) const OTHERS: [Self; 6] = [
        Self::Resend,
        Self::Deliver,
        Self::ConcealExistence,
        Self::NumberRules,
        Self::AllowedCountryCodes,
        Self::BlockedPrefixes,
    ];

    pub(super) fn find(name: &str, spelling: Spelling) -> Option<Self> {
        let numbers = Number::ALL.iter().map(|it| Self::Number(*it));
        numbers.chain(Self::OTHERS).find(|it| it.name(spelling) == name)
    }

    pub(super) const fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Number(number), _) => number.name(spelling),
            (Self::Resend, _) => "resend",
            (Self::Deliver, _) => "deliver",
            (Self::ConcealExistence, Spelling::Configuration) => "conceal_existence",
            (Self::ConcealExistence, Spelling::Record) => "concealExistence",
            (Self::NumberRules, Spelling::Configuration) => "mobile_rules",
            (Self::NumberRules, Spelling::Record) => "mobileRules",
            (Self::AllowedCountryCodes, Spelling::Configuration) => "allowed_country_codes",
            (Self::AllowedCountryCodes, Spelling::Record) => "allowedCountryCodes",
            (Self::BlockedPrefixes, Spelling::Configuration) => "blocked_prefixes",
            (Self::BlockedPrefixes, Spelling::Record) => "blockedPrefixes",
        }
    }

    /// What its value must be, for error texts.
    pub(super) const fn expected(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Number(_), _) => "a whole number",
            (Self::Resend, _) => "\"same\" or \"rotate\"",
            (Self::Deliver | Self::ConcealExistence, _) => "true or false",
            (Self::NumberRules, Spelling::Configuration) => "a list of { country_code, regex, default }",
            (Self::NumberRules, Spelling::Record) => {
                "a list of {\"countryCode\", \"mobileNumberRegex\", \"default\"}"
            }
            (Self::AllowedCountryCodes, _) => "a list of country codes",
            (Self::BlockedPrefixes, _) => "a list of beginnings of numbers",
        }
    }

    /// `Some`: only contracts that list it have the rule.
    pub(super) const fn of_contract(self) -> Option<ContractRule> {
        match self {
            Self::Number(_)
            | Self::Resend
            | Self::ConcealExistence
            | Self::AllowedCountryCodes
            | Self::BlockedPrefixes => None,
            Self::Deliver => Some(ContractRule::Deliver),
            Self::NumberRules => Some(ContractRule::NumberRules),
        }
    }
}

impl Measure for Digits {
    fn to_u64(self) -> Option<u64> {
        Some(self.get().into())
    }

    fn from_u64(value: u64) -> Self {
        let digits = u8::try_from(value).ok().and_then(Self::new);
        digits.expect("the limits of the rule are those of the type")
    }
}

impl Measure for u8 {
    fn to_u64(self) -> Option<u64> {
        Some(self.into())
    }

    fn from_u64(value: u64) -> Self {
        Self::try_from(value).expect("the limits of the rule are those of the type")
    }
}

impl Measure for u32 {
    fn to_u64(self) -> Option<u64> {
        Some(self.into())
    }

    fn from_u64(value: u64) -> Self {
        Self::try_from(value).expect("the limits of the rule are those of the type")
    }
}

impl Measure for Option<u32> {
    fn to_u64(self) -> Option<u64> {
        self.map(u64::from)
    }

    fn from_u64(value: u64) -> Self {
        Some(u32::from_u64(value))
    }
}

impl Measure for u64 {
    fn to_u64(self) -> Option<u64> {
        Some(self)
    }

    fn from_u64(value: u64) -> Self {
        value
    }
}

impl Measure for Option<u16> {
    fn to_u64(self) -> Option<u64> {
        self.map(u64::from)
    }

    fn from_u64(value: u64) -> Self {
        Some(u16::try_from(value).expect("the limits of the rule are those of the type"))
    }
}
