//! The home partition of a record, and forwarding to it.
//!
//! The home partition is murmur2 of the canonical subject modulo the number of tasks, independent of the record's key.
//! A record at home is decided in place. Any other is forwarded through the repartition topic, with the coordinates and the
//! time of its origin. A forwarded record is never forwarded again.

use super::incoming::Incoming;
use crate::deployment::{SourceKind, Topology};
use crate::wire::headers::{self, KIND_BARRIER, OriginBytes, OriginHeaders};
use crate::wire::outbox::{Outbox, SharedHeaders};
use crate::wire::record::Record;

/// The home partition of a record of a source topic. `None`: the record does not say whose it is, or it lies in the
/// repartition topic.
pub fn home_of_record(record: &Record<'_>, topology: &Topology) -> Option<i32> {
    match topology.source(record.source.topic).kind {
        SourceKind::Requests(_) | SourceKind::Directory | SourceKind::Admin | SourceKind::Broadcast(_) => {
            Incoming::read(record, topology).home(topology)
        }
        SourceKind::Repartition => None,
    }
}

/// Forwards a record to a home partition, without the headers that only this service may write.
pub(super) fn forward(record: &Record<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    let origin = origin_headers(record, topology, out, None);
    let passed = out.headers(record.headers.iter().filter(|(name, _)| !headers::is_internal(name)));
    out.push(topology.repartition, home, record.key, passed, origin, record.value);
}

/// Forwards the barrier of a broadcast topic: everything that the topic held at the first start was forwarded before.
pub(super) fn forward_barrier(record: &Record<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    let origin = origin_headers(record, topology, out, Some(KIND_BARRIER));
    out.push(topology.repartition, home, None, SharedHeaders::default(), origin, None);
}

/// Forwards a record of a source partition that has no home task.
///
/// A record that does not say whose it is goes to the task with its partition's number, modulo the number of tasks.
pub fn forward_only(record: &Record<'_>, topology: &Topology, out: &mut Outbox) {
    let home = home_of_record(record, topology).unwrap_or(record.source.partition % topology.partitions);
    forward(record, home, topology, out);
}

fn origin_headers(
    record: &Record<'_>,
    topology: &Topology,
    out: &mut Outbox,
    kind: Option<&'static str>,
) -> SharedHeaders {
    let origin = OriginHeaders {
        topic: &topology.source(record.source.topic).name,
        partition: record.source.partition,
        offset: record.offset,
        time: record.timestamp,
        key: record.key,
    };
    let mut bytes = OriginBytes::default();
    let kind = kind.map(|kind| (headers::OTP_KIND, Some(kind.as_bytes())));
    let incarnation = &topology.source(record.source.topic).incarnation.0;
    let incarnation = (headers::OTP_ORIGIN_INCARNATION, Some(&incarnation[..]));
    out.headers(origin.write(&mut bytes).into_iter().chain([incarnation]).chain(kind))
}
