//! The properties of every client: what the protocol owns, what the operator may set.
//!
//! Owned properties are set last and refused from the operator with a reason; all others may be overridden. Prints
//! no value: some are secrets.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use super::ffi::refused_key;

/// A property that the operator may not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("kafka.properties: {key} may not be set: {reason}; remedy: {remedy}")]
pub struct RefusedProperty {
    pub key: String,
    pub reason: &'static str,
    pub remedy: &'static str,
}

/// How long a transaction may stay open before its coordinator aborts it, in milliseconds. A crash pins readers of
/// committed records for so long.
pub const TRANSACTION_TIMEOUT_MS: u32 = 10_000;

const REMOVE: &str = "remove it";

/// Key, reason, remedy.
const OWNED: &[(&str, &str, &str)] = &[
    ("bootstrap.servers", "it has its own setting", "set kafka.bootstrap_servers"),
    ("metadata.broker.list", "it has its own setting", "set kafka.bootstrap_servers"),
    ("group.id", "it is the application id", "set application.id"),
    ("group.instance.id", "it is the instance's identity", "set application.instance"),
    (
        "transactional.id",
        "it names the owner of the transactions",
        "set application.id or application.instance",
    ),
    ("group.protocol", "the classic protocol keeps tasks and partitions together", REMOVE),
    ("group.protocol.type", "the classic protocol keeps tasks and partitions together", REMOVE),
    ("group.remote.assignor", "the classic protocol keeps tasks and partitions together", REMOVE),
    ("partition.assignment.strategy", "a task needs the same partition of every input (range)", REMOVE),
    ("enable.auto.commit", "offsets are committed in transactions only", REMOVE),
    ("auto.commit.enable", "offsets are committed in transactions only", REMOVE),
    ("auto.commit.interval.ms", "offsets are committed in transactions only", REMOVE),
    ("enable.auto.offset.store", "offsets are committed in transactions only", REMOVE),
    ("offset.store.method", "offsets are committed in transactions only", REMOVE),
    ("offset.store.path", "offsets are committed in transactions only", REMOVE),
    ("offset.store.sync.interval.ms", "offsets are committed in transactions only", REMOVE),
    ("auto.offset.reset", "a position is never guessed", REMOVE),
    ("topic.auto.offset.reset", "a position is never guessed", REMOVE),
    ("isolation.level", "only committed records are read", REMOVE),
    ("enable.partition.eof", "restores and expiry rely on the end of a partition", REMOVE),
    ("check.crcs", "damaged records must be noticed", REMOVE),
    ("enable.idempotence", "transactions need it", REMOVE),
    ("enable.gapless.guarantee", "an aborted transaction leaves gaps", REMOVE),
    ("acks", "a commit is acknowledged by all in-sync replicas", REMOVE),
    ("request.required.acks", "a commit is acknowledged by all in-sync replicas", REMOVE),
    ("transaction.timeout.ms", "the time-outs of messages and transactions hang together", REMOVE),
    ("message.timeout.ms", "the time-outs of messages and transactions hang together", REMOVE),
    ("delivery.timeout.ms", "the time-outs of messages and transactions hang together", REMOVE),
    ("delivery.report.only.error", "the stored changelog position comes from delivery reports", REMOVE),
    ("retries", "a lost retry would abort the transaction", REMOVE),
    ("message.send.max.retries", "a lost retry would abort the transaction", REMOVE),
    ("partitioner", "partitions are computed (murmur2 of the subject)", REMOVE),
    (
        "allow.auto.create.topics",
        "a topic with default settings breaks the protocol",
        "run: otp-stream topics create",
    ),
    ("plugin.library.paths", "no code is loaded at run time", REMOVE),
];

/// The cluster's address and the operator's properties, checked.
#[derive(Clone)]
pub struct Properties {
    bootstrap_servers: String,
    chosen: BTreeMap<String, String>,
}

impl Properties {
    /// # Errors
    /// A property is owned by the protocol. Names and values that librdkafka does not know show when the first client
    /// is made; [`Properties::check`] does so without a cluster.
    pub fn new(
        bootstrap_servers: &str,
        chosen: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, RefusedProperty> {
        let chosen: BTreeMap<_, _> = chosen.into_iter().collect();
        match chosen.keys().find_map(|key| refusal(key)) {
            Some(refused) => Err(refused),
            None => Ok(Self { bootstrap_servers: bootstrap_servers.into(), chosen }),
        }
    }

    /// Whether librdkafka takes every property.
    ///
    /// # Errors
    /// The key, and what librdkafka says.
    pub fn check(&self) -> Result<(), (String, String)> {
        for config in [self.group_consumer("check", None), self.transactional_producer("check")] {
            config.create_native_config().map_err(|error| refused_key(&error))?;
        }
        Ok(())
    }

    /// A member of the group; static if it has an id that survives a restart.
    pub(super) fn group_consumer(&self, group: &str, static_member: Option<&str>) -> ClientConfig {
        let mut config = self.config(&[
            ("session.timeout.ms", "10000"),
            // A member hears of a rebalance with its next heartbeat, so a task waits for one when it moves.
            ("heartbeat.interval.ms", "300"),
            ("max.poll.interval.ms", "120000"),
            // A fetch that waits is in the way of a partition that resumes.
            ("fetch.wait.max.ms", "50"),
            // The stream thread reads ahead by itself. A record that waits here is half a kilobyte more than its own bytes,
            // and what a fetch brings waits unpacked. So the next fetch goes out when all is taken, and not sooner than this
            // after one that brought something: one for each record costs more than the record (see runtime/pace).
            ("queued.min.messages", "1"),
            ("fetch.queue.backoff.ms", "4"),
            ("max.partition.fetch.bytes", "262144"),
            ("queued.max.messages.kbytes", "768"),
        ]);
        own(&mut config, COMMITTED_READER);
        own(
            &mut config,
            &[("group.id", group), ("partition.assignment.strategy", "range"), ("group.protocol", "classic")],
        );
        if let Some(id) = static_member {
            config.set("group.instance.id", id);
        }
        config
    }

    pub(super) fn transactional_producer(&self, transactional_id: &str) -> ClientConfig {
        let mut config = self.config(&[
            // A commit flushes at once whatever the linger. What is produced along is to leave as one request, with what
            // comes until the commit where there is little: this is a little more than two fetches are apart (4.2 ms).
            ("linger.ms", "4.3"),
            ("batch.size", "1000000"),
            ("batch.num.messages", "10000"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "100000"),
            ("queue.buffering.max.kbytes", "65536"),
            ("retry.backoff.ms", "10"),
            ("retry.backoff.max.ms", "100"),
            // Sending offsets forgets its time-out while the group's coordinator is gone from the cluster, and looks for
            // the new one only when some connection changes (librdkafka #5456, #5511): idle ones are closed, and do.
            ("connections.max.idle.ms", "5000"),
        ]);
        let timeout = TRANSACTION_TIMEOUT_MS.to_string();
        own(
            &mut config,
            &[
                ("transactional.id", transactional_id),
                ("transaction.timeout.ms", &timeout),
                ("message.timeout.ms", &timeout),
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("delivery.report.only.error", "false"),
            ],
        );
        config
    }

    /// Reads assigned partitions from given offsets to their ends. It never joins the group, whose name only spares
    /// another access rule.
    pub(super) fn changelog_reader(&self, group: &str) -> ClientConfig {
        let mut config = self.config(&[
            // The end of a partition is told when such a wait is over.
            ("fetch.wait.max.ms", "10"),
            ("fetch.queue.backoff.ms", "2"),
            ("queued.min.messages", "100000"),
            ("queued.max.messages.kbytes", "32768"),
        ]);
        own(&mut config, COMMITTED_READER);
        config.set("group.id", group);
        config
    }

    /// Reads assigned partitions as records come in.
    pub(super) fn tail(&self, group: &str) -> ClientConfig {
        let mut config = self.config(&[
            ("fetch.wait.max.ms", "100"),
            ("fetch.queue.backoff.ms", "5"),
            ("queued.min.messages", "50000"),
            ("queued.max.messages.kbytes", "65536"),
        ]);
        own(&mut config, COMMITTED_READER);
        config.set("group.id", group);
        config
    }

    /// Sends what is no part of a transaction, at once.
    pub(super) fn sender(&self) -> ClientConfig {
        let mut config = self.config(&[
            ("linger.ms", "0"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "100000"),
        ]);
        own(&mut config, &[("enable.idempotence", "true"), ("acks", "all")]);
        config
    }

    /// Asks for the group's stable offsets; never joins it.
    pub(super) fn stable_offsets(&self, group: &str) -> ClientConfig {
        let mut config = self.config(&[]);
        own(&mut config, COMMITTED_READER);
        config.set("group.id", group);
        config
    }

    /// Asks for watermarks: the end of the log, not the last stable offset.
    pub(super) fn watermarks(&self) -> ClientConfig {
        // A client without topics of its own asks a partition's former leader until its metadata is of age.
        let mut config = self.config(&[("metadata.max.age.ms", "1000")]);
        config.set("isolation.level", "read_uncommitted");
        config
    }

    pub(super) fn admin(&self) -> ClientConfig {
        let mut config = self.config(&[]);
        // Nobody serves this client's log queue.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    fn config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        own(&mut config, &[("client.id", "otp-stream"), ("socket.nagle.disable", "true")]);
        own(&mut config, &[("enable.metrics.push", "false"), ("reconnect.backoff.max.ms", "2000")]);
        // A new client waits half of this before its second connection, and it needs two or three before it has a
        // coordinator: at a start those waits are the longest. Each failure doubles it.
        own(&mut config, &[("reconnect.backoff.ms", "20")]);
        own(&mut config, defaults);
        for (key, value) in &self.chosen {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set("allow.auto.create.topics", "false");
        config
    }
}

const COMMITTED_READER: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    ("check.crcs", "true"),
];

fn own(config: &mut ClientConfig, properties: &[(&str, &str)]) {
    for (key, value) in properties {
        config.set(*key, *value);
    }
}

fn refusal(key: &str) -> Option<RefusedProperty> {
    let name = key.trim();
    let (_, reason, remedy) = OWNED.iter().find(|(owned, ..)| *owned == name)?;
    Some(RefusedProperty { key: name.into(), reason, remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Result<Properties, RefusedProperty> {
        Properties::new("localhost:9092", [(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn what_the_protocol_owns_is_refused_with_key_and_remedy() {
        for key in ["enable.auto.commit", "isolation.level", "group.id", "acks", "request.required.acks"] {
            let refused = with(key, "x").err().expect("owned");
            assert_eq!(refused.key, key);
            assert!(refused.to_string().contains("remedy"), "{refused}");
        }
    }

    #[test]
    fn the_operator_overrides_a_default_but_no_owned_property() {
        let properties = with("compression.type", "zstd").expect("free");
        let config = properties.transactional_producer("id");
        assert_eq!(config.get("compression.type"), Some("zstd"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
        properties.check().expect("librdkafka takes it");
    }

    #[test]
    fn a_property_that_librdkafka_does_not_know_is_named() {
        let error = with("no.such.thing", "1").expect("not owned").check().expect_err("unknown");
        assert_eq!(error.0, "no.such.thing");
    }

    #[test]
    fn a_refusal_never_shows_a_secret() {
        for key in ["sasl.pasword", "sasl.password.file", "ssl.key.pem", "ssl.keystore.password"] {
            let told = with(key, "CANARY").expect("not owned").check().err().unwrap_or_default();
            assert!(!told.1.contains("CANARY"), "{key}: {told:?}");
        }
    }

    #[test]
    fn owned_properties_are_unique_and_never_defaults() {
        let mut keys: Vec<_> = OWNED.iter().map(|(key, ..)| *key).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
