//! Records as they were fetched: a batch is one arena, so that a record costs no allocation of its own.

use std::ops::Range;

use crate::otp::LogTime;

/// A source topic: its place in the topology's list of source topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceTopic(pub u16);

/// A partition of a source topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourcePartition {
    pub topic: SourceTopic,
    pub partition: i32,
}

/// One fetched record, borrowed from its batch.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub source: SourcePartition,
    pub offset: i64,
    pub timestamp: LogTime,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// The headers of a record, in order; names may repeat.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    bytes: &'a [u8],
    spans: &'a [HeaderSpan],
}

/// A run of bytes of an arena.
pub type Span = Range<u32>;

#[derive(Clone, Debug)]
struct HeaderSpan {
    name: Span,
    value: Option<Span>,
}

#[derive(Clone, Debug)]
struct Entry {
    source: SourcePartition,
    offset: i64,
    timestamp: LogTime,
    key: Option<Span>,
    value: Option<Span>,
    headers: Span,
}

/// Fetched records in the order of the fetch.
#[derive(Clone, Debug, Default)]
pub struct RecordBatch {
    bytes: Vec<u8>,
    headers: Vec<HeaderSpan>,
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
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.headers.clear();
        self.entries.clear();
    }

    /// Appends a record; `headers` yields name and value.
    pub fn push<'h>(
        &mut self,
        source: SourcePartition,
        offset: i64,
        timestamp: LogTime,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) {
        let key = key.map(|bytes| self.copy(bytes));
        let value = value.map(|bytes| self.copy(bytes));
        let first = self.headers.len() as u32;
        for (name, value) in headers {
            let name = self.copy(name.as_bytes());
            let value = value.map(|bytes| self.copy(bytes));
            self.headers.push(HeaderSpan { name, value });
        }
        let headers = first..self.headers.len() as u32;
        self.entries.push(Entry {
            source,
            offset,
            timestamp,
            key,
            value,
            headers,
        });
    }

    pub fn get(&self, at: usize) -> Record<'_> {
        let entry = &self.entries[at];
        Record {
            source: entry.source,
            offset: entry.offset,
            timestamp: entry.timestamp,
            key: entry.key.as_ref().map(|span| slice(&self.bytes, span)),
            value: entry.value.as_ref().map(|span| slice(&self.bytes, span)),
            headers: Headers {
                bytes: &self.bytes,
                spans: &self.headers[entry.headers.start as usize..entry.headers.end as usize],
            },
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Keeps the records of the source partitions that `keep` accepts, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(SourcePartition) -> bool) {
        self.entries.retain(|entry| keep(entry.source));
    }

    fn copy(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len() as u32
    }
}

impl<'a> Headers<'a> {
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        self.spans.iter().map(move |it| {
            let name = std::str::from_utf8(slice(self.bytes, &it.name)).expect("names are pushed as str");
            (name, it.value.as_ref().map(|span| slice(self.bytes, span)))
        })
    }

    /// The value of the last header of this name (Kafka's rule: `Headers.lastHeader`).
    pub fn last(self, name: &str) -> Option<&'a [u8]> {
        self.spans
            .iter()
            .rev()
            .find(|it| slice(self.bytes, &it.name) == name.as_bytes())
            .and_then(|it| it.value.as_ref())
            .map(|span| slice(self.bytes, span))
    }

    /// As [`Headers::last`], if it is UTF-8.
    pub fn last_str(self, name: &str) -> Option<&'a str> {
        self.last(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

fn slice<'a>(bytes: &'a [u8], span: &Span) -> &'a [u8] {
    &bytes[span.start as usize..span.end as usize]
}
