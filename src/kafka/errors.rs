//! Errors of Kafka calls, classified by who has to act.
//!
//! The texts come from librdkafka. They name brokers, topics and groups, never the content of a record.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::ffi::NativeError;

/// What a failed transactional call means for the stream thread. ARCHITECTURE.md has the reactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing happened. The same call may be repeated.
    Retriable,
    /// The cluster does not take what the transaction carries: abort it, and process its records again later.
    Abortable,
    /// Another producer took over this transactional id: replace this producer.
    FencedEpoch,
    /// The group has a newer generation: abort, and wait for the rebalance.
    FencedGeneration,
    /// The call may have succeeded, or may yet succeed: replace the producer, then restore the tasks.
    UnknownOutcome,
    /// The producer is unusable: replace it.
    Fatal,
}

/// A transactional call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call}: {text}")]
pub struct TransactionError {
    pub class: Class,
    /// librdkafka's name of the call.
    pub call: &'static str,
    pub code: Code,
    pub text: String,
}

impl TransactionError {
    pub(super) fn new(call: &'static str, failure: NativeError) -> Self {
        Self { class: classify(&failure), call, code: failure.code, text: failure.text }
    }

    /// Whether the cluster refused authentication or authorization.
    pub(super) fn is_denied(&self) -> bool {
        is_denied(self.code)
    }
}

/// A failed call to the cluster that is not a transactional call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {text}")]
pub struct EdgeError {
    /// The attempted operation, with its topic or group.
    pub what: String,
    pub code: Option<Code>,
    pub text: String,
}

impl EdgeError {
    pub(super) fn new(what: impl Into<String>, failure: NativeError) -> Self {
        Self { what: what.into(), code: Some(failure.code), text: failure.text }
    }

    pub(super) fn plain(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), code: None, text: text.into() }
    }

    /// Whether the cluster refused authentication or authorization. Waiting does not help.
    pub fn is_denied(&self) -> bool {
        self.code.is_some_and(is_denied)
    }
}

/// What an error of a consumer's poll means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConsumerClass {
    /// The consumer is unusable (fenced static member, fatal error): replace it.
    Dead,
    /// The position lies outside the partition's log: retention deleted it, or the topic was recreated.
    OutOfRange,
    /// The topic or partition does not exist, or the broker does not know it yet.
    UnknownTopic,
    /// Authentication or authorization failed.
    Denied,
    /// librdkafka recovers automatically.
    Transient,
}

/// An error that the consumer's poll reported.
#[derive(Clone, Debug, thiserror::Error)]
#[error("consumer: {text} ({code:?})")]
pub struct ConsumerError {
    pub class: ConsumerClass,
    pub code: Code,
    pub text: String,
}

impl ConsumerError {
    /// The consumer does not do what the service cannot do without.
    pub fn dead(error: &EdgeError) -> Self {
        Self { class: ConsumerClass::Dead, code: Code::Fail, text: error.to_string() }
    }
}

/// The class of a failed transactional call. Fencing comes first: librdkafka marks it as merely abortable.
#[expect(clippy::wildcard_enum_match_arm, reason = "librdkafka's codes grow")]
pub(super) fn classify(failure: &NativeError) -> Class {
    match failure.code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Class::FencedEpoch,
        _ if failure.fatal => Class::Fatal,
        Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId => Class::FencedGeneration,
        // The producer has lost its place in a partition, for example after a record that the cluster refused.
        Code::OutOfOrderSequenceNumber | Code::UnknownProducerId => Class::Fatal,
        _ if failure.abortable => Class::Abortable,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut => Class::UnknownOutcome,
        _ if failure.retriable => Class::Retriable,
        _ => Class::Fatal,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "librdkafka's codes grow")]
pub(super) fn classify_consumer(code: Code) -> ConsumerClass {
    match code {
        Code::Fatal | Code::FencedInstanceId => ConsumerClass::Dead,
        Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => ConsumerClass::OutOfRange,
        Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicOrPartition => {
            ConsumerClass::UnknownTopic
        }
        _ if is_denied(code) => ConsumerClass::Denied,
        _ => ConsumerClass::Transient,
    }
}

fn is_denied(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Code, flags: &str, expected: Class) {
        let failure = NativeError {
            fatal: flags.contains('f'),
            retriable: flags.contains('r'),
            abortable: flags.contains('a'),
            ..NativeError::of_code(code)
        };
        assert_eq!(classify(&failure), expected, "{code:?} {flags}");
    }

    #[test]
    fn each_transactional_failure_has_its_class() {
        // Flags that librdkafka sets: f fatal, r retriable, a abortable.
        for (code, flags, expected) in [
            (Code::Fenced, "f", Class::FencedEpoch),
            (Code::ProducerFenced, "f", Class::FencedEpoch),
            (Code::InvalidProducerEpoch, "a", Class::FencedEpoch),
            (Code::IllegalGeneration, "a", Class::FencedGeneration),
            (Code::UnknownMemberId, "a", Class::FencedGeneration),
            (Code::FencedInstanceId, "a", Class::FencedGeneration),
            (Code::FencedInstanceId, "f", Class::Fatal),
            (Code::MessageTimedOut, "a", Class::Abortable),
            (Code::TopicAuthorizationFailed, "a", Class::Abortable),
            (Code::MessageSizeTooLarge, "a", Class::Abortable),
            (Code::OperationTimedOut, "r", Class::UnknownOutcome),
            (Code::RequestTimedOut, "r", Class::UnknownOutcome),
            (Code::CoordinatorLoadInProgress, "r", Class::Retriable),
            (Code::PreviousInProgress, "r", Class::Retriable),
            (Code::State, "", Class::Fatal),
            (Code::TransactionalIdAuthorizationFailed, "f", Class::Fatal),
            (Code::OutOfOrderSequenceNumber, "f", Class::Fatal),
            (Code::OutOfOrderSequenceNumber, "a", Class::Fatal),
            (Code::UnknownProducerId, "a", Class::Fatal),
        ] {
            check(code, flags, expected);
        }
    }

    #[test]
    fn each_consumer_error_has_its_class() {
        for (code, expected) in [
            (Code::Fatal, ConsumerClass::Dead),
            (Code::FencedInstanceId, ConsumerClass::Dead),
            (Code::AutoOffsetReset, ConsumerClass::OutOfRange),
            (Code::UnknownTopicOrPartition, ConsumerClass::UnknownTopic),
            (Code::GroupAuthorizationFailed, ConsumerClass::Denied),
            (Code::BrokerTransportFailure, ConsumerClass::Transient),
        ] {
            assert_eq!(classify_consumer(code), expected, "{code:?}");
        }
    }
}
