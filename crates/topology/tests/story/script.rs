//! A stream thread as a script: one event goes in, and the commands that follow come out as lines. Checks nothing itself.
//!
//! | event | meaning |
//! |---|---|
//! | `assigned 3` | all partitions are assigned, in generation 3 |
//! | `opened`, `stable 4`, `ranges 0..9 0..5`, `restored` | answers: the store is open, the group stands at 4 of the request topic (0 if not said), the changelog and the request topic hold these offsets, the restore has ended |
//! | `unstable` and a reason | nobody knows where the group stands |
//! | `request`, `requests 3`, `again 2` | records are fetched; `again`: the last ones are |
//! | `arrival` | a foreign record is fetched from the internal topic |
//! | `later 2`, `back 5` | the wall clock moves by milliseconds, then comes a tick |
//! | `revoked`, `revoked lost`, `out of range` | the assignment ends, or has ended; the position is not in the log |
//! | `began`, `offered`, `sent`, `committed`, `aborted`, each also with `refused`, `fenced` or `unknown` | a call has ended |
//! | `replaced`, `written`, `restored`, each also with a reason | it has succeeded, or failed for that reason; a producer may also be `refused` |
//! | `cut 5` | the changelog loses its newest records |
//!
//! Lines of commands: see `line`. Commands that only move fetch positions have none.

use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::LogTime;
use otp_topology::state::{Family, LocalKey, MemoryStore, StateStore, StoreKey, WriteBatch};
use otp_topology::task::Counters;
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    AssignmentId, Call, CallOutcome, Command, Event, Fetch, Limits, NoProducer, OffsetRange, OffsetRanges,
    Question, ReadFrom, RecoveryUnit, Refusal, RefusedScope, StoreOperation, StreamThread, ThreadReport,
};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{BARRIERS, House, START_MS, send};

/// One stream thread with one task.
pub(crate) struct Script {
    pub topology: Arc<Topology>,
    pub thread: StreamThread<MemoryStore>,
    pub store: MemoryStore,
    pub now: LogTime,
    /// The latest assignment in which the task was opened.
    pub assignment: AssignmentId,
    /// Where the changelog goes on.
    changelog_next: i64,
    /// Where reading began.
    pub read_from: Vec<ReadFrom>,
    /// What the reports of commits counted.
    pub counted: Counters,
    /// Up to where the internal topic may be purged, for each question.
    pub purged: Vec<i64>,
    offset: i64,
}

/// The store of a service that has finished its first start, up to this changelog offset.
pub(crate) fn store_at(changelog_next: i64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = WriteBatch::default();
    batch.put(LocalKey::Partitions.key().as_bytes(), &1_i64.to_be_bytes());
    batch.put(LocalKey::Incarnation.key().as_bytes(), &[7; 16]);
    batch.put(LocalKey::ChangelogNext.key().as_bytes(), &changelog_next.to_be_bytes());
    batch.put(LocalKey::WrittenAt.key().as_bytes(), &START_MS.to_be_bytes());
    for barrier in BARRIERS {
        batch.put(StoreKey::new(Family::Barrier, barrier.as_bytes()).as_bytes(), &[1]);
    }
    store.write(&batch).expect("memory does not fail");
    store
}

pub(crate) fn with(store: MemoryStore, key: &StoreKey, value: Option<&[u8]>) -> MemoryStore {
    store.write(&[(key.as_bytes(), value)].into_iter().collect()).expect("memory does not fail");
    store
}

impl Script {
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self::with_limits(store, Limits { records_per_commit_max: 1, ..Limits::default() })
    }

    /// Without sweeps and purges.
    pub(crate) fn with_limits(store: MemoryStore, limits: Limits) -> Self {
        let never = Limits { sweep_interval_ms: u64::MAX, purge_interval_ms: u64::MAX, ..limits };
        Self::with_timers(store, never)
    }

    pub(crate) fn with_timers(store: MemoryStore, limits: Limits) -> Self {
        let topology = House::new(1).topology;
        let thread = StreamThread::new(topology.clone(), limits);
        let now = LogTime::from_ms(START_MS);
        let (assignment, read_from) = (AssignmentId(0), Vec::new());
        let (counted, purged) = (Counters::default(), Vec::new());
        let changelog_next = 9;
        Self {
            topology,
            thread,
            store,
            now,
            assignment,
            changelog_next,
            read_from,
            counted,
            purged,
            offset: 0,
        }
    }

    /// Delivers an event. Returns the lines of the commands that follow.
    pub(crate) fn tell(&mut self, event: &str) -> Vec<String> {
        let (name, rest) = event.split_once(' ').unwrap_or((event, ""));
        let event = self.event(name, rest);
        self.thread.on(event, self.now);
        let mut lines = Vec::new();
        while let Some(command) = self.thread.next_command() {
            match &command {
                Command::Store(
                    StoreOperation::Open { assignment, .. } | StoreOperation::Wipe { assignment, .. },
                ) => self.assignment = *assignment,
                Command::Store(StoreOperation::Write { batch, .. }) => {
                    self.store.write(batch).expect("memory does not fail");
                }
                Command::Fetch(Fetch::Resume(starts)) => self.read_from.extend(starts),
                Command::Report(ThreadReport::Committed { counters, .. }) => {
                    self.counted.take_from(&mut counters.clone());
                }
                Command::Ask(Question::Purge { before, .. }) => self.purged.push(*before),
                Command::Fetch(Fetch::Pause(_))
                | Command::Ask(_)
                | Command::CancelQuestions
                | Command::Call(_)
                | Command::Report(_)
                | Command::Fail(_) => {}
            }
            lines.extend(line(&command));
        }
        lines
    }

    fn event(&mut self, name: &str, rest: &str) -> Event<MemoryStore> {
        let (assignment, unit, task) = (self.assignment, RecoveryUnit::Task(0), 0);
        let partitions = all_partitions(&self.topology);
        match name {
            "assigned" => Event::Assigned { partitions, generation: rest.parse().expect("a generation") },
            "opened" => Event::Opened { assignment, task, result: Ok(self.store.clone()) },
            "stable" => {
                let offset = if rest.is_empty() { 0 } else { rest.parse().expect("an offset") };
                let at = |source| if source == self.requests_at() { offset } else { 0 };
                let stable = partitions.into_iter().map(|source| (source, Some(at(source)))).collect();
                Event::StableOffsets { assignment, unit, result: Ok(stable) }
            }
            "unstable" => Event::StableOffsets { assignment, unit, result: Err(rest.to_owned()) },
            "ranges" => Event::OffsetRanges { assignment, unit, result: Ok(self.ranges(rest)) },
            "restored" => Event::Restored { assignment, task, result: result(rest).map(|()| 0) },
            "request" => self.requests(1),
            "requests" => self.requests(rest.parse().expect("a count")),
            "again" => {
                let count = rest.parse().expect("a count");
                self.offset -= count;
                self.requests(count)
            }
            "arrival" => {
                let topic = self.topology.source_of(SourceKind::Repartition).expect("it is always read");
                let mut batch = RecordBatch::default();
                batch.push(SourcePartition { topic, partition: 0 }, 0, self.now, None, None, []);
                Event::Fetched { batch, caught_up: true }
            }
            "later" => {
                self.now = self.now.plus(rest.parse().expect("milliseconds"));
                Event::Tick
            }
            "back" => {
                self.now = LogTime::from_ms(self.now.ms() - rest.parse::<u64>().expect("milliseconds"));
                Event::Tick
            }
            "revoked" => Event::Revoked { lost: rest == "lost" },
            "out" => Event::OutOfRange { source: self.requests_at() },
            "began" => Event::Began(outcome(rest)),
            "offered" => Event::Offered(outcome(rest)),
            "sent" => Event::OffsetsSent(outcome(rest)),
            "committed" => {
                self.changelog_next += if rest.is_empty() { 3 } else { 0 };
                Event::Committed { outcome: outcome(rest), changelog_next: vec![(0, self.changelog_next)] }
            }
            "cut" => {
                self.changelog_next -= rest.parse::<i64>().expect("records");
                Event::Tick
            }
            "aborted" => Event::Aborted(outcome(rest)),
            "replaced" => Event::ProducerReplaced(match rest {
                "" => Ok(()),
                "refused" => Err(NoProducer::Refused("no right".to_owned())),
                reason => Err(NoProducer::Failed(reason.to_owned())),
            }),
            "written" => Event::Written { task, result: result(rest) },
            other => panic!("no event {other}"),
        }
    }

    /// `start..end` of the changelog, and of the request topic if given. All other partitions are empty.
    fn ranges(&self, text: &str) -> OffsetRanges {
        let (changelog, requests) = text.split_once(' ').unwrap_or((text, "0..0"));
        let requests_at = self.requests_at();
        let sources = all_partitions(&self.topology).into_iter().map(|source| {
            let is_requests = source == requests_at;
            (source, range(if is_requests { requests } else { "0..0" }))
        });
        OffsetRanges { changelog: range(changelog), sources: sources.collect() }
    }

    pub(crate) fn requests_at(&self) -> SourcePartition {
        let topic = self.topology.source_of(SourceKind::Requests(0)).expect("a caller");
        SourcePartition { topic, partition: 0 }
    }

    /// The next requests.
    fn requests(&mut self, count: i64) -> Event<MemoryStore> {
        let mut batch = RecordBatch::default();
        let body = send("9123456789").to_string();
        for _ in 0..count {
            batch.push(self.requests_at(), self.offset, self.now, None, Some(body.as_bytes()), []);
            self.offset += 1;
        }
        Event::Fetched { batch, caught_up: true }
    }
}

fn range(text: &str) -> OffsetRange {
    let (start, end) = text.split_once("..").expect("start..end");
    let number = |text: &str| text.parse().expect("an offset");
    OffsetRange { start: number(start), end: number(end) }
}

fn outcome(text: &str) -> CallOutcome {
    match text {
        "" => CallOutcome::Done,
        "refused" => CallOutcome::Refused(Refusal {
            scope: RefusedScope::Everything,
            reason: "a broker said so".to_owned(),
        }),
        "fenced" => CallOutcome::FencedByGroup,
        "unknown" => CallOutcome::Unknown("timed out".to_owned()),
        other => panic!("no outcome {other}"),
    }
}

fn result(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Err(text.to_owned()) }
}

fn line(command: &Command) -> Option<String> {
    Some(match command {
        Command::Fetch(Fetch::Resume(_) | Fetch::Pause(_)) => return None,
        Command::Ask(question) => match question {
            Question::StableOffsets { .. } => "ask stable".to_owned(),
            Question::OffsetRanges { .. } => "ask ranges".to_owned(),
            Question::Restore { from, bound, .. } => format!("restore {from}..{bound}"),
            Question::InputEnds { .. } | Question::Purge { .. } => return None,
        },
        Command::CancelQuestions => "cancel questions".to_owned(),
        Command::Call(call) => match call {
            Call::Begin => "begin".to_owned(),
            Call::Offer => "offer".to_owned(),
            Call::SendOffsets { generation, offsets } if !offsets.is_empty() => {
                format!("send offsets under {generation}")
            }
            Call::SendOffsets { .. } => "send nothing".to_owned(),
            Call::Commit => "commit".to_owned(),
            Call::Abort => "abort".to_owned(),
            Call::ReplaceProducer => "replace producer".to_owned(),
        },
        Command::Store(StoreOperation::Open { .. }) => "open".to_owned(),
        Command::Store(StoreOperation::Wipe { .. }) => "wipe".to_owned(),
        Command::Store(StoreOperation::Write { .. }) => "write".to_owned(),
        Command::Report(report) => return report_line(report),
        Command::Fail(_) => "fail".to_owned(),
    })
}

fn report_line(report: &ThreadReport) -> Option<String> {
    match report {
        ThreadReport::TaskReady { .. } => Some("ready".to_owned()),
        ThreadReport::TaskFailed { reason, .. } => Some(format!("task failed: {reason}")),
        ThreadReport::Wiped { .. } => Some("report: wiped".to_owned()),
        ThreadReport::Lost { records, .. } => Some(format!("report: {records} lost")),
        ThreadReport::Refused { units, .. } => Some(format!("refused: {}", units.len())),
        ThreadReport::RefusalOver { units } => Some(format!("refusal over: {units}")),
        ThreadReport::Misassigned { reason } => Some(format!("misassigned: {reason}")),
        ThreadReport::Committed { .. }
        | ThreadReport::Fenced
        | ThreadReport::UnknownOutcome { .. }
        | ThreadReport::PositionsVoid { .. } => None,
    }
}

pub(crate) type Step<'a> = (&'a str, &'a [&'a str]);

pub(crate) const ASSIGNED: [Step<'_>; 3] =
    [("assigned 3", &["open"]), ("opened", &["ask stable"]), ("stable", &["ask ranges"])];
pub(crate) const READY: [Step<'_>; 5] =
    [ASSIGNED[0], ASSIGNED[1], ASSIGNED[2], ("ranges 0..9", &["restore 7..9"]), ("restored", &["ready"])];
pub(crate) const ASKED: [Step<'_>; 4] = [
    ("request", &["begin"]),
    ("began", &["offer"]),
    ("offered", &["send offsets under 3"]),
    ("sent", &["commit"]),
];

/// Runs a script. An expected line that ends in `…` is a part of the command's line.
pub(crate) fn check(store: MemoryStore, steps: &[&[Step<'_>]]) -> Script {
    check_script(Script::new(store), steps)
}

pub(crate) fn check_script(mut script: Script, steps: &[&[Step<'_>]]) -> Script {
    for (at, (event, expected)) in steps.concat().into_iter().enumerate() {
        let lines = script.tell(event);
        let same = lines.len() == expected.len()
            && lines.iter().zip(expected).all(|(line, expected)| match expected.strip_suffix('…') {
                Some(part) => line.contains(part),
                None => line == expected,
            });
        assert!(same, "step {at}, {event}: expected {expected:?}, found {lines:#?}");
    }
    script
}
