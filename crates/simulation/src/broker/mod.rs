//! A Kafka cluster as its clients see it: logs, one consumer group, transactions. Knows no client and no task.
//!
//! A call takes effect immediately. Later actions of a broker (markers, time-outs, late requests) are separate steps.

mod group;
mod log;
mod offsets;
mod refusals;
mod transactions;

pub(crate) use group::{Group, HeartbeatReply, MemberId};
pub(crate) use log::{Log, StoredRecord};
pub(crate) use offsets::Offsets;
pub(crate) use refusals::Refusals;
pub(crate) use transactions::{DecidedTransaction, EndError, Epoch, Transactions};

use otp_topology::wire::record::SourcePartition;

/// A partition of a topic of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicPartition {
    pub topic: usize,
    pub partition: i32,
}

pub(crate) struct Broker {
    pub logs: Vec<Vec<Log>>,
    pub group: Group,
    pub offsets: Offsets,
    pub transactions: Transactions,
    pub refusals: Refusals,
    /// Transactions whose outcomes are logged, for the auditor.
    pub decided: Vec<DecidedTransaction>,
}

/// The membership that a transactional offset commit claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials {
    pub member: Option<MemberId>,
    pub generation: i32,
    /// The instance of a static member.
    pub identity: Option<usize>,
}

/// Why an offset commit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetError {
    Epoch,
    Group,
}

impl Broker {
    pub(crate) fn new(
        partition_counts: &[i32],
        producers: usize,
        rebalance_ms: u64,
        session_ms: u64,
    ) -> Self {
        let logs = |count: &i32| (0..*count).map(|_| Log::default()).collect();
        Self {
            logs: partition_counts.iter().map(logs).collect(),
            group: Group::new(rebalance_ms, session_ms),
            offsets: Offsets::default(),
            transactions: Transactions::new(producers),
            refusals: Refusals::default(),
            decided: Vec::new(),
        }
    }

    pub(crate) fn log(&self, at: TopicPartition) -> &Log {
        &self.logs[at.topic][at.partition as usize]
    }

    pub(crate) fn log_mut(&mut self, at: TopicPartition) -> &mut Log {
        &mut self.logs[at.topic][at.partition as usize]
    }

    /// Appends a record of a transaction. `false`: the producer is fenced.
    pub(crate) fn produce(
        &mut self,
        producer: usize,
        epoch: Epoch,
        at: TopicPartition,
        record: StoredRecord,
        now: u64,
    ) -> bool {
        if !self.transactions.add_partition(producer, epoch, at, now) {
            return false;
        }
        let record = std::rc::Rc::new(record);
        self.transactions.add_output(producer, at, record.clone());
        self.log_mut(at).append(record, Some(producer), now);
        true
    }

    /// # Errors
    /// The producer or the member is fenced.
    pub(crate) fn send_offsets(
        &mut self,
        producer: usize,
        epoch: Epoch,
        offsets: &[(SourcePartition, i64)],
        by: Credentials,
        now: u64,
    ) -> Result<(), OffsetError> {
        if offsets.is_empty() {
            return Ok(());
        }
        if !self.transactions.add_group(producer, epoch, now) {
            return Err(OffsetError::Epoch);
        }
        self.group.check(by).map_err(|_| OffsetError::Group)?;
        self.offsets.pend(producer, offsets);
        self.transactions.add_offsets(producer, offsets);
        Ok(())
    }

    /// # Errors
    /// The epoch is old, or the transaction already ended the other way.
    pub(crate) fn end(&mut self, producer: usize, epoch: Epoch, commit: bool) -> Result<(), EndError> {
        let decided = self.transactions.end(producer, epoch, commit)?;
        self.decided.extend(decided);
        Ok(())
    }

    /// A new epoch. `None`: the markers of the old transaction are not written; try again.
    pub(crate) fn init(&mut self, producer: usize) -> Option<Epoch> {
        let (epoch, decided) = self.transactions.init(producer);
        self.decided.extend(decided);
        epoch
    }

    /// Aborts transactions that have been open for longer than `timeout_ms`. Returns their number.
    pub(crate) fn expire_transactions(&mut self, now: u64, timeout_ms: u64) -> usize {
        let decided = self.transactions.expire(now, timeout_ms);
        let count = decided.len();
        self.decided.extend(decided);
        count
    }

    /// Writes one marker of an ended transaction; `which` chooses among those that are due. Returns the producer, the
    /// partition (`None`: the offsets topic), and whether it commits.
    pub(crate) fn write_marker(
        &mut self,
        which: usize,
        now: u64,
    ) -> Option<(usize, Option<TopicPartition>, bool)> {
        let refusals = &self.refusals;
        let is_writable =
            |at: Option<TopicPartition>| at.is_none_or(|at| !refusals.holds_markers_of(at.topic));
        let (producer, at, commit) = self.transactions.take_marker(which, is_writable)?;
        match at {
            Some(at) => self.log_mut(at).append_marker(producer, commit, now),
            None => self.offsets.settle(producer, commit),
        }
        Some((producer, at, commit))
    }
}
