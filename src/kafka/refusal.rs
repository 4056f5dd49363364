//! What the cluster refuses of a failed transaction: which topics, why, and what to do about it.
//!
//! librdkafka says little: a delivery report names the topic of each record that failed, but a record that only waited for
//! another one times out, too, and a partition that cannot be added to a transaction is not named at all. So the cluster is
//! asked what is wrong with the topics.
//!
//! ```text
//! delivery reports ── an error other than a time-out ────────────────▶ these topics
//!        │
//!        └─▶ the cluster: missing? no right? too few replicas? ── of this transaction ─▶ these topics
//!                 │                                               └─ of others only ───▶ everything waits for them
//!                 └─ nothing is wrong ─▶ the topics that timed out, otherwise everything, by the error of the call
//! ```

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use otp_topology::thread::{Refusal, RefusedScope};
use otp_topology::wire::outbox::OutputTopic;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::admin::Admin;
use super::causes::{Cause, refusal_of, refused_topic};
use super::errors::{Class, TransactionError};
use super::outage;
use super::properties::Properties;

/// Longest wait for an answer of the cluster; it is asked twice.
pub(crate) const ASK_MAX: Duration = Duration::from_secs(2);

/// What is wrong with topics, by topic.
type Faults = BTreeMap<OutputTopic, Code>;

/// The topics that this service writes, and whom to ask about them.
pub(super) struct OutputTopics {
    properties: Properties,
    names: Vec<String>,
    admin: OnceCell<Admin>,
}

/// A transactional call that failed.
pub(super) struct FailedCall<'a> {
    pub error: &'a TransactionError,
    /// Topics of which a record was not delivered.
    pub failed: Faults,
    /// Topics of which the transaction has records.
    pub written: BTreeSet<OutputTopic>,
}

impl OutputTopics {
    pub(super) fn new(properties: &Properties, names: &[String]) -> Self {
        Self { properties: properties.clone(), names: names.to_vec(), admin: OnceCell::new() }
    }

    /// What is refused. Logs each cause, unless it was logged within the last minute. `None`: nothing is known to be.
    pub(super) fn refusal(&self, call: &FailedCall<'_>) -> Option<Refusal> {
        let (faults, scope) = match verdict(call, || self.ask()) {
            Verdict::Nothing => return None,
            Verdict::Call => return Some(refusal(RefusedScope::Everything, [refusal_of(call.error)])),
            Verdict::Topics(faults) => {
                let topics = faults.keys().copied().collect();
                (faults, RefusedScope::Topics(topics))
            }
            Verdict::Others(faults) => (faults, RefusedScope::Everything),
        };
        let cause =
            |(topic, code): (&OutputTopic, &Code)| refused_topic(*code, &self.names[usize::from(topic.0)]);
        Some(refusal(scope, faults.iter().map(cause)))
    }

    /// What the cluster says is wrong. Empty if it does not answer.
    fn ask(&self) -> Faults {
        let Some(admin) = self.admin() else { return Faults::new() };
        let Ok(described) = admin.describe_each(&self.names, ASK_MAX) else { return Faults::new() };
        let mut faults = Faults::new();
        let mut in_sync = Vec::new();
        for (topic, facts) in (0..).map(OutputTopic).zip(described) {
            match facts {
                Ok(facts) if !facts.may_write => drop(faults.insert(topic, Code::TopicAuthorizationFailed)),
                Ok(facts) => in_sync.push((topic, facts.in_sync_min)),
                Err(error) => drop(error.code.and_then(|code| faults.insert(topic, code))),
            }
        }
        if faults.is_empty() {
            let names: Vec<_> = in_sync.iter().map(|(it, _)| self.names[usize::from(it.0)].clone()).collect();
            let settings = admin.settings(&names, ASK_MAX).unwrap_or_default();
            for ((topic, in_sync), settings) in in_sync.into_iter().zip(settings) {
                let needed = settings.get("min.insync.replicas").and_then(|text| text.parse::<usize>().ok());
                if needed.is_some_and(|needed| in_sync < needed) {
                    faults.insert(topic, Code::NotEnoughReplicas);
                }
            }
        }
        faults
    }

    fn admin(&self) -> Option<&Admin> {
        if self.admin.get().is_none() {
            // Only one thread uses it at a time.
            let _ = self.admin.set(Admin::new(&self.properties).ok()?);
        }
        self.admin.get()
    }
}

/// What a failure comes from.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// These topics of the transaction.
    Topics(Faults),
    /// Topics that are not part of the transaction: an earlier one may still end there.
    Others(Faults),
    /// The error of the call is all that is known.
    Call,
    /// Nothing that the cluster refuses.
    Nothing,
}

fn verdict(call: &FailedCall<'_>, ask: impl FnOnce() -> Faults) -> Verdict {
    let mut told = call.failed.clone();
    told.retain(|_, code| !is_timeout(*code));
    if !told.is_empty() {
        return Verdict::Topics(told);
    }
    let (ours, others): (Faults, Faults) = ask().into_iter().partition(|(it, _)| call.written.contains(it));
    if !ours.is_empty() {
        Verdict::Topics(ours)
    } else if !others.is_empty() {
        Verdict::Others(others)
    } else if !call.failed.is_empty() {
        Verdict::Topics(call.failed.clone())
    } else if call.error.is_denied() || call.error.class == Class::Abortable {
        Verdict::Call
    } else {
        Verdict::Nothing
    }
}

fn refusal(scope: RefusedScope, causes: impl IntoIterator<Item = Cause>) -> Refusal {
    let reasons: Vec<_> = causes.into_iter().map(outage::refused).collect();
    Refusal { scope, reason: reasons.join("; ") }
}

/// The record may only have waited for others.
fn is_timeout(code: Code) -> bool {
    matches!(code, Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut)
}

#[cfg(test)]
mod tests {
    use super::super::ffi::NativeError;
    use super::*;

    const DENIED: Code = Code::TopicAuthorizationFailed;
    const LATE: Code = Code::MessageTimedOut;

    fn faults(topics: &[(u16, Code)]) -> Faults {
        topics.iter().map(|(topic, code)| (OutputTopic(*topic), *code)).collect()
    }

    /// A call failed with `code` (abortable or not). Its transaction has records of the topics 1 and 2. The reports say
    /// `failed`, the cluster says `wrong`.
    fn check(code: Code, abortable: bool, failed: &[(u16, Code)], wrong: &[(u16, Code)], expected: Verdict) {
        let failure = NativeError { abortable, ..NativeError::of_code(code) };
        let error = TransactionError::new("commit_transaction", failure);
        let written = [OutputTopic(1), OutputTopic(2)].into();
        let call = FailedCall { error: &error, failed: faults(failed), written };
        assert_eq!(verdict(&call, || faults(wrong)), expected, "{code:?} {failed:?} {wrong:?}");
    }

    #[test]
    fn a_failure_is_blamed_on_the_topics_that_caused_it() {
        let topics = |them: &[_]| Verdict::Topics(faults(them));
        let size = [(2, Code::MessageSizeTooLarge)];
        check(Code::MessageSizeTooLarge, true, &size, &[(1, DENIED)], topics(&size));
        check(LATE, true, &[(1, LATE), (2, Code::InvalidRecord)], &[], topics(&[(2, Code::InvalidRecord)]));
        let few = [(1, Code::NotEnoughReplicas)];
        check(Code::Inconsistent, true, &[(1, LATE), (2, LATE)], &few, topics(&few));
        check(DENIED, true, &[], &[(2, DENIED), (7, DENIED)], topics(&[(2, DENIED)]));
        let other = [(7, Code::NotEnoughReplicas)];
        check(Code::Inconsistent, true, &[(1, LATE)], &other, Verdict::Others(faults(&other)));
        check(Code::OperationTimedOut, false, &[], &other, Verdict::Others(faults(&other)));
        check(Code::Inconsistent, true, &[(1, LATE)], &[], topics(&[(1, LATE)]));
    }

    #[test]
    fn without_a_topic_the_error_of_the_call_decides() {
        check(Code::GroupAuthorizationFailed, true, &[], &[], Verdict::Call);
        check(Code::TransactionalIdAuthorizationFailed, false, &[], &[], Verdict::Call);
        check(Code::OperationTimedOut, false, &[], &[], Verdict::Nothing);
        check(Code::Fatal, false, &[], &[], Verdict::Nothing);
    }
}
