//! Connects to the cluster for commands that make one request and then end.

use std::time::Duration;

use super::Failure;
use crate::config::{ConfigError, Loaded};
use crate::kafka::{Admin, EdgeError, Properties, outage};

/// Time-out of one request to the cluster.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The address of the cluster and the properties of the operator.
///
/// # Errors
/// A property belongs to the protocol, or librdkafka does not know it.
pub(super) fn properties(loaded: &Loaded) -> Result<Properties, Failure> {
    let kafka = &loaded.config.kafka;
    let properties =
        Properties::new(&kafka.bootstrap_servers, kafka.properties.0.clone()).map_err(|refused| {
            let key = format!("kafka.properties.{}", refused.key);
            ConfigError::from(loaded.layers.problem(key, refused.reason, refused.remedy))
        })?;
    properties.check().map_err(|(key, text)| {
        let key = format!("kafka.properties.{key}");
        ConfigError::from(loaded.layers.problem(
            key,
            text,
            "see librdkafka's CONFIGURATION.md for its properties",
        ))
    })?;
    Ok(properties)
}

/// Does not connect yet: an error here means that properties contradict each other.
pub(super) fn admin(loaded: &Loaded) -> Result<Admin, Failure> {
    Admin::new(&properties(loaded)?).map_err(|err| {
        Failure::Usage(format!("kafka.properties: {}; see librdkafka's CONFIGURATION.md", err.text))
    })
}

/// A request to which the cluster did not respond.
pub(super) fn unreachable_cluster(loaded: &Loaded, err: &EdgeError) -> Failure {
    let servers = &loaded.config.kafka.bootstrap_servers;
    let remedy = if err.is_denied() {
        "grant what `otp-stream topics plan` lists".to_owned()
    } else {
        if let Ok(properties) = properties(loaded) {
            outage::log_connection_errors(&properties);
        }
        format!(
            "is a cluster at kafka.bootstrap_servers = \"{servers}\", and does it take kafka.properties \
             (security.protocol, sasl.*, ssl.*)?"
        )
    };
    let failure = outage::with_first_cause(err.to_string());
    Failure::Runtime(anyhow::anyhow!("{failure}; {remedy}"))
}
