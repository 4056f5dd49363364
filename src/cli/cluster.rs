//! Connects to the cluster for commands that make one request and then end.

use std::time::Duration;

use super::Failure;
use crate::config::{ConfigError, Loaded, Source};
use crate::kafka::{Admin, Contact, EdgeError, Gate, Properties, first_contact, outage};

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
        let remedy = property_remedy(loaded.layers.source(&key));
        ConfigError::from(loaded.layers.problem(key, text, remedy))
    })?;
    Ok(properties)
}

fn property_remedy(source: &Source) -> &'static str {
    match source {
        Source::Environment(_) => {
            "see librdkafka's CONFIGURATION.md for its properties; in the name of a variable an underscore stands for a dot, \
             and three stand for an underscore (LOG___LEVEL is log_level)"
        }
        Source::Default | Source::File(_) | Source::Set => {
            "see librdkafka's CONFIGURATION.md for its properties"
        }
    }
}

/// Does not connect yet: an error here means that properties contradict each other.
pub(super) fn admin(loaded: &Loaded) -> Result<Admin, Failure> {
    Admin::new(&properties(loaded)?).map_err(|err| {
        Failure::Usage(format!("kafka.properties: {}; see librdkafka's CONFIGURATION.md", err.text))
    })
}

/// An admin client of a cluster that accepts the client. A cluster that does not answer passes: the first request to it reports
/// that after its own time-out.
///
/// # Errors
/// The cluster refuses the client's authentication. This takes a few seconds at most.
pub(super) fn connect(loaded: &Loaded) -> Result<Admin, Failure> {
    check_accepted(loaded, &properties(loaded)?)?;
    admin(loaded)
}

/// As [`connect`], for clients with these properties.
pub(super) fn check_accepted(loaded: &Loaded, properties: &Properties) -> Result<(), Failure> {
    match first_contact(properties) {
        Contact::Accepted | Contact::Silent => Ok(()),
        Contact::Refused { by, reason } => {
            let chosen = |key: &str| loaded.config.kafka.properties.0.get(key).map(String::as_str);
            Err(Failure::Runtime(anyhow::anyhow!("{}", refused_text(by, &reason, chosen))))
        }
    }
}

fn refused_text<'a>(by: Gate, reason: &str, chosen: impl Fn(&str) -> Option<&'a str>) -> String {
    match by {
        Gate::Sasl => {
            let mechanism =
                chosen("sasl.mechanism").or_else(|| chosen("sasl.mechanisms")).unwrap_or("GSSAPI");
            let user = chosen("sasl.username").map(|name| format!(" as {name:?}")).unwrap_or_default();
            format!(
                "authentication failed{user} with {mechanism}: {reason}; check kafka.properties (sasl.mechanism, \
                 sasl.username, sasl.password) against the users of the cluster"
            )
        }
        Gate::Tls => format!(
            "authentication failed with TLS: {reason}; check kafka.properties (security.protocol, ssl.*) and the dates of \
             the certificates"
        ),
    }
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

/// A topic that a command needs and the cluster does not have.
pub(super) fn missing_topic(topic: &str) -> Failure {
    Failure::Runtime(anyhow::anyhow!(
        "topic {topic} does not exist; create it with `otp-stream topics create`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn a_property_of_a_variable_that_librdkafka_does_not_know_is_refused_with_the_rule_of_its_spelling() {
        for (name, key) in [("LOG_LEVEL", Some("log.level")), ("LOG___LEVEL", None)] {
            let name = format!("OTP_STREAM__KAFKA__PROPERTIES__{name}");
            let environment = vec![(name.clone(), "6".to_owned())];
            let loaded =
                load(&Sources { environment, ..Sources::default() }).expect("read without librdkafka");
            let refused = match properties(&loaded) {
                Err(Failure::Usage(text)) => text,
                Err(other) => panic!("{name}: {other:?}"),
                Ok(_) => String::new(),
            };
            let expected = key.map_or(String::new(), |key| format!("kafka.properties.{key} = "));
            assert!(refused.contains(&expected), "{name}: {refused}");
            assert_eq!(refused.contains("three stand for an underscore"), key.is_some(), "{name}: {refused}");
        }
    }

    #[test]
    fn a_refused_authentication_names_user_and_mechanism_and_no_secret() {
        let chosen = |key: &str| match key {
            "sasl.username" => Some("alice"),
            "sasl.mechanism" => Some("SCRAM-SHA-512"),
            "sasl.password" => Some("CANARY"),
            _ => None,
        };
        let text = refused_text(Gate::Sasl, "invalid credentials", chosen);
        assert!(text.starts_with("authentication failed as \"alice\" with SCRAM-SHA-512: invalid"), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
        let text = refused_text(Gate::Tls, "certificate has expired", |_| None);
        assert!(text.starts_with("authentication failed with TLS: certificate has expired; check"), "{text}");
    }
}
