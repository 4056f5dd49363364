//! A record of the repartition topic, given back the coordinates, time and key that it had where it was first read.

use crate::deployment::{SourceKind, Topology};
use crate::wire::headers::{self, OriginHeaders};
use crate::wire::hop::Hop;
use crate::wire::json::JsonError;
use crate::wire::record::{Record, SourcePartition};

pub(super) enum Arrival<'a> {
    Forwarded(Record<'a>),
    /// Forwarded before its topic was recreated: its offset counts in no position of the present topic.
    StaleIncarnation(Record<'a>),
    /// A step of a request that visits several homes. Applied once by its own offset, so its origin is in no position, and
    /// an origin that was recreated does not matter.
    Hop(Record<'a>, Hop),
    /// The broadcast barrier: everything that a broadcast topic held at the first start has been forwarded.
    Barrier(Record<'a>),
}

impl<'a> Arrival<'a> {
    /// `None`: this service did not write it, or its origin is not a configured source.
    pub(super) fn read(record: &Record<'a>, topology: &Topology) -> Option<Self> {
        let origin = OriginHeaders::read(record.headers)?;
        let topic = topology.source_named(origin.topic)?;
        let is_location = origin.partition >= 0 && (0..i64::MAX).contains(&origin.offset);
        if !is_location || topology.source(topic).kind == SourceKind::Repartition {
            return None;
        }
        let original = Record {
            source: SourcePartition { topic, partition: origin.partition },
            offset: origin.offset,
            leader_epoch: None,
            timestamp: origin.time,
            key: origin.key,
            value: record.value,
            undecodable: record.headers.last(headers::OTP_ORIGIN_UNDECODABLE).and_then(JsonError::named),
            headers: record.headers,
        };
        let incarnation = record.headers.last(headers::OTP_ORIGIN_INCARNATION);
        let is_stale = incarnation.is_some_and(|it| it != topology.source(topic).incarnation.0);
        match record.headers.last(headers::OTP_KIND) {
            None if is_stale => Some(Self::StaleIncarnation(original)),
            None => Some(Self::Forwarded(original)),
            Some(kind) if kind == headers::KIND_BARRIER.as_bytes() => Some(Self::Barrier(original)),
            Some(kind) if kind == headers::KIND_HOP.as_bytes() => {
                let hop = record.headers.last(headers::OTP_HOP).and_then(Hop::read)?;
                (0..topology.partitions).contains(&hop.home).then_some(Self::Hop(original, hop))
            }
            Some(_) => None,
        }
    }
}
