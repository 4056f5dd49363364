//! A stream thread as a script: an event in, the commands that follow it as lines. Judges nothing itself.

use std::sync::Arc;

use otp_topology::otp::LogTime;
use otp_topology::state::{Family, MemoryStore, StateStore, StoreKey, WriteBatch};
use otp_topology::task::{LocalKey, SourceKind, Topology};
use otp_topology::thread::in_memory::all_partitions;
use otp_topology::thread::{
    AssignmentId, Command, Event, Extent, Extents, Limits, Outcome, Report, StreamThread, Unit,
};
use otp_topology::wire::record::{RecordBatch, SourcePartition};

use crate::house::{House, START_MS, send};

/// The key of a request whose answer no transaction can carry.
pub const POISON: &[u8] = b"poison";

/// One task. Every command is logged as a line; those that only move fetch positions are left out.
pub struct Script {
    pub topology: Arc<Topology>,
    pub thread: StreamThread<MemoryStore>,
    pub store: MemoryStore,
    now: LogTime,
    /// As of the last time that a task was taken up.
    pub assignment: AssignmentId,
    offset: i64,
}

/// A store that went through its first start, up to this changelog offset.
pub fn store_at(changelog_next: i64) -> MemoryStore {
    let store = MemoryStore::default();
    let mut batch = WriteBatch::default();
    batch.put(LocalKey::Partitions.key().as_bytes(), &1_i64.to_be_bytes());
    batch.put(LocalKey::Incarnation.key().as_bytes(), &[7; 16]);
    batch.put(LocalKey::ChangelogNext.key().as_bytes(), &changelog_next.to_be_bytes());
    batch.put(LocalKey::WrittenAt.key().as_bytes(), &START_MS.to_be_bytes());
    for mark in ["sent/policies", "sent/templates", "arrived/policies", "arrived/templates"] {
        batch.put(StoreKey::new(Family::Barrier, mark.as_bytes()).as_bytes(), &[1]);
    }
    store.write(&batch).expect("memory does not fail");
    store
}

pub fn with(store: MemoryStore, key: &StoreKey, value: Option<&[u8]>) -> MemoryStore {
    store.write(&[(key.as_bytes(), value)].into_iter().collect()).expect("memory does not fail");
    store
}

impl Script {
    pub fn new(store: MemoryStore) -> Self {
        Self::with_limits(store, Limits { records_per_commit_max: 1, ..Limits::default() })
    }

    pub fn with_limits(store: MemoryStore, limits: Limits) -> Self {
        let topology = House::new(1).topology;
        let limits = Limits { sweep_interval_ms: u64::MAX, purge_interval_ms: u64::MAX, ..limits };
        let thread = StreamThread::new(topology.clone(), limits);
        let now = LogTime::from_ms(START_MS);
        Self { topology, thread, store, now, assignment: AssignmentId(0), offset: 0 }
    }

    /// Tells an event, and gives the lines of what follows.
    pub fn tell(&mut self, event: &str) -> Vec<String> {
        let (name, rest) = event.split_once(' ').unwrap_or((event, ""));
        let event = self.event(name, rest);
        self.thread.on(event, self.now);
        let mut lines = Vec::new();
        while let Some(command) = self.thread.next_command() {
            if let Command::Open { assignment, .. } | Command::Wipe { assignment, .. } = &command {
                self.assignment = *assignment;
            }
            if let Command::Write { batch, .. } = &command {
                self.store.write(batch).expect("memory does not fail");
            }
            lines.extend(line(&command));
        }
        lines
    }

    fn event(&mut self, name: &str, rest: &str) -> Event<MemoryStore> {
        let (assignment, unit, task) = (self.assignment, Unit::Task(0), 0);
        let partitions = all_partitions(&self.topology);
        match name {
            "assigned" => Event::Assigned { partitions, generation: rest.parse().expect("a generation") },
            "opened" => Event::Opened { assignment, task, result: Ok(self.store.clone()) },
            "stable" => {
                let offset = if rest.is_empty() { 0 } else { rest.parse().expect("an offset") };
                let at = |source| if source == self.requests_at() { offset } else { 0 };
                let stable = partitions.into_iter().map(|source| (source, Some(at(source)))).collect();
                Event::Stable { assignment, unit, result: Ok(stable) }
            }
            "extents" => Event::Extents { assignment, unit, result: Ok(self.extents(rest)) },
            "restored" => Event::Restored { assignment, task, result: result(rest).map(|()| 0) },
            "request" => self.requests(&[None]),
            "requests" => self.requests(&vec![None; rest.parse().expect("a count")]),
            "poisoned" => self.requests(&[Some(POISON), None]),
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
            "produced" => Event::Produced(outcome(rest)),
            "sent" => Event::OffsetsSent(outcome(rest)),
            "committed" => Event::Committed { outcome: outcome(rest), changelog_next: vec![(0, 12)] },
            "aborted" => Event::Aborted(outcome(rest)),
            "replaced" => Event::ProducerReplaced(result(rest)),
            "written" => Event::Written { task, result: result(rest) },
            other => panic!("no event {other}"),
        }
    }

    /// `start..end` of the changelog and, if they are said, of the request topic; everything else is empty.
    fn extents(&self, text: &str) -> Extents {
        let (changelog, requests) = text.split_once(' ').unwrap_or((text, "0..0"));
        let requests_at = self.requests_at();
        let sources = all_partitions(&self.topology).into_iter().map(|source| {
            let is_requests = source == requests_at;
            (source, extent(if is_requests { requests } else { "0..0" }))
        });
        Extents { changelog: extent(changelog), sources: sources.collect() }
    }

    pub fn requests_at(&self) -> SourcePartition {
        let topic = self.topology.source_of(SourceKind::Requests(0)).expect("a caller");
        SourcePartition { topic, partition: 0 }
    }

    /// Requests with these keys.
    fn requests(&mut self, keys: &[Option<&[u8]>]) -> Event<MemoryStore> {
        let mut batch = RecordBatch::default();
        let body = send("9123456789").to_string();
        for key in keys {
            batch.push(self.requests_at(), self.offset, self.now, *key, Some(body.as_bytes()), []);
            self.offset += 1;
        }
        Event::Fetched { batch, drained: true }
    }

    /// Whether the transaction answers the request with the key [`POISON`].
    pub fn is_poisoned(&self) -> bool {
        self.thread.outbox().iter().any(|record| record.key() == Some(POISON))
    }
}

fn extent(text: &str) -> Extent {
    let (start, end) = text.split_once("..").expect("start..end");
    let number = |text: &str| text.parse().expect("an offset");
    Extent { start: number(start), end: number(end) }
}

fn outcome(text: &str) -> Outcome {
    match text {
        "" => Outcome::Done,
        "abortable" => Outcome::Abortable("a broker said so".to_owned()),
        "fenced" => Outcome::FencedByGroup,
        "unknown" => Outcome::Unknown("timed out".to_owned()),
        other => panic!("no outcome {other}"),
    }
}

fn result(text: &str) -> Result<(), String> {
    if text.is_empty() { Ok(()) } else { Err(text.to_owned()) }
}

fn line(command: &Command) -> Option<String> {
    Some(match command {
        Command::Open { .. } => "open".to_owned(),
        Command::Wipe { .. } => "wipe".to_owned(),
        Command::AskStable { .. } => "ask stable".to_owned(),
        Command::AskExtents { .. } => "ask extents".to_owned(),
        Command::Restore { from, bound, .. } => format!("restore {from}..{bound}"),
        Command::CancelRecovery => "cancel recovery".to_owned(),
        Command::Suspend { .. } => "suspend".to_owned(),
        Command::Unassign => "unassign".to_owned(),
        Command::Begin => "begin".to_owned(),
        Command::Produce { .. } => "produce".to_owned(),
        Command::SendOffsets { generation, offsets } if !offsets.is_empty() => {
            format!("send offsets under {generation}")
        }
        Command::SendOffsets { .. } => "send nothing".to_owned(),
        Command::Commit => "commit".to_owned(),
        Command::Abort => "abort".to_owned(),
        Command::ReplaceProducer => "replace producer".to_owned(),
        Command::Write { .. } => "write".to_owned(),
        Command::Fail(_) => "fail".to_owned(),
        Command::Report(Report::TaskReady { .. }) => "ready".to_owned(),
        Command::Report(Report::TaskFailed { reason, .. }) => format!("task failed: {reason}"),
        Command::Report(Report::Wiped { .. }) => "say: wiped".to_owned(),
        Command::Report(Report::Lost { records, .. }) => format!("say: {records} lost"),
        Command::Report(Report::Poison { offset, .. }) => format!("say: {offset} is poison"),
        Command::Report(_)
        | Command::Assign(_)
        | Command::Resume(_)
        | Command::Pause(_)
        | Command::Probe { .. }
        | Command::Purge { .. } => return None,
    })
}

pub type Step<'a> = (&'a str, &'a [&'a str]);

pub const ASSIGNED: [Step<'_>; 3] =
    [("assigned 3", &["open"]), ("opened", &["ask stable"]), ("stable", &["ask extents"])];
pub const READY: [Step<'_>; 5] =
    [ASSIGNED[0], ASSIGNED[1], ASSIGNED[2], ("extents 0..9", &["restore 7..9"]), ("restored", &["ready"])];
pub const ASKED: [Step<'_>; 4] = [
    ("request", &["begin"]),
    ("began", &["produce"]),
    ("produced", &["send offsets under 3"]),
    ("sent", &["commit"]),
];

/// A line that ends in `…` says how the command's line begins.
pub fn check(store: MemoryStore, steps: &[&[Step<'_>]]) -> Script {
    check_script(Script::new(store), steps)
}

pub fn check_script(mut script: Script, steps: &[&[Step<'_>]]) -> Script {
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
