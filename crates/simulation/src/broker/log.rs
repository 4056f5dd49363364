//! One partition: records, markers, high watermark, last stable offset, log start. The index of an entry is its offset.

use std::collections::BTreeMap;
use std::rc::Rc;

use otp_topology::thread::in_memory::OwnedHeaders;

/// The contents of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredRecord {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

#[derive(Clone, Debug)]
enum EntryKind {
    Data(Rc<StoredRecord>),
    Marker,
}

/// Whether readers see an entry, as far as this partition knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    /// Committed, or never in a transaction.
    Visible,
    Open,
    Aborted,
    /// Removed by compaction, or a marker.
    Hidden,
}

#[derive(Clone, Debug)]
struct LogEntry {
    time: u64,
    kind: EntryKind,
    visibility: Visibility,
    producer: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: Vec<LogEntry>,
    pub start: i64,
    /// The first offset of each open transaction, by producer.
    open: BTreeMap<usize, i64>,
    /// Entries that the leader has lost, until the old leader is back.
    tail: Vec<LogEntry>,
    /// Entries that were away, by their first offset and the one behind their last, and when the old leader brought them back.
    returned: Vec<(i64, i64, u64)>,
    /// The error of the leader's clock, in milliseconds.
    pub skew: i64,
}

impl Log {
    pub(crate) fn end(&self) -> i64 {
        self.entries.len() as i64
    }

    pub(crate) fn lso(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end())
    }

    pub(crate) fn append(&mut self, record: Rc<StoredRecord>, producer: Option<usize>, now: u64) -> i64 {
        let offset = self.end();
        let visibility = if producer.is_some() { Visibility::Open } else { Visibility::Visible };
        if let Some(producer) = producer {
            self.open.entry(producer).or_insert(offset);
        }
        self.entries.push(LogEntry {
            time: self.clock(now),
            kind: EntryKind::Data(record),
            visibility,
            producer,
        });
        offset
    }

    /// Appends the marker that commits or aborts the open records of a producer.
    pub(crate) fn append_marker(&mut self, producer: usize, commit: bool, now: u64) {
        if let Some(first) = self.open.remove(&producer) {
            let visibility = if commit { Visibility::Visible } else { Visibility::Aborted };
            for entry in &mut self.entries[first as usize..] {
                if entry.producer == Some(producer) && entry.visibility == Visibility::Open {
                    entry.visibility = visibility;
                }
            }
        }
        let entry = LogEntry {
            time: self.clock(now),
            kind: EntryKind::Marker,
            visibility: Visibility::Hidden,
            producer: None,
        };
        self.entries.push(entry);
    }

    /// An unclean leader election: the new leader ends at an offset. No transaction is open.
    pub(crate) fn lose_tail(&mut self, end: i64) {
        self.tail = self.entries.split_off(end as usize);
    }

    /// The old leader is back at `now`. Returns whether nothing was appended in its absence.
    pub(crate) fn bring_tail_back(&mut self, end: i64, now: u64) -> bool {
        let (first, is_untouched) = (self.end(), self.end() == end);
        self.entries.append(&mut self.tail);
        self.returned.push((first, self.end(), now));
        is_untouched
    }

    /// Whether nobody could see the entry at an offset at some time, because its leader had lost it. It is back.
    pub(crate) fn was_away(&self, offset: i64, at: u64) -> bool {
        self.returned.iter().any(|(first, end, until)| (*first..*end).contains(&offset) && at <= *until)
    }

    /// All records at or after `from` that a `read_committed` reader gets.
    pub(crate) fn all_visible(&self, from: i64) -> impl Iterator<Item = (i64, u64, &Rc<StoredRecord>)> {
        let offsets = from.max(self.start)..self.lso();
        offsets.filter_map(|offset| self.visible(offset).map(|(time, record)| (offset, time, record)))
    }

    /// The first record at or after `from` that a `read_committed` reader gets: its offset, time and contents.
    pub(crate) fn next_visible(&self, from: i64) -> Option<(i64, u64, &Rc<StoredRecord>)> {
        self.all_visible(from).next()
    }

    /// The record at an offset, if it is committed, even if it was deleted or lost later.
    pub(crate) fn visible(&self, offset: i64) -> Option<(u64, &Rc<StoredRecord>)> {
        let entry = self.entry(offset)?;
        match &entry.kind {
            EntryKind::Data(record) if entry.visibility == Visibility::Visible => Some((entry.time, record)),
            EntryKind::Data(_) | EntryKind::Marker => None,
        }
    }

    /// The record at an offset, committed or not.
    pub(crate) fn any(&self, offset: i64) -> Option<(u64, &Rc<StoredRecord>)> {
        let entry = self.entry(offset)?;
        match &entry.kind {
            EntryKind::Data(record) => Some((entry.time, record)),
            EntryKind::Marker => None,
        }
    }

    fn entry(&self, offset: i64) -> Option<&LogEntry> {
        let offset = usize::try_from(offset).ok()?;
        self.entries.get(offset).or_else(|| self.tail.get(offset - self.entries.len()))
    }

    /// Whether this producer wrote the record at an offset.
    pub(crate) fn is_of(&self, offset: i64, producer: usize) -> bool {
        self.entries.get(offset as usize).is_some_and(|entry| entry.producer == Some(producer))
    }

    pub(crate) fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.end()));
    }

    /// Keeps the last committed record of each key, and removes tombstones older than `tombstones_before`.
    pub(crate) fn compact(&mut self, tombstones_before: u64) {
        let clean_until = self.lso();
        let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for at in 0..clean_until as usize {
            let entry = &self.entries[at];
            let EntryKind::Data(record) = &entry.kind else { continue };
            if entry.visibility != Visibility::Visible {
                continue;
            }
            let key = record.key.clone().unwrap_or_default();
            let is_old_tombstone = record.value.is_none() && entry.time < tombstones_before;
            if let Some(before) = last.insert(key, at) {
                self.entries[before].visibility = Visibility::Hidden;
            }
            if is_old_tombstone {
                self.entries[at].visibility = Visibility::Hidden;
            }
        }
    }

    fn clock(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.skew)
    }
}
