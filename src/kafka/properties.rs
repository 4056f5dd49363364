//! The librdkafka properties of every client.
//!
//! The protocol owns some properties: they are set last, and an operator who sets one gets an error with the reason. All
//! others are defaults that the operator may override. Prints no value, because some are secrets.

use std::collections::BTreeMap;

use otp_topology::thread::Limits;
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

/// Time after which the coordinator aborts an open transaction, in milliseconds. After a crash, readers of committed records
/// wait this long.
pub(crate) const TRANSACTION_TIMEOUT_MS: u32 = 10_000;

/// Time after which a record that no broker takes fails its transaction, in milliseconds. The transaction is aborted before
/// the coordinator does it.
const MESSAGE_TIMEOUT_MS: u32 = 7_500;
const _: () = assert!(MESSAGE_TIMEOUT_MS < TRANSACTION_TIMEOUT_MS);
// A refusal that takes this long is not taken for the end of the one before.
const _: () = assert!((MESSAGE_TIMEOUT_MS as u64) < Limits::DEFAULT.refusal_quiet_ms);

/// Largest record that the transactional producer takes, in bytes.
const RECORD_BYTES_MAX: usize = 1_000_000;

/// The least that `max.poll.interval.ms` may be, in milliseconds. A call to the brokers takes at most a quarter of it.
pub(crate) const POLL_INTERVAL_MS_MIN: u32 = 120_000;

/// Shortest time between a fetch that brought records and the next fetch, in milliseconds.
pub(crate) const FETCH_BACKOFF_MS: u64 = 4;
/// Longest wait of a record that is produced early for more records, in microseconds.
const LINGER_US: u64 = 4_300;
/// Fetches come 0.2 ms after the backoff.
const _: () = assert!(LINGER_US > FETCH_BACKOFF_MS * 1_000 + 200, "a record must wait for the next fetch");

/// Largest produce request of the transactional producer for one partition, in bytes.
pub(super) const BATCH_SIZE_BYTES: usize = 1_000_000;

const REMOVE: &str = "remove it";

/// Properties that the protocol owns: key, reason, remedy.
const OWNED: &[(&str, &str, &str)] = &[
    ("bootstrap.servers", "it has its own setting", "set kafka.bootstrap_servers"),
    ("metadata.broker.list", "it has its own setting", "set kafka.bootstrap_servers"),
    ("group.id", "it is the application id", "set application.id"),
    ("group.instance.id", "it identifies the instance", "set application.instance"),
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
    ("check.crcs", "damaged records must be detected", REMOVE),
    ("fetch.queue.backoff.ms", "the pace of commits is computed from it", REMOVE),
    ("enable.idempotence", "transactions need it", REMOVE),
    ("enable.gapless.guarantee", "an aborted transaction leaves gaps", REMOVE),
    ("acks", "a commit is acknowledged by all in-sync replicas", REMOVE),
    ("request.required.acks", "a commit is acknowledged by all in-sync replicas", REMOVE),
    ("transaction.timeout.ms", "the time-outs of messages and transactions depend on each other", REMOVE),
    ("message.timeout.ms", "the time-outs of messages and transactions depend on each other", REMOVE),
    ("delivery.timeout.ms", "the time-outs of messages and transactions depend on each other", REMOVE),
    (
        "message.max.bytes",
        "what a record may hold is decided before it is written",
        "set the topics' max.message.bytes",
    ),
    ("delivery.report.only.error", "the stored changelog position comes from delivery reports", REMOVE),
    ("retries", "a lost retry would abort the transaction", REMOVE),
    ("message.send.max.retries", "a lost retry would abort the transaction", REMOVE),
    ("partitioner", "the service computes partitions (murmur2 of the subject)", REMOVE),
    (
        "allow.auto.create.topics",
        "a topic with default settings breaks the protocol",
        "run: otp-stream topics create",
    ),
    ("plugin.library.paths", "the service loads no code at run time", REMOVE),
];

/// The cluster's address and the operator's properties, checked.
#[derive(Clone)]
pub struct Properties {
    bootstrap_servers: String,
    chosen: BTreeMap<String, String>,
}

impl Properties {
    /// `chosen` are the operator's properties.
    ///
    /// # Errors
    /// The protocol owns one of them, or librdkafka would change its value. Names and values that librdkafka does not know cause an error when a client is created;
    /// [`Properties::check`] finds them without a cluster.
    pub fn new(
        bootstrap_servers: &str,
        chosen: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, RefusedProperty> {
        let chosen: BTreeMap<_, _> = chosen.into_iter().collect();
        let refused = |(key, value): (&String, &String)| {
            refusal(key).or_else(|| altered(key, value)).or_else(|| too_low(key, value))
        };
        match chosen.iter().find_map(refused) {
            Some(refused) => Err(refused),
            None => Ok(Self { bootstrap_servers: bootstrap_servers.into(), chosen }),
        }
    }

    /// Checks that librdkafka accepts every property.
    ///
    /// # Errors
    /// The key, and librdkafka's reason.
    pub fn check(&self) -> Result<(), (String, String)> {
        for config in [self.group_consumer("check", None), self.transactional_producer("check")] {
            config.create_native_config().map_err(|error| refused_key(&error))?;
        }
        Ok(())
    }

    /// A member of the group; a static one if `static_member` is its id.
    pub(super) fn group_consumer(&self, group: &str, static_member: Option<&str>) -> ClientConfig {
        let (fetch_backoff, poll_interval) = (FETCH_BACKOFF_MS.to_string(), POLL_INTERVAL_MS_MIN.to_string());
        let mut config = self.config(&[
            SLOW_RECONNECT,
            ("session.timeout.ms", "10000"),
            // A member learns of a rebalance with its next heartbeat, so a task that moves waits for one.
            ("heartbeat.interval.ms", "300"),
            ("max.poll.interval.ms", &poll_interval),
            // A resumed partition is fetched only after the fetch under way.
            ("fetch.wait.max.ms", "50"),
            // librdkafka fetches only when its queue is empty, because the stream thread reads ahead itself, and a queued
            // record takes half a kilobyte besides its own bytes. The backoff after a fetch with records keeps a fetch
            // from carrying a single record. The commit pacing of the stream thread relies on it.
            ("queued.min.messages", "1"),
            ("fetch.queue.backoff.ms", &fetch_backoff),
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
        let (batch_size, linger) =
            (BATCH_SIZE_BYTES.to_string(), format!("{}.{}", LINGER_US / 1_000, LINGER_US % 1_000 / 100));
        let record_size = RECORD_BYTES_MAX.to_string();
        let mut config = self.config(&[
            // A commit flushes immediately, so this delays no commit. It lets records that are produced early leave in one
            // request with the records of the next fetch.
            ("linger.ms", &linger),
            ("batch.size", &batch_size),
            ("batch.num.messages", "10000"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "100000"),
            ("queue.buffering.max.kbytes", "65536"),
            ("retry.backoff.ms", "10"),
            ("retry.backoff.max.ms", "100"),
            // After the group's coordinator left the cluster, sending offsets ignores its time-out and searches the new
            // coordinator only when a connection changes (librdkafka #5456, #5511). Closing idle connections is a change.
            ("connections.max.idle.ms", "5000"),
            // A topic that was missing is written again as soon as the metadata knows it.
            ("topic.metadata.refresh.interval.ms", "10000"),
        ]);
        let (timeout, message_timeout) = (TRANSACTION_TIMEOUT_MS.to_string(), MESSAGE_TIMEOUT_MS.to_string());
        own(
            &mut config,
            &[
                ("transactional.id", transactional_id),
                ("transaction.timeout.ms", &timeout),
                ("message.timeout.ms", &message_timeout),
                ("message.max.bytes", &record_size),
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("delivery.report.only.error", "false"),
            ],
        );
        config
    }

    /// Reads assigned partitions from given offsets to their ends. It never joins the group; the group's name saves an extra
    /// access rule.
    pub(super) fn changelog_reader(&self, group: &str) -> ClientConfig {
        let mut config = self.config(&[
            // librdkafka reports the end of a partition after this wait.
            ("fetch.wait.max.ms", "10"),
            ("fetch.queue.backoff.ms", "2"),
            ("queued.min.messages", "100000"),
            ("queued.max.messages.kbytes", "32768"),
        ]);
        own(&mut config, COMMITTED_READER);
        config.set("group.id", group);
        config
    }

    /// Reads assigned partitions as records arrive.
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

    /// Sends records without a transaction, immediately.
    pub(super) fn sender(&self) -> ClientConfig {
        let mut config = self.config(&[
            ("linger.ms", "0"),
            ("compression.type", "lz4"),
            ("queue.buffering.max.messages", "100000"),
        ]);
        own(&mut config, &[("enable.idempotence", "true"), ("acks", "all")]);
        config
    }

    /// Reads the group's stable offsets. Never joins the group.
    pub(super) fn stable_offsets(&self, group: &str) -> ClientConfig {
        let mut config = self.config(&[SLOW_RECONNECT]);
        own(&mut config, COMMITTED_READER);
        config.set("group.id", group);
        config
    }

    /// Reads high watermarks: the end of the log, not the last stable offset.
    pub(super) fn watermarks(&self) -> ClientConfig {
        // A client without a subscription asks a partition's former leader until its metadata expires.
        let mut config = self.config(&[("metadata.max.age.ms", "1000")]);
        config.set("isolation.level", "read_uncommitted");
        config
    }

    /// Most bytes that the clients of one stream thread hold in their queues: the consumer's, a restore's and the producer's.
    pub(crate) fn queue_bytes_max(&self) -> u64 {
        let bytes = |config: &ClientConfig, key: &str| {
            config.get(key).and_then(|kib| kib.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
        };
        let fetched = "queued.max.messages.kbytes";
        bytes(&self.group_consumer("", None), fetched)
            + bytes(&self.changelog_reader(""), fetched)
            + bytes(&self.transactional_producer(""), "queue.buffering.max.kbytes")
    }

    pub(super) fn admin(&self) -> ClientConfig {
        let mut config = self.config(&[SLOW_RECONNECT]);
        // Nothing serves the log queue of this client.
        config.set_log_level(RDKafkaLogLevel::Emerg);
        config
    }

    fn config(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        own(&mut config, &[("client.id", "otp-stream"), ("socket.nagle.disable", "true")]);
        own(&mut config, &[("enable.metrics.push", "false"), ("reconnect.backoff.max.ms", "2000")]);
        // A new client needs two or three connections to reach a coordinator, and waits half of this time before each. The
        // waits dominate the start. Each failure doubles the time.
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

/// While no broker can be reached, a client of the group and an admin client connect again after half of this time, and it
/// never grows. An attempt costs up to a millisecond, so the default of the other clients would take some percent of a core. The
/// first connection to a coordinator comes a quarter of a second later.
const SLOW_RECONNECT: (&str, &str) = ("reconnect.backoff.ms", "500");

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

/// A time that is too short for the calls of a stream thread.
fn too_low(key: &str, value: &str) -> Option<RefusedProperty> {
    let is_low = value.trim().parse::<u32>().is_ok_and(|ms| ms < POLL_INTERVAL_MS_MIN);
    (key.trim() == "max.poll.interval.ms" && is_low).then(|| RefusedProperty {
        key: key.into(),
        reason: "a call to the brokers may take a quarter of it, and 30 s",
        remedy: "set 120000 or more",
    })
}

/// A value that librdkafka would not take as it is: it drops blanks at the beginning, and other clients keep them. A
/// certificate may begin with blank lines.
fn altered(key: &str, value: &str) -> Option<RefusedProperty> {
    let begins_blank = value.starts_with(|c: char| c.is_ascii_whitespace() || c == '\x0b');
    (begins_blank && !key.ends_with(".pem")).then(|| RefusedProperty {
        key: key.into(),
        reason: "the value begins with a blank, which librdkafka would remove",
        remedy: "remove the blank; if it belongs to a secret, choose another secret",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Result<Properties, RefusedProperty> {
        Properties::new("localhost:9092", [(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn an_owned_property_is_refused_with_key_and_remedy() {
        for key in ["enable.auto.commit", "isolation.level", "group.id", "acks", "request.required.acks"] {
            let refused = with(key, "x").err().expect("owned");
            assert_eq!(refused.key, key);
            assert!(refused.to_string().contains("remedy"), "{refused}");
        }
    }

    #[test]
    fn queues_of_the_operators_size_are_counted() {
        let default = Properties::new("localhost:9092", []).expect("nothing is owned").queue_bytes_max();
        assert_eq!(default, (768 + 32_768 + 65_536) * 1024);
        let larger = with("queue.buffering.max.kbytes", "100000").expect("free").queue_bytes_max();
        assert_eq!(larger - default, (100_000 - 65_536) * 1024);
    }

    #[test]
    fn the_operator_overrides_defaults_but_not_owned_properties() {
        let properties = with("compression.type", "zstd").expect("free");
        let config = properties.transactional_producer("id");
        assert_eq!(config.get("compression.type"), Some("zstd"));
        assert_eq!(config.get("enable.idempotence"), Some("true"));
        properties.check().expect("librdkafka takes it");
    }

    #[test]
    fn a_poll_interval_that_calls_would_exceed_is_refused() {
        let refused = with("max.poll.interval.ms", "119999").err().expect("too low");
        assert!(refused.to_string().contains("120000"), "{refused}");
        assert!(with("max.poll.interval.ms", "120000").is_ok());
    }

    #[test]
    fn a_value_that_librdkafka_would_change_is_refused_without_being_shown() {
        for value in [" CANARY", "\tCANARY", "\nCANARY", "\x0bCANARY", " "] {
            let refused = with("sasl.password", value).err().expect("changed");
            assert_eq!(refused.key, "sasl.password");
            assert!(refused.to_string().contains("begins with a blank"), "{refused}");
            assert!(!refused.to_string().contains("CANARY"), "{refused}");
        }
        for (key, value) in [("sasl.password", "a b "), ("sasl.password", "\"q\""), ("ssl.ca.pem", "\n-")] {
            assert!(with(key, value).is_ok(), "{key}");
        }
    }

    #[test]
    fn an_unknown_property_is_named() {
        let error = with("no.such.thing", "1").expect("not owned").check().expect_err("unknown");
        assert_eq!(error.0, "no.such.thing");
    }

    #[test]
    fn a_refusal_never_shows_a_secret() {
        for key in ["sasl.pasword", "sasl.password.file", "ssl.key.pem", "ssl.keystore.password"] {
            let refusal = with(key, "CANARY").expect("not owned").check().err().unwrap_or_default();
            assert!(!refusal.1.contains("CANARY"), "{key}: {refusal:?}");
        }
    }

    #[test]
    fn each_owned_property_is_listed_once() {
        let mut keys: Vec<_> = OWNED.iter().map(|(key, ..)| *key).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }
}
