//! A configuration as the topology wants it.

use std::collections::BTreeMap;

use otp_topology::contract::egov::{self, EgovSettings};
use otp_topology::otp::ContractName;
use otp_topology::task::settings::{CallerSettings, Settings, TopicNames};

use super::Config;
use super::callers::{Caller, operations_of};
use super::dead_letter::DeadLetterPayload;
use super::egov::{Egov, EgovFlavour};
use super::kafka::Topics;

impl Config {
    /// What the topology needs to know of this deployment.
    pub fn settings(&self) -> Settings {
        Settings {
            application_id: self.application.id.clone(),
            callers: self.callers.iter().map(Caller::settings).collect(),
            topics: self.kafka.topics.settings(),
            policies: BTreeMap::from(self.policy.by_contract(&self.egov)),
            bounds: self.policy.bounds.clone(),
            egov: self.egov.settings(),
            dead_letter_copy: match self.dead_letter.payload {
                DeadLetterPayload::Copy => true,
                DeadLetterPayload::None => false,
            },
        }
    }
}

impl Caller {
    fn settings(&self) -> CallerSettings {
        let contract = ContractName::parse(&self.contract).expect("checked when it was loaded");
        let all = || operations_of(contract).expect("checked when it was loaded");
        CallerSettings {
            name: self.name.clone(),
            contract,
            request_topic: self.request_topic.clone(),
            reply_topic: self.reply_topic.clone(),
            operations: self.operations.clone().unwrap_or_else(all),
            reveal_code: self.reveal_code,
        }
    }
}

impl Topics {
    fn settings(&self) -> TopicNames {
        TopicNames {
            sms: self.sms.clone(),
            email: self.email.clone(),
            validation_result: self.validation_result.clone(),
            lifecycle: self.lifecycle.clone(),
            dead_letter: self.dead_letter.clone(),
            user_directory: self.user_directory.clone(),
            otp_policy: self.otp_policy.clone(),
            message_template: self.message_template.clone(),
            otp_admin: self.otp_admin.clone(),
        }
    }
}

impl Egov {
    /// `[egov]` as the contract wants it.
    pub fn settings(&self) -> EgovSettings {
        let central = &self.central_instance;
        EgovSettings {
            flavour: match self.flavour {
                EgovFlavour::Digit => egov::Flavour::Digit,
                EgovFlavour::Mgramseva => egov::Flavour::Mgramseva,
            },
            user_check: self.user_check,
            locale_default: self.locale_default.clone(),
            strip_suffix_count: self.strip_suffix_count,
            built_in_templates: self.built_in_templates,
            mail_sender: self.mail_sender.clone(),
            mobile_rules: self.mobile_rules(),
            central_instance: central.enabled.then(|| egov::CentralInstance {
                position: central.position,
                schemas: central.schemas.clone(),
            }),
        }
    }
}
