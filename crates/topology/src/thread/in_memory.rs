//! A driver without a broker: performs the commands of one stream thread that owns every task, in memory.
//!
//! Nothing fails here and nothing is concurrent. `replay` and the demo's tests read what the real topology does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Command, Event, Extent, Extents, Limits, Outcome, Report, StreamThread, Unit};
use crate::otp::LogTime;
use crate::state::{MemoryStore, StateStore};
use crate::task::{Counters, SourceKind, Topology};
use crate::wire::outbox::{Outgoing, OutputTopic};
use crate::wire::record::{RecordBatch, SourcePartition, SourceTopic};

/// Names and values.
pub type OwnedHeaders = Vec<(String, Option<Vec<u8>>)>;

/// A committed record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub topic: OutputTopic,
    pub partition: i32,
    pub offset: i64,
    pub time: LogTime,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

/// A record to feed in.
#[derive(Clone, Debug)]
pub struct Fed {
    pub source: SourcePartition,
    pub offset: i64,
    pub time: LogTime,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

pub struct InMemory {
    topology: Arc<Topology>,
    thread: StreamThread<MemoryStore>,
    stores: BTreeMap<i32, MemoryStore>,
    /// Of the open transaction.
    open: Vec<Published>,
    published: Vec<Published>,
    ends: BTreeMap<(OutputTopic, i32), i64>,
    /// Committed to the repartition topic and not yet read.
    hop: VecDeque<Published>,
    answers: VecDeque<Event<MemoryStore>>,
    counters: Counters,
    wall: LogTime,
}

impl InMemory {
    /// A thread that owns every partition and has finished its first start, on blank stores.
    pub fn start(topology: Arc<Topology>, wall: LogTime) -> Self {
        let limits = Limits {
            records_per_commit_max: 1,
            commit_interval_min_ms: 0,
            sweep_interval_ms: 0,
            ..Limits::default()
        };
        let partitions = all_partitions(&topology);
        let mut this = Self {
            thread: StreamThread::new(topology.clone(), limits),
            topology,
            stores: BTreeMap::new(),
            open: Vec::new(),
            published: Vec::new(),
            ends: BTreeMap::new(),
            hop: VecDeque::new(),
            answers: VecDeque::new(),
            counters: Counters::default(),
            wall,
        };
        this.tell(Event::Assigned {
            partitions,
            generation: 1,
        });
        this.pump();
        this.published.clear();
        this
    }

    /// Works on one record, and on everything it sets in motion; gives what was committed, in order.
    pub fn feed(&mut self, record: &Fed, wall: LogTime) -> Vec<Published> {
        self.wall = wall;
        let mut batch = RecordBatch::default();
        let headers = record
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()));
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        batch.push(record.source, record.offset, record.time, key, value, headers);
        self.tell(Event::Fetched { batch, drained: true });
        self.pump();
        std::mem::take(&mut self.published)
    }

    /// All inputs are known to be empty at this time: the sweep runs up to it.
    pub fn pass_time(&mut self, wall: LogTime) -> Vec<Published> {
        self.wall = wall;
        // The first tick asks for the ends of the inputs, the second sweeps up to the answer.
        for _ in 0..2 {
            self.tell(Event::Tick);
            self.pump();
        }
        std::mem::take(&mut self.published)
    }

    /// What was counted as done since the last call.
    pub fn take_counters(&mut self) -> Counters {
        std::mem::take(&mut self.counters)
    }

    fn tell(&mut self, event: Event<MemoryStore>) {
        self.thread.on(event, self.wall);
        loop {
            while let Some(command) = self.thread.next_command() {
                if let Some(answer) = self.perform(command) {
                    self.answers.push_back(answer);
                }
            }
            let Some(answer) = self.answers.pop_front() else {
                return;
            };
            self.thread.on(answer, self.wall);
        }
    }

    /// Hands records of the repartition topic back in until nothing moves.
    fn pump(&mut self) {
        let topic = self
            .topology
            .source_of(SourceKind::Repartition)
            .expect("every topology has one");
        while let Some(record) = self.hop.pop_front() {
            let mut batch = RecordBatch::default();
            let headers = record
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref()));
            let source = SourcePartition {
                topic,
                partition: record.partition,
            };
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            batch.push(source, record.offset, record.time, key, value, headers);
            self.tell(Event::Fetched { batch, drained: true });
        }
    }

    fn perform(&mut self, command: Command) -> Option<Event<MemoryStore>> {
        Some(match command {
            Command::Open { assignment, task } | Command::Wipe { assignment, task } => {
                let store = self.stores.entry(task).or_default().clone();
                Event::Opened {
                    assignment,
                    task,
                    result: Ok(store),
                }
            }
            Command::AskStable {
                assignment,
                unit,
                sources,
            } => {
                let stable = sources.into_iter().map(|source| (source, None)).collect();
                Event::Stable {
                    assignment,
                    unit,
                    result: Ok(stable),
                }
            }
            Command::AskExtents {
                assignment,
                unit,
                sources,
            } => Event::Extents {
                assignment,
                unit,
                result: Ok(self.extents(unit, sources)),
            },
            Command::Restore { assignment, task, .. } => Event::Restored {
                assignment,
                task,
                result: Ok(0),
            },
            Command::Probe {
                assignment,
                asked_at,
                sources,
            } => Event::Probed {
                assignment,
                asked_at,
                ends: sources.into_iter().map(|source| (source, 0)).collect(),
            },
            Command::Begin => Event::Began(Outcome::Done),
            Command::Produce { from } => {
                self.open.extend(
                    self.thread
                        .outbox()
                        .iter_from(from)
                        .map(|record| owned(record, self.wall)),
                );
                Event::Produced(Outcome::Done)
            }
            Command::SendOffsets { .. } => Event::OffsetsSent(Outcome::Done),
            Command::Commit => self.commit(),
            Command::Abort => {
                self.open.clear();
                Event::Aborted(Outcome::Done)
            }
            Command::ReplaceProducer => Event::ProducerReplaced(Ok(())),
            Command::Write { task, batch } => {
                let result = self.stores.entry(task).or_default().write(&batch);
                Event::Written {
                    task,
                    result: result.map_err(|error| error.to_string()),
                }
            }
            Command::Report(report) => {
                if let Report::Committed { mut counters, .. } = report {
                    self.counters.take_from(&mut counters);
                }
                return None;
            }
            Command::Assign(_)
            | Command::Unassign
            | Command::Resume(_)
            | Command::Pause(_)
            | Command::CancelRecovery
            | Command::Suspend { .. }
            | Command::Purge { .. }
            | Command::Fail(_) => return None,
        })
    }

    fn commit(&mut self) -> Event<MemoryStore> {
        for mut record in self.open.drain(..) {
            let end = self.ends.entry((record.topic, record.partition)).or_default();
            record.offset = *end;
            *end += 1;
            if record.topic == self.topology.repartition {
                self.hop.push_back(record.clone());
            }
            self.published.push(record);
        }
        let changelog = self
            .ends
            .iter()
            .filter(|((topic, _), _)| *topic == self.topology.changelog);
        let changelog_next = changelog
            .map(|((_, partition), end)| (*partition, *end))
            .collect();
        Event::Committed {
            outcome: Outcome::Done,
            changelog_next,
        }
    }

    fn extents(&self, unit: Unit, sources: Vec<SourcePartition>) -> Extents {
        let empty = Extent { start: 0, end: 0 };
        let end = match unit {
            Unit::Task(task) => self
                .ends
                .get(&(self.topology.changelog, task))
                .copied()
                .unwrap_or(0),
            Unit::Forwarder(_) => 0,
        };
        let sources = sources.into_iter().map(|source| (source, empty)).collect();
        Extents {
            changelog: Extent { start: 0, end },
            sources,
        }
    }
}

/// Every partition of every source topic.
pub fn all_partitions(topology: &Topology) -> Vec<SourcePartition> {
    let of = |(at, count): (usize, i32)| {
        let topic = SourceTopic(u16::try_from(at).expect("few topics"));
        (0..count).map(move |partition| SourcePartition { topic, partition })
    };
    topology
        .sources
        .iter()
        .map(|source| source.partitions)
        .enumerate()
        .flat_map(of)
        .collect()
}

fn owned(record: Outgoing<'_>, time: LogTime) -> Published {
    Published {
        topic: record.topic(),
        partition: record.partition(),
        offset: 0,
        time,
        key: record.key().map(<[u8]>::to_vec),
        value: record.value().map(<[u8]>::to_vec),
        headers: record
            .headers()
            .map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec)))
            .collect(),
    }
}
