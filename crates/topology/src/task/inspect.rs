//! Finds one subject in the records of its changelog partition, for an operator.
//!
//! Reads no topic: the caller passes every committed record of the subject's home partition, from the first one to the
//! high watermark. Keeps the record of this subject and the policies of its tenant, nothing else.

use super::subjects::subject_key;
use crate::contract::Contract;
use crate::deployment::{PolicyRecords, Settings};
use crate::otp::{CanonicalSubject, Keyring, LogTime, Policy, RuleError, SubjectReport};
use crate::state::{BadRecord, Family, StoreKey, decode_subject};

/// The search for one subject.
pub struct SubjectSearch<'a> {
    settings: &'a Settings,
    contract: &'a dyn Contract,
    tenant: &'a str,
    key: [u8; 17],
    /// The store keys of the policies that apply to the tenant, and the keys of their records.
    policy_keys: Vec<(StoreKey, String)>,
    subject: Option<Vec<u8>>,
    policies: PolicyRecords,
}

/// Why what was found cannot be reported.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InspectError {
    #[error("the subject in the changelog: {0}")]
    Subject(BadRecord),
    #[error("a policy in the changelog: {0}")]
    Policy(#[from] RuleError),
}

impl<'a> SubjectSearch<'a> {
    /// `tenant`: as given; its policy applies. `contract`: that of the subject.
    pub fn new(
        settings: &'a Settings,
        keys: &Keyring,
        contract: &'a dyn Contract,
        who: &CanonicalSubject,
        tenant: &'a str,
    ) -> Self {
        let record_key = |tenant| format!("{}/{tenant}", contract.name().as_str());
        let policy_key = |tenant| {
            let key = record_key(tenant);
            (StoreKey::new(Family::Policy, key.as_bytes()), key)
        };
        Self {
            settings,
            contract,
            tenant,
            key: subject_key(keys.pseudonym(who)),
            policy_keys: Policy::chain(tenant).map(policy_key).collect(),
            subject: None,
            policies: PolicyRecords::default(),
        }
    }

    /// Takes a record. `value`: `None` is a tombstone.
    pub fn record(&mut self, key: &[u8], value: Option<&[u8]>) {
        if key == self.key {
            self.subject = value.map(<[u8]>::to_vec);
        } else if let Some((_, policy)) = self.policy_keys.iter().find(|(it, _)| it.as_bytes() == key) {
            self.policies.put(policy, value);
        }
    }

    /// The subject at a time. `None`: nothing is stored for it.
    ///
    /// # Errors
    /// A record was written by another version, or is damaged.
    pub fn report(&self, now: LogTime) -> Result<Option<SubjectReport>, InspectError> {
        let Some(bytes) = &self.subject else {
            return Ok(None);
        };
        let subject = decode_subject(bytes).map_err(InspectError::Subject)?;
        let policy = self.policies.policy(self.settings, self.contract, self.tenant)?;
        Ok(Some(SubjectReport::of(&subject, &policy, now)))
    }
}
