//! `[policy]`: the rules of each contract, and the bounds of all rules.

use std::collections::BTreeMap;
use std::fmt;

use otp_topology::contract::Contracts;
use otp_topology::otp::{Bounds, ContractName, PolicyPatch, RuleError};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::findings::Findings;

#[derive(Clone, Debug, Default)]
pub struct PolicySection {
    /// As configured: what is absent is the contract's default.
    contracts: BTreeMap<ContractName, PolicyPatch>,
    pub bounds: Bounds,
}

impl PolicySection {
    pub(super) fn check(&self, contracts: &Contracts, found: &mut Findings<'_>) {
        for contract in contracts.iter() {
            let section = format!("policy.{}", contract.name().as_str());
            let unset = PolicyPatch::default();
            let patch = self.contracts.get(&contract.name()).unwrap_or(&unset);
            let judged = patch.check(&self.bounds, contract.policy_rules()).err().or_else(|| {
                let effective = contract.default_policy().with(patch);
                // The defaults of a contract that is not served may lie outside the bounds.
                let is_served = !contract.operations().is_empty();
                effective.check(&self.bounds).err().filter(|_| is_served)
            });
            match judged {
                Some(err @ RuleError::OutOfBounds { rule, min, max, .. }) => {
                    let own = format!("{section}.{rule}");
                    let remedy = format!(
                        "use {min} to {max}, or move policy.bounds.{rule}_min or policy.bounds.{rule}_max"
                    );
                    // The value may be the contract's default, which lies outside bounds that were moved.
                    found.add(own, format!("out of its bounds ({err})"), remedy);
                }
                Some(err @ RuleError::Row { rule, row, .. }) => {
                    found.add(format!("{section}.{rule}[{row}]"), err.to_string(), remedy_of(rule));
                }
                Some(err @ RuleError::TooManyRows { rule, .. }) => {
                    found.add(format!("{section}.{rule}"), err.to_string(), remedy_of(rule));
                }
                Some(err) => found.add(section, err.to_string(), "see config/default.toml"),
                None => {}
            }
        }
    }

    /// Each contract's rules as configured, which override its defaults.
    pub(super) fn by_contract(&self) -> BTreeMap<ContractName, PolicyPatch> {
        self.contracts.clone()
    }
}

impl<'de> Deserialize<'de> for PolicySection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SectionVisitor)
    }
}

/// Reads the bounds, and a table for each contract.
struct SectionVisitor;

impl<'de> Visitor<'de> for SectionVisitor {
    type Value = PolicySection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of rules for each contract, and their bounds")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicySection, A::Error> {
        let mut section = PolicySection::default();
        while let Some(name) = map.next_key::<String>()? {
            match ContractName::parse(&name) {
                Some(contract) => drop(section.contracts.insert(contract, map.next_value()?)),
                None if name == "bounds" => section.bounds = map.next_value()?,
                None => {
                    return Err(A::Error::custom(format_args!(
                        "unknown key `{name}`: neither `bounds` nor the name of a contract"
                    )));
                }
            }
        }
        Ok(section)
    }
}

/// For a faulty row of a rule that is a list.
fn remedy_of(rule: &str) -> &'static str {
    match rule {
        "allowed_country_codes" => "write country codes, as in [\"+91\"]",
        "blocked_prefixes" => "write the first digits of national numbers, as in [\"9123\"]",
        _ => "write rules as { country_code = \"+91\", regex = \"^[6-9][0-9]{9}$\", default = true }",
    }
}
