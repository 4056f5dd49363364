//! One partition: records, markers, high watermark, last stable offset, log start. An entry's index is its offset.

use std::collections::BTreeMap;
use std::rc::Rc;

use otp_topology::thread::in_memory::OwnedHeaders;

/// What a record holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: OwnedHeaders,
}

#[derive(Clone, Debug)]
pub enum What {
    Data(Rc<Stored>),
    Marker,
}

/// What became of the transaction of an entry, as far as this partition knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Committed, or never in a transaction.
    Visible,
    Open,
    Aborted,
    /// Compacted away.
    Gone,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub time: u64,
    pub what: What,
    pub fate: Fate,
    producer: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Vec<Entry>,
    pub start: i64,
    /// The first undecided offset of each producer with an open transaction.
    open: BTreeMap<usize, i64>,
    /// What the leader has lost, until it comes back.
    tail: Vec<Entry>,
    /// Milliseconds by which this partition's leader is wrong about the time.
    pub skew: i64,
}

impl Log {
    pub fn end(&self) -> i64 {
        self.entries.len() as i64
    }

    pub fn lso(&self) -> i64 {
        self.open.values().copied().min().unwrap_or(self.end())
    }

    pub fn append(&mut self, record: Rc<Stored>, producer: Option<usize>, now: u64) -> i64 {
        let offset = self.end();
        let fate = if producer.is_some() { Fate::Open } else { Fate::Visible };
        if let Some(producer) = producer {
            self.open.entry(producer).or_insert(offset);
        }
        self.entries.push(Entry { time: self.clock(now), what: What::Data(record), fate, producer });
        offset
    }

    /// A marker settles everything of this producer that lies before it.
    pub fn mark(&mut self, producer: usize, commit: bool, now: u64) {
        if let Some(first) = self.open.remove(&producer) {
            let fate = if commit { Fate::Visible } else { Fate::Aborted };
            for entry in &mut self.entries[first as usize..] {
                if entry.producer == Some(producer) && entry.fate == Fate::Open {
                    entry.fate = fate;
                }
            }
        }
        let entry = Entry { time: self.clock(now), what: What::Marker, fate: Fate::Gone, producer: None };
        self.entries.push(entry);
    }

    /// An unclean election: the new leader ends at an offset. No transaction is open here.
    pub fn lose_tail(&mut self, end: i64) {
        self.tail = self.entries.split_off(end as usize);
    }

    /// The old leader is back. Returns whether nothing was written in its absence.
    pub fn find_tail(&mut self, end: i64) -> bool {
        let is_untouched = self.end() == end;
        self.entries.append(&mut self.tail);
        is_untouched
    }

    /// The first record at or after an offset that a `read_committed` reader gets, with its offset.
    pub fn next_visible(&self, from: i64) -> Option<(i64, u64, &Rc<Stored>)> {
        let from = from.max(self.start);
        let lso = self.lso();
        (from..lso).find_map(|offset| self.visible(offset).map(|(time, record)| (offset, time, record)))
    }

    /// The record at an offset, if it is committed; whether it is deleted or lost does not matter.
    pub fn visible(&self, offset: i64) -> Option<(u64, &Rc<Stored>)> {
        let entry = self.entry(offset)?;
        match &entry.what {
            What::Data(record) if entry.fate == Fate::Visible => Some((entry.time, record)),
            What::Data(_) | What::Marker => None,
        }
    }

    /// The record at an offset, whatever became of it.
    pub fn any(&self, offset: i64) -> Option<(u64, &Rc<Stored>)> {
        let entry = self.entry(offset)?;
        match &entry.what {
            What::Data(record) => Some((entry.time, record)),
            What::Marker => None,
        }
    }

    fn entry(&self, offset: i64) -> Option<&Entry> {
        let offset = usize::try_from(offset).ok()?;
        self.entries.get(offset).or_else(|| self.tail.get(offset - self.entries.len()))
    }

    /// Whether this producer wrote the record at an offset.
    pub fn is_of(&self, offset: i64, producer: usize) -> bool {
        self.entries.get(offset as usize).is_some_and(|entry| entry.producer == Some(producer))
    }

    pub fn delete_before(&mut self, offset: i64) {
        self.start = self.start.max(offset.min(self.end()));
    }

    /// Keeps the last committed record of each key; tombstones older than `tombstones_before` go too.
    pub fn compact(&mut self, tombstones_before: u64) {
        let clean_until = self.lso();
        let mut last: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for at in 0..clean_until as usize {
            let entry = &self.entries[at];
            let What::Data(record) = &entry.what else { continue };
            if entry.fate != Fate::Visible {
                continue;
            }
            let key = record.key.clone().unwrap_or_default();
            let is_old_tombstone = record.value.is_none() && entry.time < tombstones_before;
            if let Some(before) = last.insert(key, at) {
                self.entries[before].fate = Fate::Gone;
            }
            if is_old_tombstone {
                self.entries[at].fate = Fate::Gone;
            }
        }
    }

    fn clock(&self, now: u64) -> u64 {
        now.saturating_add_signed(self.skew)
    }
}
