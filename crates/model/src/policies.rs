//! The policy records of one contract, and the inheritance along the dots of a tenant.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Contract, Rules};

pub(crate) struct Policies {
    contract: Contract,
    /// Below every record.
    configured: Rules,
    /// By tenant; `*` is the contract's default.
    records: BTreeMap<String, Value>,
}

impl Policies {
    pub(crate) fn new(contract: Contract, configured: Rules) -> Self {
        Self { contract, configured, records: BTreeMap::new() }
    }

    /// A record of the policy topic. One that is refused leaves the last good one in force.
    pub(crate) fn put(&mut self, tenant: &str, record: Option<Value>) {
        match record {
            None => drop(self.records.remove(tenant)),
            Some(record) => {
                let is_of_another = record.get("deliver").is_some() && self.contract != Contract::Int;
                if !is_of_another && Rules::default().with(&record).is_some() {
                    self.records.insert(tenant.to_owned(), record);
                }
            }
        }
    }

    /// The rules of a tenant, as a request names it.
    pub(crate) fn of(&self, tenant: &str) -> Rules {
        let segments: Vec<&str> = tenant.split('.').collect();
        let parents = (1..=segments.len()).map(|count| segments[..count].join("."));
        ["*".to_owned()].into_iter().chain(parents).fold(self.configured.clone(), |rules, key| {
            let record = self.records.get(&key);
            record.and_then(|record| rules.with(record)).unwrap_or(rules)
        })
    }
}
