//! The transaction coordinator: epochs, outcomes, and markers that are not yet written.

use std::collections::BTreeSet;
use std::rc::Rc;

use otp_topology::wire::record::SourcePartition;

use super::{StoredRecord, TopicPartition};

pub(crate) type Epoch = i32;

/// A transaction whose outcome is logged and therefore final.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecidedTransaction {
    pub producer: usize,
    pub commit: bool,
    /// When the auditor got it, in true time.
    pub at: u64,
    pub offsets: Vec<(SourcePartition, i64)>,
    /// In the order in which they were appended.
    pub outputs: Vec<(TopicPartition, Rc<StoredRecord>)>,
    /// For the auditor: the records that the transaction processed, in order.
    pub reads: Vec<(SourcePartition, i64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndError {
    /// An old epoch.
    Fenced,
    /// It ended with the other outcome before.
    Contrary,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Empty,
    Ongoing {
        began_at: u64,
    },
    /// The outcome is logged; the markers in `left` are not written. `None`: the marker of the offsets topic.
    Ending {
        commit: bool,
        left: Vec<Option<TopicPartition>>,
    },
}

#[derive(Clone, Debug, Default)]
struct Producer {
    epoch: Epoch,
    state: State,
    partitions: BTreeSet<TopicPartition>,
    has_group: bool,
    ended: Option<bool>,
    body: DecidedTransaction,
}

pub(crate) struct Transactions {
    producers: Vec<Producer>,
}

impl Transactions {
    pub(crate) fn new(producers: usize) -> Self {
        Self { producers: (0..producers).map(|_| Producer::default()).collect() }
    }

    /// Whether markers of the last transaction are missing, so that the producer cannot begin another one.
    pub(crate) fn is_ending(&self, producer: usize) -> bool {
        matches!(self.producers[producer].state, State::Ending { .. })
    }

    pub(crate) fn are_all_settled(&self) -> bool {
        self.producers.iter().all(|producer| matches!(producer.state, State::Empty))
    }

    pub(crate) fn add_partition(
        &mut self,
        producer: usize,
        epoch: Epoch,
        at: TopicPartition,
        now: u64,
    ) -> bool {
        self.begin(producer, epoch, now) && {
            self.producers[producer].partitions.insert(at);
            true
        }
    }

    pub(crate) fn add_group(&mut self, producer: usize, epoch: Epoch, now: u64) -> bool {
        self.begin(producer, epoch, now) && {
            self.producers[producer].has_group = true;
            true
        }
    }

    pub(crate) fn add_output(&mut self, producer: usize, at: TopicPartition, record: Rc<StoredRecord>) {
        self.producers[producer].body.outputs.push((at, record));
    }

    pub(crate) fn add_offsets(&mut self, producer: usize, offsets: &[(SourcePartition, i64)]) {
        self.producers[producer].body.offsets.extend_from_slice(offsets);
    }

    /// For the auditor.
    pub(crate) fn set_reads(&mut self, producer: usize, reads: &[(SourcePartition, i64)]) {
        self.producers[producer].body.reads = reads.to_vec();
    }

    /// # Errors
    /// See [`EndError`].
    pub(crate) fn end(
        &mut self,
        producer: usize,
        epoch: Epoch,
        commit: bool,
    ) -> Result<Option<DecidedTransaction>, EndError> {
        let it = &mut self.producers[producer];
        if it.epoch != epoch {
            return Err(EndError::Fenced);
        }
        match it.state {
            State::Ongoing { .. } => Ok(Some(it.decide(producer, commit))),
            State::Ending { commit: ended, .. } if ended == commit => Ok(None),
            State::Empty if it.ended.is_none_or(|ended| ended == commit) => Ok(None),
            State::Ending { .. } | State::Empty => Err(EndError::Contrary),
        }
    }

    pub(crate) fn init(&mut self, producer: usize) -> (Option<Epoch>, Option<DecidedTransaction>) {
        let it = &mut self.producers[producer];
        match it.state {
            State::Empty => {
                it.epoch += 1;
                it.ended = None;
                (Some(it.epoch), None)
            }
            State::Ongoing { .. } => {
                it.epoch += 1;
                (None, Some(it.decide(producer, false)))
            }
            State::Ending { .. } => (None, None),
        }
    }

    pub(crate) fn expire(&mut self, now: u64, timeout_ms: u64) -> Vec<DecidedTransaction> {
        let mut decided = Vec::new();
        for (number, it) in self.producers.iter_mut().enumerate() {
            if matches!(it.state, State::Ongoing { began_at } if now.saturating_sub(began_at) > timeout_ms) {
                it.epoch += 1;
                decided.push(it.decide(number, false));
            }
        }
        decided
    }

    /// One of the markers that can be written; `which` chooses.
    pub(crate) fn take_marker(
        &mut self,
        which: usize,
        is_writable: impl Fn(Option<TopicPartition>) -> bool,
    ) -> Option<(usize, Option<TopicPartition>, bool)> {
        let mut due = Vec::new();
        for (number, it) in self.producers.iter().enumerate() {
            if let State::Ending { left, .. } = &it.state {
                let writable = left.iter().enumerate().filter(|(_, at)| is_writable(**at));
                due.extend(writable.map(|(index, _)| (number, index)));
            }
        }
        let (number, index) = *due.get(which.checked_rem(due.len())?)?;
        let it = &mut self.producers[number];
        let State::Ending { commit, left } = &mut it.state else {
            unreachable!("it has a marker");
        };
        let (at, commit) = (left.swap_remove(index), *commit);
        if left.is_empty() {
            it.state = State::Empty;
        }
        Some((number, at, commit))
    }

    pub(crate) fn has_markers(&self) -> bool {
        self.producers.iter().any(|it| it.markers_left() > 0)
    }

    fn begin(&mut self, producer: usize, epoch: Epoch, now: u64) -> bool {
        let it = &mut self.producers[producer];
        if it.epoch != epoch {
            return false;
        }
        match it.state {
            State::Empty => {
                it.state = State::Ongoing { began_at: now };
                it.ended = None;
                true
            }
            State::Ongoing { .. } => true,
            // The client checks `is_ending` before.
            State::Ending { .. } => false,
        }
    }
}

impl Producer {
    fn markers_left(&self) -> usize {
        match &self.state {
            State::Ending { left, .. } => left.len(),
            State::Empty | State::Ongoing { .. } => 0,
        }
    }

    fn decide(&mut self, number: usize, commit: bool) -> DecidedTransaction {
        let mut left: Vec<Option<TopicPartition>> =
            std::mem::take(&mut self.partitions).into_iter().map(Some).collect();
        if std::mem::take(&mut self.has_group) {
            left.push(None);
        }
        self.state = if left.is_empty() { State::Empty } else { State::Ending { commit, left } };
        self.ended = Some(commit);
        let body = std::mem::take(&mut self.body);
        DecidedTransaction { producer: number, commit, ..body }
    }
}
