//! A Kafka cluster as its clients meet it: logs, one consumer group, transactions. Knows no client and no task.
//!
//! What a call does is done at once; what a broker does later (markers, time-outs, late requests) are steps of its own.

mod group;
mod log;
mod offsets;
mod transactions;

pub use group::{Beat, Group, MemberId};
pub use log::{Log, Stored};
pub use offsets::Offsets;
pub use transactions::{Decided, EndError, Epoch, Transactions};

use otp_topology::wire::record::SourcePartition;

/// A partition of a topic of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub topic: usize,
    pub partition: i32,
}

pub struct Broker {
    pub logs: Vec<Vec<Log>>,
    pub group: Group,
    pub offsets: Offsets,
    pub transactions: Transactions,
    /// Outcomes that were logged and not yet judged by the auditor.
    pub decided: Vec<Decided>,
}

/// A transactional offset commit: who says it is what in the group.
#[derive(Clone, Copy, Debug)]
pub struct Credentials {
    pub member: Option<MemberId>,
    pub generation: i32,
    /// The instance, for a static member.
    pub identity: Option<usize>,
}

/// Why an offset commit was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetError {
    Epoch,
    Group,
}

impl Broker {
    pub fn new(partition_counts: &[i32], producers: usize, rebalance_ms: u64, session_ms: u64) -> Self {
        let logs = |count: &i32| (0..*count).map(|_| Log::default()).collect();
        Self {
            logs: partition_counts.iter().map(logs).collect(),
            group: Group::new(rebalance_ms, session_ms),
            offsets: Offsets::default(),
            transactions: Transactions::new(producers),
            decided: Vec::new(),
        }
    }

    pub fn log(&self, at: Place) -> &Log {
        &self.logs[at.topic][at.partition as usize]
    }

    pub fn log_mut(&mut self, at: Place) -> &mut Log {
        &mut self.logs[at.topic][at.partition as usize]
    }

    /// Lands a record of a transaction. `false`: the producer is fenced.
    pub fn produce(&mut self, producer: usize, epoch: Epoch, at: Place, record: Stored, now: u64) -> bool {
        if !self.transactions.add_partition(producer, epoch, at, now) {
            return false;
        }
        let record = std::rc::Rc::new(record);
        self.transactions.add_output(producer, at, record.clone());
        self.log_mut(at).append(record, Some(producer), now);
        true
    }

    /// # Errors
    /// The producer or the member is not what it says, or no longer.
    pub fn send_offsets(
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
    pub fn end(&mut self, producer: usize, epoch: Epoch, commit: bool) -> Result<(), EndError> {
        let decided = self.transactions.end(producer, epoch, commit)?;
        self.decided.extend(decided);
        Ok(())
    }

    /// A new epoch; `None`: the old transaction is not settled, ask again.
    pub fn init(&mut self, producer: usize) -> Option<Epoch> {
        let (epoch, decided) = self.transactions.init(producer);
        self.decided.extend(decided);
        epoch
    }

    /// Aborts transactions that are open for too long.
    pub fn expire_transactions(&mut self, now: u64, timeout_ms: u64) -> usize {
        let decided = self.transactions.expire(now, timeout_ms);
        let count = decided.len();
        self.decided.extend(decided);
        count
    }

    /// Writes one marker of one ended transaction. `which` picks among those that are due.
    pub fn write_marker(&mut self, which: usize, now: u64) -> Option<(usize, Option<Place>, bool)> {
        let (producer, at, commit) = self.transactions.take_marker(which)?;
        match at {
            Some(at) => self.log_mut(at).mark(producer, commit, now),
            None => self.offsets.settle(producer, commit),
        }
        Some((producer, at, commit))
    }
}
