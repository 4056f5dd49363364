//! What an error of librdkafka means for an operator: the cause in plain words, and the remedy. All of it in one table.
//!
//! Remembers and logs nothing: that is `outage`.

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka_sys::rd_kafka_resp_err_t as RawCode;

use super::certificate::{Expiry, expiry};
use super::errors::TransactionError;

/// A cause that an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// One for one cause: errors with the same text have the same cause.
    pub text: String,
    /// Empty: librdkafka recovers automatically.
    pub remedy: String,
    pub kind: CauseKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CauseKind {
    /// No connection is made. It ends when a broker answers.
    Connection,
    /// As before; librdkafka adds it to each cause of the kind before.
    AllDown,
    /// A connection exists.
    Other,
    /// A transaction was refused, and is tried again every few seconds.
    Refusal,
}

impl CauseKind {
    /// It keeps clients from the brokers.
    pub(super) fn is_of_connection(self) -> bool {
        match self {
            Self::Connection | Self::AllDown => true,
            Self::Other | Self::Refusal => false,
        }
    }
}

/// A property of the client that reports the error. `None`: it is not set.
pub(super) type Property<'a> = &'a dyn Fn(&str) -> Option<String>;

struct Row {
    /// The error has one of these codes; empty: any code.
    codes: &'static [RawCode],
    /// The error's text, in lower case, contains one of these; empty: any text.
    words: &'static [&'static str],
    kind: CauseKind,
    text: Text,
    remedy: &'static str,
}

enum Text {
    Fixed(&'static str),
    /// The text goes on with the last day of the client's certificate.
    OwnCertificate(&'static str),
    /// This text, unless the client's certificate has expired: Java's brokers do not tell it from others that they refuse.
    UnlessExpired(&'static str),
    /// The text goes on with the user name.
    User(&'static str),
    /// The text goes on with the topic, group or id that librdkafka names.
    Named(&'static str),
}

const EXPIRED: &str = "this client's certificate expired";
const GRANT: &str = "grant what `otp-stream topics plan` lists";

/// The first row that fits is the cause.
const TABLE: &[Row] = {
    use CauseKind::{AllDown, Connection, Other};
    use RawCode as C;
    const TLS: &[RawCode] = &[C::RD_KAFKA_RESP_ERR__SSL, C::RD_KAFKA_RESP_ERR__TRANSPORT];
    const AUTHENTICATION: &[RawCode] =
        &[C::RD_KAFKA_RESP_ERR__AUTHENTICATION, C::RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED];
    &[
        Row {
            codes: TLS,
            words: &["alert certificate expired", "alert number 45"],
            kind: Connection,
            text: Text::OwnCertificate(EXPIRED),
            remedy: "renew the certificate of ssl.certificate.location (or ssl.keystore.location) and start again",
        },
        Row {
            codes: TLS,
            words: &["certificate has expired"],
            kind: Connection,
            text: Text::Fixed("the broker's certificate has expired"),
            remedy: "renew the broker's certificate",
        },
        Row {
            codes: TLS,
            words: &["certificate verify failed", "unable to get local issuer", "self-signed", "self signed"],
            kind: Connection,
            text: Text::Fixed("the broker's certificate is not trusted"),
            remedy: "set ssl.ca.location to the authority that signed it, and use the names in it",
        },
        Row {
            codes: TLS,
            words: &[
                "alert bad certificate",
                "alert unknown ca",
                "certificate required",
                "alert certificate",
            ],
            kind: Connection,
            text: Text::UnlessExpired("the brokers refuse this client's certificate"),
            remedy: "set ssl.certificate.location and ssl.key.location to a certificate that the brokers trust and that has not expired",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__SSL],
            words: &[],
            kind: Connection,
            text: Text::Fixed("no TLS connection to the brokers can be made"),
            remedy: "compare security.protocol and ssl.* with the listener of the brokers",
        },
        Row {
            codes: AUTHENTICATION,
            words: &[],
            kind: Connection,
            text: Text::User("authentication failed"),
            remedy: "set sasl.mechanism, sasl.username and sasl.password to what the brokers know",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__RESOLVE],
            words: &[],
            kind: Connection,
            text: Text::Fixed("the host name of a broker cannot be resolved"),
            remedy: "correct kafka.bootstrap_servers, or the brokers' advertised.listeners",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__TRANSPORT],
            words: &["too many open files"],
            kind: Connection,
            text: Text::Fixed("this process has no open files left for a connection"),
            remedy: "raise the limit of open files (ulimit -n, LimitNOFILE=, docker run --ulimit nofile=)",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__TRANSPORT],
            words: &[],
            kind: Connection,
            text: Text::Fixed("the brokers cannot be reached"),
            remedy: "start the brokers, or correct kafka.bootstrap_servers and security.protocol",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN],
            words: &[],
            kind: AllDown,
            text: Text::Fixed("the brokers cannot be reached"),
            remedy: "start the brokers, or correct kafka.bootstrap_servers and security.protocol",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED],
            words: &[],
            kind: Other,
            text: Text::Named("a right on a topic is missing"),
            remedy: GRANT,
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED],
            words: &[],
            kind: Other,
            text: Text::Fixed("the right READ on the group, which is application.id, is missing"),
            remedy: GRANT,
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
            words: &[],
            kind: Other,
            text: Text::Fixed(
                "the right WRITE on the transactional ids, which begin with application.id, is missing",
            ),
            remedy: GRANT,
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
            words: &[],
            kind: Other,
            text: Text::Fixed("the right IDEMPOTENT_WRITE on the cluster is missing"),
            remedy: GRANT,
        },
        Row {
            codes: &[
                C::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                C::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
                C::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
            ],
            words: &[],
            kind: Other,
            text: Text::Named("a topic or partition does not exist"),
            remedy: "run `otp-stream topics create`",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID],
            words: &[],
            kind: Other,
            text: Text::Fixed("another process runs under the same identity"),
            remedy: "stop one of the two, and remove the file `instance` in a copied store directory",
        },
        Row {
            codes: &[C::RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED],
            words: &[],
            kind: Other,
            text: Text::Fixed("a stream thread has not polled for max.poll.interval.ms"),
            remedy: "find what holds it: a slow disk, a frozen machine, or brokers that do not answer",
        },
    ]
};

/// The cause of an error of librdkafka.
pub(super) fn cause_of(code: i32, reason: &str, property: Property<'_>) -> Cause {
    let lower = reason.to_lowercase();
    let fits = |row: &&Row| {
        (row.codes.is_empty() || row.codes.iter().any(|it| *it as i32 == code))
            && (row.words.is_empty() || row.words.iter().any(|it| lower.contains(it)))
    };
    match TABLE.iter().find(fits) {
        Some(row) => {
            Cause { text: row.text.complete(reason, property), remedy: row.remedy.to_owned(), kind: row.kind }
        }
        None => {
            // What follows differs each time.
            let reason = reason.split(" (after").next().unwrap_or_default();
            let text = format!("the cluster or its client reports: {reason}");
            Cause { text, remedy: String::new(), kind: CauseKind::Other }
        }
    }
}

/// The cause of a transactional call that the cluster refused, if no topic is to blame.
pub(super) fn refusal_of(error: &TransactionError) -> Cause {
    let cause = cause_of(error.code as i32, &error.text, &|_| None);
    Cause { kind: CauseKind::Refusal, ..cause }
}

/// The cause of a topic that takes no records.
#[expect(clippy::wildcard_enum_match_arm, reason = "librdkafka's codes grow")]
pub(super) fn refused_topic(code: Code, topic: &str) -> Cause {
    let (text, remedy) = match code {
        Code::TopicAuthorizationFailed => (
            format!("the cluster does not let this user write to the topic `{topic}`: the right WRITE is missing"),
            format!(
                "grant it, for example with kafka-acls.sh --add --allow-principal User:NAME --operation Write --operation \
                 Describe --topic {topic}; remove a rule that denies it"
            ),
        ),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => (
            format!("the topic `{topic}`, or a partition of it, does not exist"),
            "run `otp-stream topics create`".to_owned(),
        ),
        Code::MessageSizeTooLarge => (
            format!("the topic `{topic}` takes no request as large as this service makes: max.message.bytes is too low"),
            "set max.message.bytes of the topic to Kafka's default, 1048588".to_owned(),
        ),
        Code::InvalidRecord => (
            format!("the topic `{topic}` takes no record without a key: its cleanup.policy is compact"),
            "set cleanup.policy of the topic to what `otp-stream topics plan` lists".to_owned(),
        ),
        Code::InvalidTimestamp => (
            format!("the topic `{topic}` does not take the time of this host"),
            "set message.timestamp.type of the topic to LogAppendTime, or correct the clock".to_owned(),
        ),
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => (
            format!("fewer replicas of the topic `{topic}` are in sync than its min.insync.replicas"),
            "start the brokers that hold it, or lower min.insync.replicas".to_owned(),
        ),
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut => (
            format!("the topic `{topic}` has not taken a record in time"),
            "compare its replicas in sync with min.insync.replicas, look for brokers that are down or slow, and for a produce \
             quota of this user"
                .to_owned(),
        ),
        Code::PolicyViolation => (
            format!("a policy of the cluster does not let records into the topic `{topic}`"),
            "see the brokers' logs for the policy".to_owned(),
        ),
        other => (format!("the topic `{topic}` takes no records: {other}"), String::new()),
    };
    Cause { text, remedy, kind: CauseKind::Refusal }
}

impl Text {
    fn complete(&self, reason: &str, property: Property<'_>) -> String {
        match self {
            Self::Fixed(text) => (*text).to_owned(),
            Self::Named(text) => match named(reason) {
                Some(name) => format!("{text}: {name}"),
                None => (*text).to_owned(),
            },
            Self::User(text) => match property("sasl.username").filter(|user| !user.is_empty()) {
                Some(user) => format!("{text} as `{user}`"),
                None => (*text).to_owned(),
            },
            Self::OwnCertificate(text) => match own_certificate(property) {
                Some(expiry) => format!("{text} on {}", expiry.day()),
                None => (*text).to_owned(),
            },
            Self::UnlessExpired(text) => match own_certificate(property).filter(Expiry::has_passed) {
                Some(expiry) => format!("{EXPIRED} on {}", expiry.day()),
                None => (*text).to_owned(),
            },
        }
    }
}

fn own_certificate(property: Property<'_>) -> Option<Expiry> {
    let pem = property("ssl.certificate.pem")
        .or_else(|| std::fs::read_to_string(property("ssl.certificate.location")?).ok())?;
    expiry(&pem)
}

/// In `Subscribed topic not available: otp-request: Broker: Topic authorization failed` the part before `Broker:`.
fn named(reason: &str) -> Option<&str> {
    let (before, _) = reason.split_once(": Broker:")?;
    before.rsplit(": ").next().filter(|name| !name.is_empty() && !name.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_is_told_as_cause_and_remedy() {
        use RawCode as C;
        for (code, reason, text) in [
            (
                C::RD_KAFKA_RESP_ERR__SSL,
                "ssl://b:9093/bootstrap: SSL handshake failed: error:0A000415:SSL routines::ssl/tls alert certificate \
                 expired: SSL alert number 45",
                "this client's certificate expired",
            ),
            (
                C::RD_KAFKA_RESP_ERR__SSL,
                "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: certificate has expired",
                "the broker's certificate has expired",
            ),
            (
                C::RD_KAFKA_RESP_ERR__SSL,
                "SSL handshake failed: certificate verify failed: broker certificate could not be verified",
                "the broker's certificate is not trusted",
            ),
            (
                C::RD_KAFKA_RESP_ERR__AUTHENTICATION,
                "SASL authentication error: Authentication failed",
                "authentication failed as `otp`",
            ),
            (
                C::RD_KAFKA_RESP_ERR__TRANSPORT,
                "localhost:9092/bootstrap: Failed to create socket: Too many open files (after 0ms in state CONNECT)",
                "this process has no open files left for a connection",
            ),
            (
                C::RD_KAFKA_RESP_ERR__TRANSPORT,
                "localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused",
                "the brokers cannot be reached",
            ),
            (
                C::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                "Subscribed topic not available: otp-request: Broker: Topic authorization failed",
                "a right on a topic is missing: otp-request",
            ),
            (
                C::RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED,
                "Throttled",
                "the cluster or its client reports: Throttled",
            ),
        ] {
            let property = |name: &str| (name == "sasl.username").then(|| "otp".to_owned());
            let cause = cause_of(code as i32, reason, &property);
            assert_eq!(cause.text, text, "{reason}");
            assert!(!cause.remedy.is_empty() || text.contains("reports"), "{reason}");
        }
    }

    #[test]
    fn a_refused_topic_is_told_with_its_right_or_limit_and_the_remedy() {
        for (code, word) in [
            (Code::TopicAuthorizationFailed, "right WRITE"),
            (Code::UnknownTopicOrPartition, "does not exist"),
            (Code::MessageSizeTooLarge, "max.message.bytes"),
            (Code::InvalidRecord, "cleanup.policy"),
            (Code::NotEnoughReplicas, "min.insync.replicas"),
            (Code::MessageTimedOut, "in time"),
            (Code::PolicyViolation, "policy"),
        ] {
            let cause = refused_topic(code, "otp-lifecycle");
            assert!(cause.text.contains("`otp-lifecycle`") && cause.text.contains(word), "{cause:?}");
            assert!(!cause.remedy.is_empty(), "{cause:?}");
        }
    }
}
