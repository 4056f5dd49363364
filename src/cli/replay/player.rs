//! Plays lines: fills absent members with defaults, feeds the record to the topology, and prints the committed records as
//! lines.
//!
//! Reads and writes no file.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::deployment::{SourceKind, Topology};
use otp_topology::otp::LogTime;
use otp_topology::thread::in_memory::{Fed, InMemory, Published};
use otp_topology::wire::outbox::OutputTopic;
use otp_topology::wire::record::{SourcePartition, SourceTopic};

use super::kcat::{self, Line, LineRecord, OutputLine};
use super::mask::Mask;

/// The last millisecond of the year 9999. Events carry their time in RFC 3339, which has no later years.
const TIME_MS_MAX: u64 = 253_402_300_799_999;

/// What stands in the place of a secret header.
const HIDDEN: &[u8] = b"***";

pub(super) struct Options {
    /// Prints an acknowledgement after the output of each line.
    pub ack: bool,
    /// Also prints records of the changelog and the repartition topic.
    pub internal: bool,
    pub mask: Option<Mask>,
}

/// Why the replay stops at a line. Holds nothing of the line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The line is bad. The text continues "line N".
    Line(String),
    /// The topology failed.
    Engine(String),
}

pub(super) struct Player {
    topology: Arc<Topology>,
    memory: InMemory,
    options: Options,
    /// The next offset of each source partition.
    next: BTreeMap<SourcePartition, i64>,
    /// The time of the previous line.
    time: Option<LogTime>,
    /// How many lines were skipped because of their offsets, and the number of the first.
    skipped: Option<(u64, u64)>,
}

impl Player {
    pub(super) fn new(topology: Arc<Topology>, options: Options) -> Self {
        let memory = InMemory::start(topology.clone(), LogTime::default());
        Self { topology, memory, options, next: BTreeMap::new(), time: None, skipped: None }
    }

    /// What to say of the lines that were skipped, if there were any.
    pub(super) fn skipped(&self) -> Option<String> {
        let (count, first) = self.skipped?;
        Some(format!(
            "note: {count} lines were skipped, line {first} the first: their offsets are not above those of earlier lines of \
             their partitions. `--sort` puts lines in order; the same record twice stays skipped"
        ))
    }

    /// Plays a line, and appends its output to `out`. `clock` gives the time if neither this line nor an earlier one does.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(super) fn line(
        &mut self,
        number: u64,
        line: &[u8],
        clock: impl FnOnce() -> LogTime,
        out: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let published = match kcat::decode(line).map_err(|bad| Stop::Line(bad.to_string()))? {
            None => return Ok(()),
            Some(Line::Time(time)) => {
                self.time = Some(in_range(time)?);
                self.memory.pass_time(time)
            }
            Some(Line::Record(record)) => self.record(number, record, clock)?,
        };
        for record in &published {
            self.print(record, out);
        }
        if let Some(reason) = self.memory.failure() {
            return Err(Stop::Engine(reason.to_owned()));
        }
        if self.options.ack {
            out.extend_from_slice(format!("{{\"ack\":{number}}}\n").as_bytes());
        }
        Ok(())
    }

    fn record(
        &mut self,
        number: u64,
        line: LineRecord<'_>,
        clock: impl FnOnce() -> LogTime,
    ) -> Result<Vec<Published>, Stop> {
        let topic = self.source_topic(&line.topic)?;
        let time = in_range(line.timestamp.or(self.time).unwrap_or_else(clock))?;
        self.time = Some(time);
        let mut record = Fed {
            source: SourcePartition { topic, partition: 0 },
            offset: 0,
            time,
            key: line.key.map(|it| it.into_owned()),
            value: line.payload.map(|it| it.into_owned()),
            headers: line
                .headers
                .into_iter()
                .map(|(name, value)| (name.into_owned(), value.map(|it| it.into_owned())))
                .collect(),
        };
        record.source.partition = line.partition.or_else(|| self.memory.home_of(&record)).unwrap_or(0);
        let next = self.next.entry(record.source).or_default();
        record.offset = line.offset.unwrap_or(*next);
        if record.offset < *next {
            let (count, first) = self.skipped.unwrap_or((0, number));
            self.skipped = Some((count + 1, first));
            return Ok(Vec::new());
        }
        *next = record.offset.checked_add(1).ok_or_else(|| {
            Stop::Line("has an `offset` without a next one; it must be below 9223372036854775807".to_owned())
        })?;
        Ok(self.memory.feed(&record, time))
    }

    fn source_topic(&self, name: &str) -> Result<SourceTopic, Stop> {
        let named = self.topology.source_named(name);
        match named.map(|topic| (topic, self.topology.source(topic).kind)) {
            Some((
                topic,
                SourceKind::Requests(_)
                | SourceKind::Directory
                | SourceKind::Admin
                | SourceKind::Broadcast(_),
            )) => Ok(topic),
            Some((_, SourceKind::Repartition)) | None => {
                let sources = self.topology.sources.iter();
                let names =
                    sources.filter(|it| it.kind != SourceKind::Repartition).map(|it| it.name.as_str());
                let names: Vec<_> = names.collect();
                Err(Stop::Line(format!(
                    "names no source topic; `topic` must be one of: {}",
                    names.join(", ")
                )))
            }
        }
    }

    fn print(&self, record: &Published, out: &mut Vec<u8>) {
        if !self.options.internal && self.is_internal(record.topic) {
            return;
        }
        let name = &self.topology.output(record.topic).name;
        let masked = match (&self.options.mask, &record.value) {
            (Some(mask), Some(value)) => mask.payload(name, value),
            (None, _) | (_, None) => None,
        };
        let line = OutputLine {
            topic: name,
            partition: record.partition,
            offset: record.offset,
            timestamp: record.time,
            key: record.key.as_deref(),
            payload: masked.as_deref().or(record.value.as_deref()),
        };
        let hides = |header: &str| self.options.mask.as_ref().is_some_and(|it| it.hides_header(name, header));
        let headers = record.headers.iter().map(|(header, value)| {
            let value = if hides(header) { Some(HIDDEN) } else { value.as_deref() };
            (header.as_str(), value)
        });
        kcat::encode(out, line, headers);
    }

    fn is_internal(&self, topic: OutputTopic) -> bool {
        topic == self.topology.changelog || topic == self.topology.repartition
    }
}

fn in_range(time: LogTime) -> Result<LogTime, Stop> {
    if time.ms() > TIME_MS_MAX {
        return Err(Stop::Line("has a `ts` after the year 9999; it must be epoch milliseconds".to_owned()));
    }
    Ok(time)
}
