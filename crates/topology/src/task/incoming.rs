//! A record as a task works on it: with the coordinates of the topic it was first read from, whether it lies there
//! or came through the repartition topic.

use super::topology::{SourceKind, Topology};
use crate::otp::{LogTime, Origin};
use crate::wire::headers::{self, OriginHeaders};
use crate::wire::record::{Headers, Record, SourcePartition};

#[derive(Clone, Copy)]
pub(super) struct Incoming<'a> {
    /// Where it was first read from.
    pub source: SourcePartition,
    pub offset: i64,
    /// Its first append time.
    pub time: LogTime,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: Headers<'a>,
}

/// What a record of the repartition topic is.
pub(super) enum Arrival<'a> {
    Forwarded(Incoming<'a>),
    /// As forwarded, before its topic was made anew: its offset counts in no position of today.
    Bygone(Incoming<'a>),
    /// All that a broadcast topic held at the first start has been broadcast.
    Mark(Incoming<'a>),
}

impl<'a> Incoming<'a> {
    pub fn in_place(record: &Record<'a>) -> Self {
        Self {
            source: record.source,
            offset: record.offset,
            time: record.timestamp,
            key: record.key,
            value: record.value,
            headers: record.headers,
        }
    }

    pub fn origin<'b>(&self, topology: &'b Topology) -> Origin<'b> {
        Origin {
            topic: &topology.source(self.source.topic).name,
            partition: self.source.partition,
            offset: self.offset,
            time: self.time,
        }
    }

    /// `<topic>/<partition>/<offset>`: the id of a request that brings none.
    pub fn coordinates(&self, topology: &Topology) -> String {
        let name = &topology.source(self.source.topic).name;
        format!("{name}/{}/{}", self.source.partition, self.offset)
    }
}

impl<'a> Arrival<'a> {
    /// `None`: not written by this service, or from a topic that is no longer configured.
    pub fn read(record: &Record<'a>, topology: &Topology) -> Option<Self> {
        let origin = OriginHeaders::read(record.headers)?;
        let topic = topology.source_named(origin.topic)?;
        let is_place = origin.partition >= 0 && (0..i64::MAX).contains(&origin.offset);
        if !is_place || topology.source(topic).kind == SourceKind::Repartition {
            return None;
        }
        let incoming = Incoming {
            source: SourcePartition { topic, partition: origin.partition },
            offset: origin.offset,
            time: origin.time,
            key: origin.key,
            value: record.value,
            headers: record.headers,
        };
        let incarnation = record.headers.last(headers::OTP_ORIGIN_INCARNATION);
        let is_bygone = incarnation.is_some_and(|it| it != topology.source(topic).incarnation.0);
        match record.headers.last(headers::OTP_KIND) {
            None if is_bygone => Some(Self::Bygone(incoming)),
            None => Some(Self::Forwarded(incoming)),
            Some(kind) => (kind == headers::KIND_MARK.as_bytes()).then_some(Self::Mark(incoming)),
        }
    }
}
