//! Records as they were fetched. A batch is one arena, so that a record costs no allocation of its own.
//!
//! `Debug` shows coordinates and sizes, never keys, values or headers: requests carry codes and phone numbers.

use std::fmt;

pub use super::arena::Headers;
use super::arena::{Arena, Span};
use super::json::JsonError;
use crate::otp::LogTime;

/// A source topic: its index in the topology's list of source topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceTopic(pub u16);

/// A partition of a source topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourcePartition {
    pub topic: SourceTopic,
    pub partition: i32,
}

/// Under which leader of its partition a record was written. After an unclean leader election another record may have the
/// same offset; it has a later epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaderEpoch(pub i32);

/// One fetched record, borrowed from its batch.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub source: SourcePartition,
    pub offset: i64,
    /// `None`: the log does not say it.
    pub leader_epoch: Option<LeaderEpoch>,
    pub timestamp: LogTime,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Why the value, as it was fetched, cannot become JSON. `None`: it is JSON, as far as its format says.
    pub undecodable: Option<JsonError>,
    pub headers: Headers<'a>,
}

#[derive(Clone, Debug)]
struct Entry {
    source: SourcePartition,
    offset: i64,
    leader_epoch: Option<LeaderEpoch>,
    timestamp: LogTime,
    key: Option<Span>,
    value: Option<Span>,
    undecodable: Option<JsonError>,
    headers: Span,
}

/// Fetched records in the order of the fetch. At most 4 GiB.
#[derive(Clone, Default)]
pub struct RecordBatch {
    arena: Arena,
    entries: Vec<Entry>,
}

impl RecordBatch {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn size_bytes(&self) -> usize {
        self.arena.size_bytes()
    }

    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
    }

    /// Adds a record; `headers` yields names and values.
    pub fn push<'h>(
        &mut self,
        source: SourcePartition,
        offset: i64,
        timestamp: LogTime,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let key = key.map(|bytes| self.arena.copy(bytes));
        let value = value.map(|bytes| self.arena.copy(bytes));
        let headers = self.arena.add_headers(headers);
        let (leader_epoch, undecodable) = (None, None);
        self.entries.push(Entry {
            source,
            offset,
            leader_epoch,
            timestamp,
            key,
            value,
            undecodable,
            headers,
        });
    }

    /// Says under which leader the last record was written.
    pub fn set_leader_epoch(&mut self, epoch: Option<LeaderEpoch>) {
        if let Some(entry) = self.entries.last_mut() {
            entry.leader_epoch = epoch;
        }
    }

    /// Says that the value of the last record cannot become JSON, and why.
    pub fn set_undecodable(&mut self, error: Option<JsonError>) {
        if let Some(entry) = self.entries.last_mut() {
            entry.undecodable = error;
        }
    }

    /// The record at index `at`.
    ///
    /// # Panics
    /// The batch has no such record.
    pub fn get(&self, at: usize) -> Record<'_> {
        let entry = &self.entries[at];
        let slice = |span: Span| self.arena.slice(span);
        Record {
            source: entry.source,
            offset: entry.offset,
            leader_epoch: entry.leader_epoch,
            timestamp: entry.timestamp,
            key: entry.key.map(slice),
            value: entry.value.map(slice),
            undecodable: entry.undecodable,
            headers: self.arena.headers(entry.headers),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Keeps the records that `keep` accepts by their source partition and offset, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(SourcePartition, i64) -> bool) {
        self.entries.retain(|entry| keep(entry.source, entry.offset));
    }

    /// Moves the records of another batch behind these.
    pub fn append(&mut self, mut other: Self) {
        if self.is_empty() && self.arena.must_grow_for(&other.arena) {
            *self = other;
            return;
        }
        let (bytes, headers) = self.arena.append(&mut other.arena);
        self.entries.extend(other.entries.into_iter().map(|entry| Entry {
            key: entry.key.map(&bytes),
            value: entry.value.map(&bytes),
            headers: headers(entry.headers),
            ..entry
        }));
    }

    /// Removes and returns the first `count` records. The others are copied into new memory.
    pub fn split_to(&mut self, count: usize) -> Self {
        let mut rest = Self::default();
        for at in count..self.len() {
            let Record { source, offset, leader_epoch, timestamp, key, value, undecodable, headers } =
                self.get(at);
            rest.push(source, offset, timestamp, key, value, headers.iter());
            rest.set_leader_epoch(leader_epoch);
            rest.set_undecodable(undecodable);
        }
        let mut first = std::mem::replace(self, rest);
        first.entries.truncate(count);
        first
    }
}

impl fmt::Debug for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("source", &self.source)
            .field("offset", &self.offset)
            .field("leader_epoch", &self.leader_epoch)
            .field("timestamp", &self.timestamp)
            .field("key_len", &self.key.map(<[u8]>::len))
            .field("value_len", &self.value.map(<[u8]>::len))
            .field("undecodable", &self.undecodable)
            .field("headers", &self.headers)
            .finish()
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Headers({})", self.len())
    }
}

impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordBatch({} records, {} bytes)", self.len(), self.size_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(topic: u16, partition: i32) -> SourcePartition {
        SourcePartition { topic: SourceTopic(topic), partition }
    }

    fn batch() -> RecordBatch {
        let mut batch = RecordBatch::default();
        let at = LogTime::from_ms;
        let headers: [(&str, Option<&[u8]>); 3] = [("a", Some(b"1")), ("b", None), ("a", Some(b"\xff"))];
        batch.push(source(0, 3), 10, at(100), Some(b"key"), Some(b"9123456789"), headers);
        batch.set_leader_epoch(Some(LeaderEpoch(7)));
        batch.push(source(1, 3), 20, at(200), None, Some(b""), []);
        batch.set_undecodable(Some(JsonError::NotAvro));
        batch.push(source(0, 4), 30, at(300), Some(b""), None, [("b", Some(&b"x"[..]))]);
        batch
    }

    #[test]
    fn records_are_read_as_they_were_pushed() {
        let batch = batch();
        let check = |at: usize, offset: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: usize| {
            let record = batch.get(at);
            assert_eq!((record.offset, record.key, record.value), (offset, key, value));
            assert_eq!(record.headers.iter().count(), headers);
        };
        check(0, 10, Some(b"key"), Some(b"9123456789"), 3);
        check(1, 20, None, Some(b""), 0);
        check(2, 30, Some(b""), None, 1);
        assert_eq!((batch.len(), batch.size_bytes()), (3, 20));
        assert_eq!(batch.iter().map(|it| it.timestamp.ms()).collect::<Vec<_>>(), [100, 200, 300]);
    }

    #[test]
    fn an_appended_batch_keeps_everything() {
        let lines = |batch: &RecordBatch| -> Vec<String> { batch.iter().map(|it| whole(&it)).collect() };
        let expected = lines(&batch());
        let mut filled = RecordBatch::default();
        let headers: [(&str, Option<&[u8]>); 1] = [("other", Some(b"header"))];
        filled.push(source(5, 5), 1, LogTime::default(), Some(b"another"), Some(b"value"), headers);
        let first = lines(&filled);
        filled.append(batch());
        assert_eq!(lines(&filled), [first, expected.clone()].concat());
        let mut empty = RecordBatch::default();
        empty.append(batch());
        assert_eq!(lines(&empty), expected);
        // With memory of its own.
        filled.clear();
        filled.append(batch());
        assert_eq!(lines(&filled), expected);
    }

    fn whole(record: &Record<'_>) -> String {
        let Record { source, offset, leader_epoch, timestamp, key, value, undecodable, headers } = record;
        let headers: Vec<_> = headers.iter().collect();
        format!(
            "{source:?} {offset} {leader_epoch:?} {timestamp:?} {key:?} {value:?} {undecodable:?} {headers:?}"
        )
    }

    #[test]
    fn of_headers_of_one_name_the_last_counts() {
        let batch = batch();
        let headers = batch.get(0).headers;
        assert_eq!(headers.last("a"), Some(&b"\xff"[..]));
        assert_eq!(headers.last("b"), None);
        assert_eq!(headers.last("c"), None);
        assert_eq!(batch.get(2).headers.last("b"), Some(&b"x"[..]));
    }

    #[test]
    fn appended_records_are_the_same_records() {
        let shown = |record: Record<'_>| {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name.to_owned(), value)).collect();
            format!("{record:?} {:?} {:?} {headers:?}", record.key, record.value)
        };
        let one: Vec<String> = batch().iter().map(shown).collect();
        let mut whole = RecordBatch::default();
        for _ in 0..3 {
            whole.append(batch());
            whole.append(RecordBatch::default());
        }
        assert_eq!(whole.iter().map(shown).collect::<Vec<_>>(), [one.clone(), one.clone(), one].concat());
        assert_eq!(whole.size_bytes(), 60);
    }

    #[test]
    fn a_batch_split_and_appended_has_the_same_records() {
        let shown = |batch: &RecordBatch| {
            let values = batch.iter().map(|it| format!("{it:?} {:?} {:?}", it.value, it.headers.last("b")));
            values.collect::<Vec<_>>()
        };
        for count in 0..=3 {
            let mut rest = batch();
            let mut first = rest.split_to(count);
            assert_eq!((first.len(), rest.len()), (count, 3 - count));
            first.append(rest);
            assert_eq!(shown(&first), shown(&batch()));
        }
    }

    #[test]
    fn retain_keeps_accepted_records_in_order() {
        let mut batch = batch();
        batch.retain(|it, _| it.topic == SourceTopic(0));
        assert_eq!(batch.iter().map(|it| it.offset).collect::<Vec<_>>(), [10, 30]);
        assert_eq!(batch.get(1).headers.last("b"), Some(&b"x"[..]));
        batch.clear();
        assert!(batch.is_empty());
    }

    #[test]
    fn debug_shows_no_content() {
        let batch = batch();
        assert_eq!(format!("{batch:?}"), "RecordBatch(3 records, 20 bytes)");
        let shown = format!("{:?}", batch.get(0));
        assert!(shown.contains("value_len: Some(10)") && shown.contains("Headers(3)"), "{shown}");
    }
}
