//! `[policy]`: the rules of each contract, and the bounds of all rules.

use std::collections::BTreeMap;
use std::fmt;

use otp_topology::contract::egov::EgovSettings;
use otp_topology::contract::operations_of;
use otp_topology::otp::{Bounds, ContractName, Policy, PolicyPatch, RuleError};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::findings::Findings;

#[derive(Clone, Debug, Default)]
pub struct PolicySection {
    /// As configured: what is absent is the contract's default.
    contracts: BTreeMap<ContractName, PolicyPatch>,
    pub bounds: Bounds,
}

impl PolicySection {
    pub(super) fn check(&self, egov: &EgovSettings, found: &mut Findings<'_>) {
        for (contract, patch) in self.by_contract(egov) {
            let section = format!("policy.{}", contract.as_str());
            let judged = patch.check(&self.bounds, contract).err().or_else(|| {
                let effective = Policy::default_of(contract).with(&patch);
                // The defaults of a contract that is not served may lie outside the bounds.
                let served = operations_of(contract).is_some();
                effective.check(&self.bounds).err().filter(|_| served)
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
                Some(err @ RuleError::Row { row, .. }) => {
                    found.add(format!("{}[{row}]", rows_key(found)), err.to_string(), MOBILE_RULE_REMEDY);
                }
                Some(err @ RuleError::TooManyRows { .. }) => {
                    found.add(rows_key(found), err.to_string(), MOBILE_RULE_REMEDY);
                }
                Some(err) => found.add(section, err.to_string(), "see config/default.toml"),
                None => {}
            }
        }
    }

    /// Each contract's rules, which override its defaults. Those of `[egov]` apply where `[policy.egov]` has none.
    pub(super) fn by_contract(&self, egov: &EgovSettings) -> BTreeMap<ContractName, PolicyPatch> {
        let mut contracts = self.contracts.clone();
        let own = contracts.remove(&ContractName::Egov).unwrap_or_default();
        let base = PolicyPatch::of_mobile_rules(egov.mobile_rules.clone());
        contracts.insert(ContractName::Egov, own.or(base));
        contracts
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
                None => return Err(A::Error::custom("no such contract")),
            }
        }
        Ok(section)
    }
}

/// The key of the mobile rules that apply.
fn rows_key(found: &Findings<'_>) -> &'static str {
    let own = "policy.egov.mobile_rules";
    if found.has_value(own) { own } else { "egov.mobile_rules" }
}

const MOBILE_RULE_REMEDY: &str =
    "write rules as { country_code = \"+91\", regex = \"^[6-9][0-9]{9}$\", default = true }";
