//! The records of the policy topic, for programs that are no task: they give the effective policy of a tenant.

use std::collections::BTreeMap;

use super::settings::Settings;
use crate::contract::Contract;
use crate::otp::{Policy, PolicyPatch, RuleError};

/// Records of the policy topic that were accepted, by key.
#[derive(Clone, Debug, Default)]
pub struct PolicyRecords {
    values: BTreeMap<String, Vec<u8>>,
}

impl PolicyRecords {
    /// Takes an accepted record. `None`: a tombstone.
    pub fn put(&mut self, key: &str, value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.values.insert(key.to_owned(), value.to_vec())),
            None => drop(self.values.remove(key)),
        }
    }

    /// The value of the record under exactly this key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// The effective policy of a tenant, as given (`pb.amritsar`).
    ///
    /// # Errors
    /// A record is not valid under any bounds.
    pub fn policy(
        &self,
        settings: &Settings,
        contract: &dyn Contract,
        tenant: &str,
    ) -> Result<Policy, RuleError> {
        let mut policy = settings.base_policy(contract);
        for tenant in Policy::chain(tenant) {
            if let Some(value) = self.get(&format!("{}/{tenant}", contract.name().as_str())) {
                let (patch, _) = PolicyPatch::from_stored(contract.policy_rules(), value, &settings.bounds)?;
                policy = policy.with(&patch);
            }
        }
        Ok(policy)
    }
}
