//! How the simulated driver meets a cluster that refuses, and what the auditor must know of it.

use std::collections::BTreeSet;

use otp_topology::thread::{CallOutcome, Refusal, RefusedScope};
use otp_topology::wire::murmur2;

use crate::broker::TopicPartition;
use crate::plan::RefusalCode;
use crate::planted::Planted;
use crate::process::{Process, Site};

/// Topics whose records tell for whom they are, by their correlation ids.
const TOPICS_OF_PEOPLE: [&str; 6] =
    ["sms", "replies", "desk-replies", "int-replies", "mosip-replies", "results"];

impl Process {
    /// A record of the open transaction is refused. Sometimes the client learns no topic.
    pub(crate) fn refuse(&mut self, at: TopicPartition, code: RefusalCode, site: &mut Site<'_>) {
        if site.planted == Some(Planted::LeaveOutRefused) || self.doomed.is_some() {
            return;
        }
        let output = site.house.output_at(at.topic).expect("the service writes to its output topics");
        let reason = format!("{code:?} of {}", site.house.topics[at.topic]);
        let is_named = code != RefusalCode::TopicAuthorization || site.dice.bool();
        let scope = if is_named && site.planted != Some(Planted::HoldUpAll) {
            RefusedScope::Topics(vec![output])
        } else {
            RefusedScope::Everything
        };
        self.refused_topic = is_named.then_some(at.topic);
        self.doomed = Some(CallOutcome::Refused(Refusal { scope, reason }));
    }

    /// The transaction before this one cannot end, because a marker cannot be written: the calls of this one time out.
    pub(crate) fn markers_refused(&mut self, site: &mut Site<'_>) -> Option<CallOutcome> {
        let is_held = self.epoch.is_some()
            && self.doomed.is_none()
            && site.broker.transactions.is_ending(self.number)
            && site.broker.refusals.is_lasting(RefusalCode::NotEnoughReplicas);
        (is_held && site.dice.u8(..4) == 0).then(|| {
            self.in_flight.clear();
            refused("a marker cannot be written")
        })
    }

    /// The tasks on whose behalf the planned commit writes to the refused topic, as its records themselves tell. `None`: they
    /// do not.
    pub(crate) fn writers_to_refused(&self, site: &Site<'_>) -> Option<BTreeSet<i32>> {
        let topic = self.refused_topic?;
        if !TOPICS_OF_PEOPLE.contains(&site.house.topics[topic].as_str()) {
            return None;
        }
        let output = site.house.output_at(topic)?;
        let outbox = self.thread.planned_outbox()?;
        let mut writers = BTreeSet::new();
        for record in outbox.iter().filter(|record| record.topic() == output) {
            let (_, correlation) = record.headers().find(|(name, _)| *name == "ce_correlationid")?;
            let correlation = std::str::from_utf8(correlation?).ok()?;
            let subject = &site.auditor.codes().requests.get(correlation)?.subject;
            writers.insert(murmur2::partition(subject.as_bytes(), self.topology.partitions));
        }
        Some(writers)
    }
}

/// An outcome without a topic.
pub(crate) fn refused(reason: &str) -> CallOutcome {
    CallOutcome::Refused(Refusal { scope: RefusedScope::Everything, reason: reason.to_owned() })
}
