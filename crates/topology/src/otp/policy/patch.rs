//! Some rules, as a configuration section or a record on `otp-policy` gives them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::destinations::{country_code_fault, prefix_fault};
use super::number_rule::{ConfigurationRow, NumberRule, RecordRow};
use super::rules::{ContractRule, Number, Rule, RuleError, Spelling};
use super::{Bounds, Policy};
use crate::otp::terms::Resend;

/// How many number rules a tenant may have.
const NUMBER_RULES_MAX: usize = 64;
/// How many country codes, and how many beginnings of numbers, a tenant may list.
const DESTINATIONS_MAX: usize = 256;

/// Some rules: of a configuration section or of a record on `otp-policy`. What is absent is inherited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyPatch {
    /// In the order of [`Number::ALL`].
    numbers: [Option<u64>; Number::ALL.len()],
    resend: Option<Resend>,
    deliver: Option<bool>,
    conceal_existence: Option<bool>,
    number_rules: Option<Vec<NumberRule>>,
    allowed_country_codes: Option<Vec<String>>,
    blocked_prefixes: Option<Vec<String>>,
}

impl PolicyPatch {
    /// Reads the value of a record on `otp-policy` (camelCase JSON). `of_contract`: the rules that its contract has
    /// besides those of every contract.
    ///
    /// # Errors
    /// An unknown rule, a wrong type or a value out of bounds. The whole record is refused.
    pub fn from_json(of_contract: &[ContractRule], bytes: &[u8], bounds: &Bounds) -> Result<Self, RuleError> {
        let patch = Self::read_json(bytes)?;
        patch.checked(bounds, of_contract, Spelling::Record)?;
        Ok(patch)
    }

    /// Reads a record that was accepted when it was stored. If bounds were tightened since, a number beyond a bound
    /// counts as that bound; the second value says whether there is such a number. A number rule that would be refused
    /// stays: whoever uses its pattern finds that it does not compile.
    ///
    /// # Errors
    /// The record is not valid under any bounds.
    pub fn from_stored(
        of_contract: &[ContractRule],
        bytes: &[u8],
        bounds: &Bounds,
    ) -> Result<(Self, bool), RuleError> {
        let mut patch = Self::read_json(bytes)?;
        let mut is_beyond = false;
        for number in Number::ALL {
            if let Some(value) = &mut patch.numbers[*number as usize] {
                let nearest = bounds.nearest(*number, *value);
                is_beyond |= nearest != *value;
                *value = nearest;
            }
        }
        patch.checked_but_rows(bounds, of_contract, Spelling::Record)?;
        Ok((patch, is_beyond))
    }

    fn read_json(bytes: &[u8]) -> Result<Self, RuleError> {
        if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
            return Err(RuleError::NotAnObject);
        }
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let read = json.deserialize_map(PatchVisitor { spelling: Spelling::Record, fault: &mut fault });
        read.map_err(|_| fault.unwrap_or(RuleError::NotAnObject))
    }

    /// This patch, with the rules of `below` where it has none.
    #[must_use]
    pub fn or(mut self, below: Self) -> Self {
        for (own, below) in self.numbers.iter_mut().zip(below.numbers) {
            *own = own.or(below);
        }
        Self {
            numbers: self.numbers,
            resend: self.resend.or(below.resend),
            deliver: self.deliver.or(below.deliver),
            conceal_existence: self.conceal_existence.or(below.conceal_existence),
            number_rules: self.number_rules.or(below.number_rules),
            allowed_country_codes: self.allowed_country_codes.or(below.allowed_country_codes),
            blocked_prefixes: self.blocked_prefixes.or(below.blocked_prefixes),
        }
    }

    /// Judges the rules of a configuration section.
    ///
    /// # Errors
    /// A value out of bounds, a rule that this contract does not have, or a faulty number rule.
    pub fn check(&self, bounds: &Bounds, of_contract: &[ContractRule]) -> Result<(), RuleError> {
        self.checked(bounds, of_contract, Spelling::Configuration)
    }

    fn checked(
        &self,
        bounds: &Bounds,
        of_contract: &[ContractRule],
        spelling: Spelling,
    ) -> Result<(), RuleError> {
        self.checked_but_rows(bounds, of_contract, spelling)?;
        let codes = self.allowed_country_codes.as_deref();
        let prefixes = self.blocked_prefixes.as_deref();
        let faults = [
            (Rule::NumberRules, first_fault(self.number_rules.as_deref(), NumberRule::fault)),
            (Rule::AllowedCountryCodes, first_fault(codes, |code| country_code_fault(code))),
            (Rule::BlockedPrefixes, first_fault(prefixes, |prefix| prefix_fault(prefix))),
        ];
        match faults.into_iter().find_map(|(rule, fault)| Some((rule.name(spelling), fault?))) {
            Some((rule, (row, fault))) => Err(RuleError::Row { rule, row, fault }),
            None => Ok(()),
        }
    }

    fn checked_but_rows(
        &self,
        bounds: &Bounds,
        of_contract: &[ContractRule],
        spelling: Spelling,
    ) -> Result<(), RuleError> {
        for number in Number::ALL {
            if let Some(value) = self.numbers[*number as usize] {
                bounds.check(*number, value, spelling)?;
            }
        }
        for rule in Rule::OTHERS {
            if rule.of_contract().is_some_and(|it| self.has(rule) && !of_contract.contains(&it)) {
                return Err(RuleError::NotOfContract(rule.name(spelling)));
            }
        }
        let lengths = [
            (Rule::NumberRules, self.number_rules.as_ref().map(Vec::len), NUMBER_RULES_MAX),
            (Rule::AllowedCountryCodes, self.allowed_country_codes.as_ref().map(Vec::len), DESTINATIONS_MAX),
            (Rule::BlockedPrefixes, self.blocked_prefixes.as_ref().map(Vec::len), DESTINATIONS_MAX),
        ];
        match lengths.into_iter().find(|(_, length, max)| length.is_some_and(|it| it > *max)) {
            Some((rule, _, max)) => Err(RuleError::TooManyRows { rule: rule.name(spelling), max }),
            None => Ok(()),
        }
    }

    pub(super) fn apply(&self, policy: &mut Policy) {
        for number in Number::ALL {
            if let Some(value) = self.numbers[*number as usize] {
                number.put(policy, value);
            }
        }
        policy.resend = self.resend.unwrap_or(policy.resend);
        policy.deliver = self.deliver.unwrap_or(policy.deliver);
        policy.conceal_existence = self.conceal_existence.unwrap_or(policy.conceal_existence);
        if let Some(rules) = &self.number_rules {
            policy.number_rules.clone_from(rules);
        }
        if let Some(codes) = &self.allowed_country_codes {
            policy.allowed_country_codes = Some(codes.clone());
        }
        if let Some(prefixes) = &self.blocked_prefixes {
            policy.blocked_prefixes.clone_from(prefixes);
        }
    }

    fn has(&self, rule: Rule) -> bool {
        match rule {
            Rule::Number(number) => self.numbers[number as usize].is_some(),
            Rule::Resend => self.resend.is_some(),
            Rule::Deliver => self.deliver.is_some(),
            Rule::ConcealExistence => self.conceal_existence.is_some(),
            Rule::NumberRules => self.number_rules.is_some(),
            Rule::AllowedCountryCodes => self.allowed_country_codes.is_some(),
            Rule::BlockedPrefixes => self.blocked_prefixes.is_some(),
        }
    }

    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        rule: Rule,
        map: &mut A,
        spelling: Spelling,
    ) -> Result<(), A::Error> {
        match (rule, spelling) {
            (Rule::Number(number), _) => self.numbers[number as usize] = Some(map.next_value()?),
            (Rule::Resend, _) => self.resend = Some(map.next_value::<ResendName>()?.into()),
            (Rule::Deliver, _) => self.deliver = Some(map.next_value()?),
            (Rule::ConcealExistence, _) => self.conceal_existence = Some(map.next_value()?),
            (Rule::AllowedCountryCodes, _) => self.allowed_country_codes = Some(map.next_value()?),
            (Rule::BlockedPrefixes, _) => self.blocked_prefixes = Some(map.next_value()?),
            (Rule::NumberRules, Spelling::Configuration) => {
                let rows = map.next_value::<Vec<ConfigurationRow>>()?;
                self.number_rules = Some(rows.into_iter().map(NumberRule::from).collect());
            }
            (Rule::NumberRules, Spelling::Record) => {
                let rows = map.next_value::<Vec<RecordRow>>()?;
                self.number_rules = Some(rows.into_iter().map(NumberRule::from).collect());
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for PolicyPatch {
    /// Reads a configuration section (`snake_case`). Values are judged by [`PolicyPatch::check`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PatchVisitor { spelling: Spelling::Configuration, fault: &mut None })
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum ResendName {
    Same,
    Rotate,
}

impl From<ResendName> for Resend {
    fn from(name: ResendName) -> Self {
        match name {
            ResendName::Same => Self::Same,
            ResendName::Rotate => Self::Rotate,
        }
    }
}

/// The first row that has a fault, from 0, and the fault.
fn first_fault<T>(
    rows: Option<&[T]>,
    fault: impl Fn(&T) -> Option<&'static str>,
) -> Option<(usize, &'static str)> {
    rows?.iter().enumerate().find_map(|(at, row)| Some((at, fault(row)?)))
}

/// Reads rules. Puts what is wrong into `fault`, because the parser's own messages repeat the payload.
struct PatchVisitor<'f> {
    spelling: Spelling,
    fault: &'f mut Option<RuleError>,
}

impl<'de> Visitor<'de> for PatchVisitor<'_> {
    type Value = PolicyPatch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("policy rules")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicyPatch, A::Error> {
        let mut patch = PolicyPatch::default();
        while let Some(name) = map.next_key::<String>()? {
            let refusal = match Rule::find(&name, self.spelling) {
                None => RuleError::unknown(&name),
                Some(rule) if patch.has(rule) => RuleError::Duplicate(rule.name(self.spelling)),
                Some(rule) => {
                    patch.read(rule, &mut map, self.spelling).inspect_err(|_| {
                        *self.fault = Some(RuleError::WrongType {
                            rule: rule.name(self.spelling),
                            expected: rule.expected(self.spelling),
                        });
                    })?;
                    continue;
                }
            };
            let error = A::Error::custom(&refusal);
            *self.fault = Some(refusal);
            return Err(error);
        }
        Ok(patch)
    }
}
