//! Records to publish, in order, in one arena. Filled by a record's processing, emptied by the producer.
//!
//! `Debug` shows how much there is, never what: notifications carry codes and phone numbers.

use std::fmt;

use super::record::Span;

/// An output topic: its place in the topology's fixed list of output topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputTopic(pub u16);

/// How far an outbox was filled; see [`Outbox::truncate`].
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    headers: usize,
    entries: usize,
}

/// A run of headers that several records of one outbox share.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedHeaders {
    first: u32,
    end: u32,
}

#[derive(Clone, Debug)]
struct HeaderSpan {
    name: Span,
    value: Option<Span>,
}

#[derive(Clone, Debug)]
struct Entry {
    topic: OutputTopic,
    partition: i32,
    key: Option<Span>,
    value: Option<Span>,
    shared: SharedHeaders,
    own: SharedHeaders,
}

/// One record to publish, borrowed from its outbox.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    outbox: &'a Outbox,
    entry: &'a Entry,
}

/// Far below 4 GiB, since places inside are 32 bits: a stream thread commits early when much comes of few records
/// (`Limits::output_bytes_max`).
#[derive(Clone, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    headers: Vec<HeaderSpan>,
    entries: Vec<Entry>,
}

impl Outbox {
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
        self.truncate(Mark { bytes: 0, headers: 0, entries: 0 });
    }

    pub fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), headers: self.headers.len(), entries: self.entries.len() }
    }

    /// Takes back everything that was added since `mark`.
    pub fn truncate(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.headers.truncate(mark.headers);
        self.entries.truncate(mark.entries);
    }

    /// Writes headers once for records to share.
    pub fn headers<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> SharedHeaders {
        let first = self.headers.len() as u32;
        for (name, value) in headers {
            let name = self.copy(name.as_bytes());
            let value = value.map(|bytes| self.copy(bytes));
            self.headers.push(HeaderSpan { name, value });
        }
        SharedHeaders { first, end: self.headers.len() as u32 }
    }

    /// Adds a record with a value written by `value` straight into the arena.
    pub fn push(
        &mut self,
        topic: OutputTopic,
        partition: i32,
        key: Option<&[u8]>,
        shared: SharedHeaders,
        own: SharedHeaders,
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let key = key.map(|bytes| self.copy(bytes));
        let start = self.bytes.len() as u32;
        value(&mut self.bytes);
        let value = Some(start..self.bytes.len() as u32);
        self.entries.push(Entry { topic, partition, key, value, shared, own });
    }

    /// Adds a record with a null value.
    pub fn push_null(
        &mut self,
        topic: OutputTopic,
        partition: i32,
        key: Option<&[u8]>,
        shared: SharedHeaders,
        own: SharedHeaders,
    ) {
        let key = key.map(|bytes| self.copy(bytes));
        self.entries.push(Entry { topic, partition, key, value: None, shared, own });
    }

    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.iter_from(0)
    }

    /// The records from the `first`th on: what a producer that works along has not seen.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = Outgoing<'_>> {
        self.entries[first..].iter().map(|entry| Outgoing { outbox: self, entry })
    }

    fn copy(&mut self, bytes: &[u8]) -> Span {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len() as u32
    }

    fn slice(&self, span: &Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }
}

impl<'a> Outgoing<'a> {
    pub fn topic(self) -> OutputTopic {
        self.entry.topic
    }

    pub fn partition(self) -> i32 {
        self.entry.partition
    }

    pub fn key(self) -> Option<&'a [u8]> {
        self.entry.key.as_ref().map(|span| self.outbox.slice(span))
    }

    pub fn value(self) -> Option<&'a [u8]> {
        self.entry.value.as_ref().map(|span| self.outbox.slice(span))
    }

    /// Shared headers first, then the record's own.
    pub fn headers(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let text = |name| std::str::from_utf8(name).expect("names are pushed as str");
        self.header_bytes().map(move |(name, value)| (text(name), value))
    }

    /// As [`Outgoing::headers`], for a producer, which takes any bytes for a name.
    pub fn header_bytes(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let Self { outbox, entry } = self;
        let run = |run: SharedHeaders| &outbox.headers[run.first as usize..run.end as usize];
        let all = run(entry.shared).iter().chain(run(entry.own));
        all.map(move |it| (outbox.slice(&it.name), it.value.as_ref().map(|span| outbox.slice(span))))
    }

    /// Bytes of key, value and headers.
    pub fn size_bytes(self) -> usize {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers: usize = self.header_bytes().map(|(name, value)| name.len() + of(value)).sum();
        of(self.key()) + of(self.value()) + headers
    }

    pub fn header_count(self) -> usize {
        let runs = [self.entry.shared, self.entry.own];
        runs.iter().map(|run| (run.end - run.first) as usize).sum()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} records, {} bytes)", self.len(), self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = (u16, i32, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

    fn owned(outgoing: Outgoing<'_>) -> Owned {
        let headers = outgoing.headers();
        let headers: Vec<_> =
            headers.map(|(name, value)| (name.to_owned(), value.map(<[u8]>::to_vec))).collect();
        assert_eq!(headers.len(), outgoing.header_count());
        let (key, value) = (outgoing.key().map(<[u8]>::to_vec), outgoing.value().map(<[u8]>::to_vec));
        (outgoing.topic().0, outgoing.partition(), key, value, headers)
    }

    fn header(name: &str, value: Option<&str>) -> (String, Option<Vec<u8>>) {
        (name.to_owned(), value.map(|it| it.as_bytes().to_vec()))
    }

    fn push(outbox: &mut Outbox, shared: SharedHeaders, topic: u16, value: &str) {
        let own = outbox.headers([("ce_id", Some(value.as_bytes()))]);
        outbox.push(OutputTopic(topic), 5, Some(b"key"), shared, own, |out| {
            out.extend_from_slice(value.as_bytes());
        });
    }

    #[test]
    fn gives_back_what_was_pushed_with_shared_headers_first() {
        let mut outbox = Outbox::default();
        let shared = outbox.headers([("traceparent", Some(&b"t"[..])), ("empty", None)]);
        push(&mut outbox, shared, 1, "one");
        push(&mut outbox, shared, 2, "");
        outbox.push_null(OutputTopic(3), 0, None, SharedHeaders::default(), SharedHeaders::default());
        let key = Some(b"key".to_vec());
        let with = |id: &str| {
            vec![header("traceparent", Some("t")), header("empty", None), header("ce_id", Some(id))]
        };
        let expected = [
            (1, 5, key.clone(), Some(b"one".to_vec()), with("one")),
            (2, 5, key, Some(Vec::new()), with("")),
            (3, 0, None, None, Vec::new()),
        ];
        assert_eq!(outbox.iter().map(owned).collect::<Vec<_>>(), expected);
        assert_eq!(outbox.iter_from(2).map(owned).collect::<Vec<_>>(), expected[2..]);
        assert!(outbox.iter_from(3).next().is_none());
    }

    #[test]
    fn a_mark_takes_back_what_came_after_it() {
        let mut outbox = Outbox::default();
        let shared = outbox.headers([("traceparent", Some(&b"t"[..]))]);
        push(&mut outbox, shared, 1, "kept");
        let before: Vec<Owned> = outbox.iter().map(owned).collect();
        let mark = outbox.mark();
        push(&mut outbox, shared, 2, "taken back");
        outbox.truncate(mark);
        assert_eq!(outbox.iter().map(owned).collect::<Vec<_>>(), before);
        push(&mut outbox, shared, 3, "after");
        assert_eq!(outbox.iter().nth(1).and_then(Outgoing::value), Some(&b"after"[..]));
        assert_eq!(format!("{outbox:?}"), "Outbox(2 records, 46 bytes)");
        outbox.clear();
        assert!(outbox.is_empty());
    }
}
