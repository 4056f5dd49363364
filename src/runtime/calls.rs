//! Makes the calls of a stream thread on its transactional producer, on this thread or on the committer's.
//!
//! Owns the producer. Knows nothing of tasks and stores.

use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::Topology;
use otp_topology::thread::{Call, CallOutcome, Event, NoProducer, StreamThread};
use otp_topology::wire::record::SourcePartition;

use super::committer::{Busy, Committer, FinalCall, outcome_of};
use super::producers::NewProducer;
use super::stores::TaskHandle;
use crate::kafka::{Encodings, Group, GroupMetadata, Producer, Properties};

/// How long a broker may take to tell its time.
const ASK_TIME_MAX: Duration = Duration::from_secs(3);
/// A transaction with this many records is a sign of load.
const MANY_RECORDS: usize = 1_000;

pub(super) struct ProducerCalls {
    new: NewProducer,
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
    /// own old transaction would keep our stable offsets from being read. `is_needed`: false ends the wait.
    ///
    /// # Errors
    /// The cluster does not answer, or denies it.
    pub(super) fn start(
        topology: Arc<Topology>,
        properties: Properties,
        transactional_id: String,
        encodings: Arc<Encodings>,
        is_needed: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let new = NewProducer { topology, properties, transactional_id, encodings };
        let make = || {
            new.make(&is_needed).map_err(|(NoProducer::Refused(reason) | NoProducer::Failed(reason))| reason)
        };
        let mut producer = make()?;
        if let Err(error) = producer.ask_time(new.topology.changelog, ASK_TIME_MAX) {
            tracing::debug!(%error, "the brokers' clock is not known yet");
            drop(producer);
            producer = make()?;
        }
        let (producer, committer) = (Some(producer), Committer::start());
        Ok(Self { new, producer, committer, member: None, produced: 0 })
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
                let producer = self.producer();
                Event::Began(outcome_of(producer.begin(), producer))
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
                let partitions = self.new.topology.partitions;
                return self.make_final(FinalCall::Commit { partitions }, is_for_committer);
            }
            Call::Abort => return self.make_final(FinalCall::Abort, true),
            Call::ReplaceProducer => {
                // Nothing of the old one is sent any more when the new one settles its transaction.
                self.producer = None;
                self.committer.replace(self.new.clone());
                return None;
            }
        })
    }

    /// How often to look for the end of the committer's job; `None`: it has none.
    pub(super) fn poll_interval(&self) -> Option<Duration> {
        match self.committer.busy() {
            Busy::Idle => None,
            Busy::Calling => Some(Duration::from_millis(1)),
            Busy::Replacing => Some(Duration::from_millis(20)),
        }
    }

    /// The end of the committer's job: if it has come, or when it comes if `waits` and it is a call of the transaction.
    pub(super) fn ended(&mut self, waits: bool) -> Option<Event<TaskHandle>> {
        let (producer, ended) = self.committer.ended(waits)?;
        self.producer = producer;
        Some(ended)
    }

    /// The group has a new generation.
    pub(super) fn forget_member(&mut self) {
        self.member = None;
    }

    fn produce_early(&mut self, thread: &StreamThread<TaskHandle>) -> CallOutcome {
        match self.producer().produce_early(thread.outbox(), self.produced) {
            Ok(next) => {
                self.produced = next;
                CallOutcome::Done
            }
            Err(error) => outcome_of(Err(error), self.producer()),
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

    fn producer(&self) -> &Producer {
        self.producer.as_ref().expect("the protocol calls a producer that there is")
    }
}
