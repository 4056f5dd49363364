//! The inclusive bounds of the rules that are numbers. Only the local configuration can change them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::rules::{Number, RuleError, Spelling};

/// The inclusive bounds of every rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// Least and greatest value, in the order of [`Number::ALL`].
    ranges: [(u64, u64); Number::ALL.len()],
}

impl Default for Bounds {
    /// docs/interface.md, "Rule bounds".
    fn default() -> Self {
        let mut ranges = [(0, 0); Number::ALL.len()];
        for number in Number::ALL {
            ranges[*number as usize] = number.bounds();
        }
        Self { ranges }
    }
}

impl Bounds {
    /// Every key of `[policy.bounds]` with its value, for a configuration to print.
    pub fn entries(&self) -> impl Iterator<Item = (String, u64)> {
        Number::ALL.iter().flat_map(|number| {
            let name = number.name(Spelling::Configuration);
            let (min, max) = self.ranges[*number as usize];
            [(format!("{name}_min"), min), (format!("{name}_max"), max)]
        })
    }

    pub(super) fn check(&self, number: Number, value: u64, spelling: Spelling) -> Result<(), RuleError> {
        let (min, max) = self.ranges[number as usize];
        if (min..=max).contains(&value) {
            return Ok(());
        }
        let rule = number.name(spelling);
        Err(RuleError::OutOfBounds { rule, value, min, max })
    }

    /// The value, or the bound that it exceeds.
    pub(super) fn nearest(&self, number: Number, value: u64) -> u64 {
        let (min, max) = self.ranges[number as usize];
        value.clamp(min, max)
    }

    /// Checks that all bounds are within the limits of the program and that no range is empty.
    fn checked(self) -> Result<Self, RuleError> {
        for number in Number::ALL {
            let rule = number.name(Spelling::Configuration);
            let (least, greatest) = self.ranges[*number as usize];
            let (min, max) = number.limits();
            for (end, value) in [("min", least), ("max", greatest)] {
                if !(min..=max).contains(&value) {
                    return Err(RuleError::Limit { rule, end, value, min, max });
                }
            }
            if least > greatest {
                return Err(RuleError::EmptyBounds(rule));
            }
        }
        Ok(self)
    }

    fn entry(&mut self, key: &str) -> Option<&mut u64> {
        let (name, is_min) = match key.strip_suffix("_min") {
            Some(name) => (name, true),
            None => (key.strip_suffix("_max")?, false),
        };
        let named = |it: &&Number| it.name(Spelling::Configuration) == name;
        let number = Number::ALL.iter().find(named)?;
        let (min, max) = &mut self.ranges[*number as usize];
        Some(if is_min { min } else { max })
    }
}

impl<'de> Deserialize<'de> for Bounds {
    /// Reads `[policy.bounds]`: every key is optional, an unknown one an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BoundsVisitor)
    }
}

struct BoundsVisitor;

impl<'de> Visitor<'de> for BoundsVisitor {
    type Value = Bounds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bounds of policy rules, such as digits_min and lifetime_ms_max")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bounds, A::Error> {
        let mut bounds = Bounds::default();
        while let Some(key) = map.next_key::<String>()? {
            let Some(entry) = bounds.entry(&key) else {
                return Err(A::Error::custom(format!("unknown bound `{key}`")));
            };
            *entry = map.next_value()?;
        }
        bounds.checked().map_err(A::Error::custom)
    }
}
