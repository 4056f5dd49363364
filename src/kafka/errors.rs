//! Errors of Kafka, typed by who has to act.
//!
//! Texts come from librdkafka and name brokers, topics and groups, never a record's content.

use rdkafka::error::RDKafkaErrorCode as Code;

use super::ffi::Failure;

/// What a failed transactional call means for the stream thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing happened; the same call may be made again.
    Retriable,
    /// The transaction is lost: abort it and re-run its batch.
    Abortable,
    /// Another producer has this transactional id: replace this one.
    FencedEpoch,
    /// The group went on without us: abort, and wait for the rebalance.
    FencedGeneration,
    /// It may have happened, or may yet happen: replace the producer, then restore.
    UnknownOutcome,
    /// This producer is of no more use.
    Fatal,
}

/// A transactional call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call}: {text} ({code:?})")]
pub struct TransactionError {
    pub class: Class,
    /// The call, as librdkafka names it.
    pub call: &'static str,
    pub code: Code,
    pub text: String,
}

impl TransactionError {
    pub(super) fn new(call: &'static str, failure: Failure) -> Self {
        Self { class: classify(&failure), call, code: failure.code, text: failure.text }
    }
}

/// Any other call to the cluster that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {text}")]
pub struct EdgeError {
    /// What was tried, with the topic or group.
    pub what: String,
    pub code: Option<Code>,
    pub text: String,
}

impl EdgeError {
    pub(super) fn new(what: impl Into<String>, failure: Failure) -> Self {
        Self { what: what.into(), code: Some(failure.code), text: failure.text }
    }

    pub(super) fn plain(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), code: None, text: text.into() }
    }

    /// Whether the cluster denied it for lack of a right, or does not know us: waiting will not help.
    pub fn is_denied(&self) -> bool {
        self.code.is_some_and(is_denied)
    }
}

/// What an error of a polling consumer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConsumerClass {
    /// The consumer is dead (fenced static member, fatal error): a new one is needed.
    Dead,
    /// The position of a partition lies outside its log: retention passed it, or the topic was recreated.
    OutOfRange,
    /// A topic or partition is gone or unknown; its metadata may also be late.
    UnknownTopic,
    /// A right is missing, or the cluster does not know us.
    Denied,
    /// librdkafka goes on by itself.
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

/// The class of a transactional call's failure. Ownership first: librdkafka calls it merely abortable.
pub(super) fn classify(failure: &Failure) -> Class {
    match failure.code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => Class::FencedEpoch,
        _ if failure.fatal => Class::Fatal,
        Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId => Class::FencedGeneration,
        _ if failure.abortable => Class::Abortable,
        Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut => Class::UnknownOutcome,
        _ if failure.retriable => Class::Retriable,
        _ => Class::Fatal,
    }
}

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
        let failure = Failure {
            fatal: flags.contains('f'),
            retriable: flags.contains('r'),
            abortable: flags.contains('a'),
            ..Failure::of_code(code)
        };
        assert_eq!(classify(&failure), expected, "{code:?} {flags}");
    }

    #[test]
    fn each_failure_of_a_transaction_has_its_class() {
        // Flags as librdkafka sets them: f fatal, r retriable, a abortable.
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
        ] {
            check(code, flags, expected);
        }
    }

    #[test]
    fn a_fenced_static_member_is_dead_and_a_lost_position_is_told_apart() {
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
