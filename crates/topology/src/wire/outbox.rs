//! Records to publish, in order. Processing a record fills an outbox; the producer empties it.
//!
//! `Debug` shows how much there is, never what: notifications carry codes and phone numbers.

use std::fmt;

use super::arena::{Arena, Span};

/// An output topic: its index in the topology's fixed list of output topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputTopic(pub u16);

/// A run of headers that several records of one outbox share.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedHeaders(Span);

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

/// Stays far below the 4 GiB of its arena: a stream thread commits early when few records give much output
/// (`Limits::output_bytes_max`).
#[derive(Clone, Default)]
pub struct Outbox {
    arena: Arena,
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
        self.arena.size_bytes()
    }

    /// Keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
    }

    /// Writes headers once for records to share.
    pub fn headers<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> SharedHeaders {
        SharedHeaders(self.arena.add_headers(headers))
    }

    /// Adds a record.
    pub fn push(
        &mut self,
        topic: OutputTopic,
        partition: i32,
        key: Option<&[u8]>,
        shared: SharedHeaders,
        own: SharedHeaders,
        value: Option<&[u8]>,
    ) {
        let key = key.map(|bytes| self.arena.copy(bytes));
        let value = value.map(|bytes| self.arena.copy(bytes));
        self.entries.push(Entry { topic, partition, key, value, shared, own });
    }

    /// Adds a record whose value is what `value` appends to the buffer it is given.
    pub fn push_with(
        &mut self,
        topic: OutputTopic,
        partition: i32,
        key: Option<&[u8]>,
        shared: SharedHeaders,
        own: SharedHeaders,
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        let key = key.map(|bytes| self.arena.copy(bytes));
        let value = Some(self.arena.write(value));
        self.entries.push(Entry { topic, partition, key, value, shared, own });
    }

    pub fn iter(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.iter_from(0)
    }

    /// The records from index `first` on: those that a producer that starts early has not seen.
    pub fn iter_from(&self, first: usize) -> impl Iterator<Item = Outgoing<'_>> {
        self.entries[first..].iter().map(|entry| Outgoing { outbox: self, entry })
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
        self.entry.key.map(|span| self.outbox.arena.slice(span))
    }

    pub fn value(self) -> Option<&'a [u8]> {
        self.entry.value.map(|span| self.outbox.arena.slice(span))
    }

    /// Shared headers first, then the record's own.
    pub fn headers(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        let Self { outbox, entry } = self;
        let [shared, own] = [entry.shared, entry.own].map(|it| outbox.arena.headers(it.0));
        shared.iter().chain(own.iter())
    }

    /// Bytes of key, value and headers.
    pub fn size_bytes(self) -> usize {
        let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers: usize = self.headers().map(|(name, value)| name.len() + of(value)).sum();
        of(self.key()) + of(self.value()) + headers
    }

    pub fn header_count(self) -> usize {
        self.entry.shared.0.len() + self.entry.own.0.len()
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outbox({} records, {} bytes)", self.len(), self.size_bytes())
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
        outbox.push_with(OutputTopic(topic), 5, Some(b"key"), shared, own, |out| {
            out.extend_from_slice(value.as_bytes());
        });
    }

    #[test]
    fn a_record_is_as_large_as_its_key_value_and_headers() {
        let mut outbox = Outbox::default();
        let none = SharedHeaders::default();
        let shared = outbox.headers([("trace", Some(&b"1234567"[..])), ("empty", None)]);
        let own = outbox.headers([("id", Some(&b"123"[..]))]);
        outbox.push(OutputTopic(0), 0, None, none, none, None);
        outbox.push(OutputTopic(0), 0, Some(b"key"), none, none, Some(b"value"));
        outbox.push(OutputTopic(0), 0, Some(b"key"), shared, own, Some(b"value"));
        let sizes: Vec<_> = outbox.iter().map(Outgoing::size_bytes).collect();
        assert_eq!(sizes, [0, 8, 8 + 12 + 5 + 5]);
    }

    #[test]
    fn records_are_read_as_they_were_pushed_with_shared_headers_first() {
        let mut outbox = Outbox::default();
        let shared = outbox.headers([("traceparent", Some(&b"t"[..])), ("empty", None)]);
        push(&mut outbox, shared, 1, "one");
        push(&mut outbox, shared, 2, "");
        let none = SharedHeaders::default();
        outbox.push(OutputTopic(3), 0, None, none, none, None);
        outbox.push(OutputTopic(4), 0, Some(b""), none, none, Some(b"x"));
        let key = Some(b"key".to_vec());
        let with = |id: &str| {
            vec![header("traceparent", Some("t")), header("empty", None), header("ce_id", Some(id))]
        };
        let expected = [
            (1, 5, key.clone(), Some(b"one".to_vec()), with("one")),
            (2, 5, key, Some(Vec::new()), with("")),
            (3, 0, None, None, Vec::new()),
            (4, 0, Some(Vec::new()), Some(b"x".to_vec()), Vec::new()),
        ];
        assert_eq!(outbox.iter().map(owned).collect::<Vec<_>>(), expected);
        assert_eq!(outbox.iter_from(2).map(owned).collect::<Vec<_>>(), expected[2..]);
        assert!(outbox.iter_from(4).next().is_none());
    }

    #[test]
    fn a_cleared_outbox_is_filled_again() {
        let mut outbox = Outbox::default();
        let shared = outbox.headers([("traceparent", Some(&b"t"[..]))]);
        push(&mut outbox, shared, 1, "before");
        outbox.clear();
        assert!(outbox.is_empty());
        let shared = outbox.headers([("traceparent", Some(&b"t"[..]))]);
        push(&mut outbox, shared, 2, "after");
        assert_eq!(outbox.iter().map(|it| it.value()).collect::<Vec<_>>(), [Some(&b"after"[..])]);
    }

    #[test]
    fn debug_shows_no_content() {
        let mut outbox = Outbox::default();
        push(&mut outbox, SharedHeaders::default(), 1, "9123456789");
        assert_eq!(format!("{outbox:?}"), "Outbox(1 records, 28 bytes)");
    }
}
