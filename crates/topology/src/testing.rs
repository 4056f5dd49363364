//! Test fixtures, behind the feature `testing`: a deployment with short topic names and fixed keys. No part of the service.

use std::collections::BTreeMap;

use crate::contract::{CONTRACTS, Contracts};
use crate::deployment::{
    CallerSettings, Format, Incarnation, Settings, SignalSettings, TopicNames, Topology, fitting_cluster,
};
use crate::otp::{Bounds, ContractName, KeyId, KeyParts, KeyPurpose, Keyring, LogTime};

/// One caller, `egov`, that may use every operation and sees no code.
pub fn settings() -> Settings {
    Settings {
        application_id: "app".to_owned(),
        callers: vec![caller("egov", "requests", "replies")],
        topics: topic_names(),
        policies: BTreeMap::new(),
        bounds: Bounds::default(),
        contracts: Contracts::with_defaults(),
        dead_letter_copy: false,
        signals: SignalSettings::default(),
    }
}

/// The contracts of the program. `sections`: the settings of each that differ from the defaults, under its name.
pub fn contracts(sections: serde_json::Value) -> Contracts {
    let serde_json::Value::Object(sections) = sections else {
        panic!("sections are an object");
    };
    Contracts::open(CONTRACTS, sections).expect("settings without a fault")
}

/// A caller of the contract `egov` that may use every operation and sees no code.
pub fn caller(name: &str, request_topic: &str, reply_topic: &str) -> CallerSettings {
    CallerSettings {
        name: name.to_owned(),
        contract: ContractName::Egov,
        request_topic: request_topic.to_owned(),
        reply_topic: reply_topic.to_owned(),
        operations: None,
        reveal_code: false,
        utc_offset: None,
        request_format: Format::Json,
        reply_format: Format::Json,
    }
}

/// Short names.
pub fn topic_names() -> TopicNames {
    TopicNames {
        sms: "sms".to_owned(),
        email: "email".to_owned(),
        validation_result: "results".to_owned(),
        lifecycle: "lifecycle".to_owned(),
        signal: "signals".to_owned(),
        dead_letter: "dead-letters".to_owned(),
        user_directory: "directory".to_owned(),
        otp_policy: "policies".to_owned(),
        message_template: "templates".to_owned(),
        client_registry: "clients".to_owned(),
        otp_admin: "admin".to_owned(),
    }
}

/// One key of each purpose, active from the beginning of log time.
pub fn keyring() -> Keyring {
    keyring_with(&[])
}

/// As [`keyring`], and these keys.
pub fn keyring_with(more: &[KeyParts]) -> Keyring {
    let key = |purpose| (purpose, KeyId(1), LogTime::from_ms(0), [purpose as u8 + 1; 32]);
    let parts = KeyPurpose::ALL.map(key).into_iter().chain(more.iter().copied());
    Keyring::new(parts.collect()).expect("one key of each purpose")
}

/// [`settings`] with [`keyring`] on a cluster that fits.
pub fn topology(partitions: i32) -> Topology {
    let settings = settings();
    let cluster = fitting_cluster(&settings, partitions, INCARNATION);
    Topology::build(&settings, keyring(), &cluster).expect("a fitting cluster")
}

/// Of every topic.
pub const INCARNATION: Incarnation = Incarnation([7; 16]);
