//! The home partition of a record, and forwarding to it.
//!
//! The home partition is murmur2 of the canonical subject modulo the number of tasks, independent of the record's key.
//! A record at home is decided in place. Any other is forwarded through the repartition topic, with the coordinates and the
//! time of its origin. A forwarded record is never forwarded again, and a hop says itself where it goes.

use std::collections::BTreeMap;

use arrayvec::ArrayVec;

use super::incoming::{Incoming, in_binary_mode};
use crate::deployment::{SourceKind, Topology};
use crate::wire::headers::{self, KIND_BARRIER, KIND_HOP, OriginBytes, OriginHeaders};
use crate::wire::hop::Hop;
use crate::wire::json;
use crate::wire::outbox::{Outbox, SharedHeaders};
use crate::wire::record::Record;

/// The home partition of a record of a source topic. `None`: the record does not say whose it is, or it lies in the
/// repartition topic.
pub fn home_of_record(record: &Record<'_>, topology: &Topology) -> Option<i32> {
    match topology.source(record.source.topic).kind {
        SourceKind::Requests(_) | SourceKind::Directory | SourceKind::Admin | SourceKind::Broadcast(_) => {
            let binary = in_binary_mode(record, topology);
            let record = &binary.as_ref().map_or(*record, |batch| batch.get(0));
            Incoming::read(record, topology).home(topology)
        }
        SourceKind::Repartition => None,
    }
}

/// Headers up to this size are forwarded as they are, in bytes of names and values.
const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// Forwards a record to a home partition, without the headers that only this service may write.
///
/// A part that is longer than anybody accepts is cut right after that length. So it is judged as it is where it was read,
/// and every record fits into the repartition topic.
pub(super) fn forward(record: &Record<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    forward_with(record, home, &[], topology, out);
}

/// As [`forward`], with the step that `home` has to do.
pub(super) fn forward_hop(record: &Record<'_>, home: i32, hop: &Hop, topology: &Topology, out: &mut Outbox) {
    let hop = hop.write();
    let marks = [(headers::OTP_KIND, KIND_HOP.as_bytes()), (headers::OTP_HOP, &hop)];
    forward_with(record, home, &marks, topology, out);
}

fn forward_with(record: &Record<'_>, home: i32, marks: &[Mark<'_>], topology: &Topology, out: &mut Outbox) {
    let key = record.key.map(|key| cut(key, headers::ECHO_BYTES_MAX));
    let origin = origin_headers(&Record { key, ..*record }, topology, out, marks);
    let passed = || record.headers.iter().filter(|(name, _)| !headers::is_internal(name));
    let size = |value: Option<&[u8]>| value.map_or(0, <[u8]>::len);
    let size: usize = passed().map(|(name, value)| name.len() + size(value)).sum();
    let passed = if size <= HEADERS_BYTES_MAX {
        out.headers(passed())
    } else {
        let last: BTreeMap<_, _> = passed().filter(|(name, _)| headers::is_read(name)).collect();
        let last = last.into_iter();
        out.headers(last.map(|(name, value)| (name, value.map(|it| cut(it, headers::ECHO_BYTES_MAX)))))
    };
    let value = record.value.map(|value| cut(value, json::LEN_MAX));
    out.push(topology.repartition, home, key, passed, origin, value);
}

/// The beginning of bytes that are longer than a limit; it is longer, too.
fn cut(bytes: &[u8], bytes_max: usize) -> &[u8] {
    &bytes[..bytes.len().min(bytes_max + 1)]
}

/// Forwards the barrier of a broadcast topic: everything that the topic held at the first start was forwarded before.
pub(super) fn forward_barrier(record: &Record<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    let origin = origin_headers(record, topology, out, &[(headers::OTP_KIND, KIND_BARRIER.as_bytes())]);
    out.push(topology.repartition, home, None, SharedHeaders::default(), origin, None);
}

/// Forwards a record of a source partition that has no home task.
///
/// A record that does not say whose it is goes to the task with its partition's number, modulo the number of tasks.
/// `has_waited`: it lay there before anybody read the partition. Only here a value that cannot be decoded is forwarded: a record
/// that does not say whose it is has no other home than where it is read.
pub fn forward_only(record: &Record<'_>, has_waited: bool, topology: &Topology, out: &mut Outbox) {
    let binary = in_binary_mode(record, topology);
    let record = &binary.as_ref().map_or(*record, |batch| batch.get(0));
    let home = home_of_record(record, topology).unwrap_or(record.source.partition % topology.partitions);
    let waited = has_waited.then_some((headers::OTP_ORIGIN_WAITED, WAITED.as_bytes()));
    let undecodable = record.undecodable.map(|it| (headers::OTP_ORIGIN_UNDECODABLE, it.code().as_bytes()));
    let marks: ArrayVec<Mark<'_>, 2> = waited.into_iter().chain(undecodable).collect();
    forward_with(record, home, &marks, topology, out);
}

/// A header besides the coordinates of the origin.
type Mark<'a> = (&'static str, &'a [u8]);

/// The value of [`headers::OTP_ORIGIN_WAITED`].
const WAITED: &str = "1";

fn origin_headers(
    record: &Record<'_>,
    topology: &Topology,
    out: &mut Outbox,
    marks: &[Mark<'_>],
) -> SharedHeaders {
    let origin = OriginHeaders {
        topic: &topology.source(record.source.topic).name,
        partition: record.source.partition,
        offset: record.offset,
        time: record.timestamp,
        key: record.key,
    };
    let mut bytes = OriginBytes::default();
    let marks = marks.iter().map(|(name, value)| (*name, Some(*value)));
    let incarnation = &topology.source(record.source.topic).incarnation.0;
    let incarnation = (headers::OTP_ORIGIN_INCARNATION, Some(&incarnation[..]));
    out.headers(origin.write(&mut bytes).into_iter().chain([incarnation]).chain(marks))
}
