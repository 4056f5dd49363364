//! Keys, values and headers of many records in one block of memory, so that a record costs no allocation of its own.
//!
//! Knows no record: `record` and `outbox` keep one [`Span`] for each part.

/// A run of bytes, or of headers, of an arena.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct HeaderSpans {
    name: Span,
    value: Option<Span>,
}

/// At most 4 GiB: offsets inside are 32 bits.
#[derive(Clone, Default)]
pub(super) struct Arena {
    /// Of headers. They have a block of their own, so that they are known to be UTF-8.
    names: String,
    bytes: Vec<u8>,
    headers: Vec<HeaderSpans>,
}

/// A run of headers, in order; names may repeat.
#[derive(Clone, Copy, Default)]
pub struct Headers<'a> {
    names: &'a str,
    bytes: &'a [u8],
    spans: &'a [HeaderSpans],
}

impl Arena {
    /// Bytes of keys, values and headers.
    pub(super) fn size_bytes(&self) -> usize {
        self.names.len() + self.bytes.len()
    }

    /// Keeps the memory.
    pub(super) fn clear(&mut self) {
        self.names.clear();
        self.bytes.clear();
        self.headers.clear();
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) -> Span {
        self.write(|out| out.extend_from_slice(bytes))
    }

    /// Adds the bytes that `write` appends to the buffer it is given.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Span {
        let start = self.bytes.len();
        write(&mut self.bytes);
        span(start, self.bytes.len())
    }

    pub(super) fn add_headers<'h>(
        &mut self,
        headers: impl IntoIterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> Span {
        let first = self.headers.len();
        for (name, value) in headers {
            let start = self.names.len();
            self.names.push_str(name);
            let name = span(start, self.names.len());
            let value = value.map(|bytes| self.copy(bytes));
            self.headers.push(HeaderSpans { name, value });
        }
        span(first, self.headers.len())
    }

    pub(super) fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    pub(super) fn headers(&self, run: Span) -> Headers<'_> {
        Headers {
            names: &self.names,
            bytes: &self.bytes,
            spans: &self.headers[run.start as usize..run.end as usize],
        }
    }

    /// Moves the contents of another arena behind these. The returned functions say where its spans of bytes and its
    /// runs of headers are after that.
    pub(super) fn append(
        &mut self,
        other: &mut Self,
    ) -> (impl Fn(Span) -> Span + use<>, impl Fn(Span) -> Span + use<>) {
        let names = self.names.len() as u32;
        let (bytes, headers) = (self.bytes.len() as u32, self.headers.len() as u32);
        self.headers.extend(other.headers.drain(..).map(|HeaderSpans { name, value }| HeaderSpans {
            name: name.moved_by(names),
            value: value.map(|it| it.moved_by(bytes)),
        }));
        self.names.push_str(&other.names);
        self.bytes.append(&mut other.bytes);
        (move |span| span.moved_by(bytes), move |run| run.moved_by(headers))
    }

    /// Whether the contents of `other` do not fit into the memory that this arena has.
    pub(super) fn must_grow_for(&self, other: &Self) -> bool {
        self.bytes.capacity() < other.bytes.len()
    }
}

impl Span {
    pub(super) fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    fn moved_by(self, distance: u32) -> Self {
        Self { start: self.start + distance, end: self.end + distance }
    }
}

impl<'a> Headers<'a> {
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
        self.spans.iter().map(move |it| (self.name(it), self.value(it)))
    }

    /// The value of the last header of this name, as `Headers.lastHeader` of Kafka's Java client.
    pub fn last(self, name: &str) -> Option<&'a [u8]> {
        self.value(self.spans.iter().rev().find(|it| self.name(it) == name)?)
    }

    pub(super) fn len(self) -> usize {
        self.spans.len()
    }

    fn name(self, header: &HeaderSpans) -> &'a str {
        &self.names[header.name.start as usize..header.name.end as usize]
    }

    fn value(self, header: &HeaderSpans) -> Option<&'a [u8]> {
        header.value.map(|span| &self.bytes[span.start as usize..span.end as usize])
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}
