//! Some rules, as a configuration section or a record on `otp-policy` gives them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::mobile::{ConfigurationRow, MobileRule, RecordRow};
use super::rules::{Number, Rule, RuleError, Spelling};
use super::{Bounds, Policy};
use crate::otp::{ContractName, Resend};

/// How many mobile rules a tenant may have.
const MOBILE_RULES_MAX: usize = 64;

/// Some rules: of a configuration section or of a record on `otp-policy`. What is absent is inherited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyPatch {
    /// In the order of [`Number::ALL`].
    numbers: [Option<u64>; Number::ALL.len()],
    resend: Option<Resend>,
    deliver: Option<bool>,
    conceal_existence: Option<bool>,
    mobile_rules: Option<Vec<MobileRule>>,
}

impl PolicyPatch {
    /// Reads the value of a record on `otp-policy` (camelCase JSON) for this contract.
    ///
    /// # Errors
    /// An unknown rule, a wrong type, a value out of bounds: the whole record is refused.
    pub fn from_json(contract: ContractName, bytes: &[u8], bounds: &Bounds) -> Result<Self, RuleError> {
        let patch = Self::read_json(bytes)?;
        patch.checked(bounds, contract, Spelling::Record)?;
        Ok(patch)
    }

    /// Reads a record that was good when it was stored. Bounds that were tightened since stop nobody: a number beyond
    /// one counts as the nearest bound. Also tells whether there is such a number.
    ///
    /// # Errors
    /// It is no good record under any bounds.
    pub fn from_stored(
        contract: ContractName,
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
        patch.checked(bounds, contract, Spelling::Record)?;
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

    /// Only the mobile rules, such as those of `[egov]`.
    pub fn of_mobile_rules(rules: Vec<MobileRule>) -> Self {
        Self { mobile_rules: Some(rules), ..Self::default() }
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
            mobile_rules: self.mobile_rules.or(below.mobile_rules),
        }
    }

    /// Judges the rules of a configuration section.
    ///
    /// # Errors
    /// A value out of bounds, a rule that this contract does not have, a mobile rule that is none.
    pub fn check(&self, bounds: &Bounds, contract: ContractName) -> Result<(), RuleError> {
        self.checked(bounds, contract, Spelling::Configuration)
    }

    fn checked(&self, bounds: &Bounds, contract: ContractName, spelling: Spelling) -> Result<(), RuleError> {
        for number in Number::ALL {
            if let Some(value) = self.numbers[*number as usize] {
                bounds.check(*number, value, spelling)?;
            }
        }
        let of_one_contract =
            [(Rule::Deliver, self.deliver.is_some()), (Rule::MobileRules, self.mobile_rules.is_some())];
        for (rule, given) in of_one_contract {
            if let Some(only) = rule.only().filter(|only| given && *only != contract) {
                let rule = rule.name(spelling);
                return Err(RuleError::OtherContract { rule, only });
            }
        }
        let rule = Rule::MobileRules.name(spelling);
        let rows = self.mobile_rules.as_deref().unwrap_or_default();
        if rows.len() > MOBILE_RULES_MAX {
            let max = MOBILE_RULES_MAX;
            return Err(RuleError::TooManyRows { rule, max });
        }
        let fault = rows.iter().enumerate().find_map(|(at, row)| Some((at, row.fault()?)));
        match fault {
            Some((row, fault)) => Err(RuleError::Row { rule, row, fault }),
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
        if let Some(rules) = &self.mobile_rules {
            policy.mobile_rules.clone_from(rules);
        }
    }

    fn has(&self, rule: Rule) -> bool {
        match rule {
            Rule::Number(number) => self.numbers[number as usize].is_some(),
            Rule::Resend => self.resend.is_some(),
            Rule::Deliver => self.deliver.is_some(),
            Rule::ConcealExistence => self.conceal_existence.is_some(),
            Rule::MobileRules => self.mobile_rules.is_some(),
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
            (Rule::MobileRules, Spelling::Configuration) => {
                let rows = map.next_value::<Vec<ConfigurationRow>>()?;
                self.mobile_rules = Some(rows.into_iter().map(MobileRule::from).collect());
            }
            (Rule::MobileRules, Spelling::Record) => {
                let rows = map.next_value::<Vec<RecordRow>>()?;
                self.mobile_rules = Some(rows.into_iter().map(MobileRule::from).collect());
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for PolicyPatch {
    /// Reads a configuration section (snake_case). Values are judged by [`PolicyPatch::check`].
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

/// Reads rules, and leaves in `fault` what is wrong with them: a parser's own words repeat the payload.
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
            let told = A::Error::custom(&refusal);
            *self.fault = Some(refusal);
            return Err(told);
        }
        Ok(patch)
    }
}
