//! `[policy]`: rules of the contracts and the bounds of all rules, which only local configuration moves.

use otp_topology::otp::{Bounds, ContractName, Policy, PolicyPatch, RuleError};
use serde::Deserialize;

use super::egov::Egov;
use super::problem::Findings;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    pub egov: PolicyPatch,
    pub int: PolicyPatch,
    pub mosip: PolicyPatch,
    pub bounds: Bounds,
}

impl PolicySection {
    pub(super) fn check(&self, egov: &Egov, found: &mut Findings<'_>) {
        for (contract, patch) in self.by_contract(egov) {
            let section = format!("policy.{}", contract.as_str());
            let judged = patch.check(&self.bounds, contract).err().or_else(|| {
                let effective = Policy::default_of(contract).with(&patch);
                // A contract that is not served may keep defaults that the bounds exclude.
                let served = super::operations_of(contract).is_some();
                effective.check(&self.bounds).err().filter(|_| served)
            });
            match judged {
                Some(err @ RuleError::OutOfBounds { rule, min, max, .. }) => {
                    let own = format!("{section}.{rule}");
                    let remedy = format!(
                        "use {min} to {max}, or move policy.bounds.{rule}_min or policy.bounds.{rule}_max"
                    );
                    // The value may be the contract's own default, which only the bounds exclude.
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

    /// Each contract's patch over its defaults. The rules of `[egov]` serve where `[policy.egov]` has none.
    pub(super) fn by_contract(&self, egov: &Egov) -> [(ContractName, PolicyPatch); 3] {
        let base = PolicyPatch::of_mobile_rules(egov.mobile_rules());
        [
            (ContractName::Egov, self.egov.clone().or(base)),
            (ContractName::Int, self.int.clone()),
            (ContractName::Mosip, self.mosip.clone()),
        ]
    }
}

/// Where the mobile rules in force stand.
fn rows_key(found: &Findings<'_>) -> &'static str {
    let own = "policy.egov.mobile_rules";
    if found.has_value(own) { own } else { "egov.mobile_rules" }
}

const MOBILE_RULE_REMEDY: &str =
    "write rules as { country_code = \"+91\", regex = \"^[6-9][0-9]{9}$\", default = true }";
