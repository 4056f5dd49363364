//! What a deployment decides, as plain values: the configuration fills this in, the topology is built from it.

use std::collections::BTreeMap;

use crate::contract::egov::EgovSettings;
use crate::otp::{Bounds, ContractName, PolicyPatch};

/// Everything the topology needs to know of a deployment. Names of topics, never their partition counts.
#[derive(Clone, Debug)]
pub struct Settings {
    pub application_id: String,
    pub callers: Vec<CallerSettings>,
    pub topics: TopicNames,
    /// Per contract, over the contract's defaults.
    pub policies: BTreeMap<ContractName, PolicyPatch>,
    pub bounds: Bounds,
    pub egov: EgovSettings,
    /// Dead letters carry the payload and the original key.
    pub dead_letter_copy: bool,
}

#[derive(Clone, Debug)]
pub struct CallerSettings {
    pub name: String,
    pub contract: ContractName,
    pub request_topic: String,
    pub reply_topic: String,
    pub operations: Vec<String>,
    pub reveal_code: bool,
}

#[derive(Clone, Debug)]
pub struct TopicNames {
    pub sms: String,
    pub email: String,
    pub validation_result: String,
    pub lifecycle: String,
    pub dead_letter: String,
    pub user_directory: String,
    pub otp_policy: String,
    pub message_template: String,
    pub otp_admin: String,
}

impl Settings {
    pub fn changelog(&self) -> String {
        format!("{}-changelog", self.application_id)
    }

    pub fn repartition(&self) -> String {
        format!("{}-repartition", self.application_id)
    }
}
