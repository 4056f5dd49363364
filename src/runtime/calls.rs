//! Makes the calls of a stream thread on its transactional producer, on this thread or on the committer's.
//!
//! Owns the producer. Knows nothing of tasks and stores.

use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::thread::{Call, CallOutcome, Event, StreamThread};
use otp_topology::wire::record::SourcePartition;

use super::committer::{CALL_MAX, Committer, FinalCall, outcome_of, retried, tried};
use super::stores::TaskHandle;
use crate::kafka::{Group, GroupMetadata, Producer, Properties, TransactionError};

/// How long a new producer may take to settle what the old one left open.
pub(super) const INIT_MAX: Duration = Duration::from_secs(30);
/// A transaction with this many records is a sign of load.
const MANY_RECORDS: usize = 1_000;

pub(super) struct ProducerCalls {
    topology: Arc<Topology>,
    properties: Properties,
    transactional_id: String,
    /// `None` while the committer has it.
    producer: Option<Producer>,
    committer: Committer,
    /// This member of the group, from the first commit of an assignment on: asking for it costs two changes of threads.
    member: Option<Arc<GroupMetadata>>,
    /// Records of the open transaction that the producer has.
    produced: usize,
}

impl ProducerCalls {
    /// Makes the producer and settles what an earlier process left open. This comes before the group is joined, because our
    /// own old transaction would keep our stable offsets from being read.
    ///
    /// # Errors
    /// The cluster does not answer, or denies it.
    pub(super) fn start(
        topology: Arc<Topology>,
        properties: Properties,
        transactional_id: String,
    ) -> Result<Self, String> {
        let mut calls = Self {
            topology,
            properties,
            transactional_id,
            producer: None,
            committer: Committer::start(),
            member: None,
            produced: 0,
        };
        calls.replace_producer()?;
        Ok(calls)
    }

    /// Makes a call. `None`: the committer makes it, and [`ProducerCalls::ended`] brings its end.
    ///
    /// `more_to_read`: there is something else to do meanwhile.
    pub(super) fn make(
        &mut self,
        call: Call,
        thread: &StreamThread<TaskHandle>,
        more_to_read: bool,
        group: &Group<'_>,
    ) -> Option<Event<TaskHandle>> {
        // Two changes of threads pay off when there is something else to do meanwhile, or will be soon.
        let is_for_committer = more_to_read || thread.outbox().len() >= MANY_RECORDS;
        Some(match call {
            Call::Begin => {
                self.produced = 0;
                Event::Began(self.on_producer(|producer| producer.begin()))
            }
            // The committer produces all records together with the offsets.
            Call::Offer if is_for_committer => Event::Offered(CallOutcome::Done),
            Call::Offer => Event::Offered(self.produce_early(thread)),
            Call::SendOffsets { offsets, generation } => {
                let Some(member) = self.member_of(generation, group) else {
                    return Some(Event::OffsetsSent(CallOutcome::FencedByGroup));
                };
                return self.make_final(self.offsets_call(offsets, member, thread), is_for_committer);
            }
            Call::Commit => {
                let partitions = self.topology.partitions;
                return self.make_final(FinalCall::Commit { partitions }, is_for_committer);
            }
            Call::Abort => Event::Aborted(self.on_producer(|producer| producer.abort(CALL_MAX))),
            Call::ReplaceProducer => Event::ProducerReplaced(self.replace_producer()),
        })
    }

    /// The committer makes a call.
    pub(super) fn is_waiting(&self) -> bool {
        self.committer.is_calling()
    }

    /// The end of the committer's call: if it has come, or when it comes if `waits`.
    pub(super) fn ended(&mut self, waits: bool) -> Option<Event<TaskHandle>> {
        let (producer, ended) = self.committer.ended(waits)?;
        self.producer = Some(producer);
        Some(ended)
    }

    /// The group has a new generation.
    pub(super) fn forget_member(&mut self) {
        self.member = None;
    }

    fn replace_producer(&mut self) -> Result<(), String> {
        self.producer = None;
        let outputs: Vec<String> = self.topology.outputs.iter().map(|output| output.name.clone()).collect();
        let sources: Vec<String> = self.topology.sources.iter().map(|source| source.name.clone()).collect();
        let changelog = Some(self.topology.changelog);
        let producer = Producer::new(&self.properties, &self.transactional_id, &outputs, &sources, changelog)
            .map_err(|error| error.to_string())?;
        retried(|| producer.init(INIT_MAX)).map_err(|error| error.to_string())?;
        self.producer = Some(producer);
        Ok(())
    }

    fn produce_early(&mut self, thread: &StreamThread<TaskHandle>) -> CallOutcome {
        let Some(producer) = &self.producer else {
            return no_producer();
        };
        match producer.produce_early(thread.outbox(), self.produced) {
            Ok(next) => {
                self.produced = next;
                CallOutcome::Done
            }
            Err(error) => outcome_of(&error),
        }
    }

    fn offsets_call(
        &self,
        offsets: Vec<(SourcePartition, i64)>,
        member: Arc<GroupMetadata>,
        thread: &StreamThread<TaskHandle>,
    ) -> FinalCall {
        let outbox = thread.planned_outbox().expect("offsets are sent for a planned commit");
        FinalCall::SendOffsets { outbox, first: self.produced, offsets, member }
    }

    /// This member, if the group still has the generation in which the tasks were initialised. Otherwise the offsets are
    /// not sent: that is the ownership fence.
    fn member_of(&mut self, generation: i32, group: &Group<'_>) -> Option<Arc<GroupMetadata>> {
        let member = self.member.take().or_else(|| group.metadata().map(Arc::new))?;
        if generation < 0 || member.generation() != generation || member.member_id().is_empty() {
            return None;
        }
        self.member = Some(member.clone());
        Some(member)
    }

    fn make_final(&mut self, call: FinalCall, is_for_committer: bool) -> Option<Event<TaskHandle>> {
        let producer = self.producer.take().expect("an open transaction has a producer");
        if is_for_committer {
            self.committer.call(producer, call);
            return None;
        }
        let ended = call.make(&producer);
        self.producer = Some(producer);
        Some(ended)
    }

    fn on_producer(&self, call: impl Fn(&Producer) -> Result<(), TransactionError>) -> CallOutcome {
        self.producer.as_ref().map_or_else(no_producer, |producer| tried(|| call(producer)))
    }
}

fn no_producer() -> CallOutcome {
    CallOutcome::Unknown("no producer".to_owned())
}
