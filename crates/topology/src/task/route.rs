//! Where a record's work is done, and the hop to get there.
//!
//! The home partition is murmur2 of the canonical subject modulo the number of tasks, whatever the record's key says.
//! A record at home is decided in place; any other is forwarded to the repartition topic with the coordinates and
//! time of its origin, and from there it is never forwarded again.

use super::incoming::Incoming;
use super::topology::{SourceKind, Topology};
use crate::contract::Contracts;
use crate::otp::CanonicalSubject;
use crate::wire::headers::{self, KIND_MARK, OriginBytes, OriginHeaders};
use crate::wire::json;
use crate::wire::outbox::{Outbox, SharedHeaders};
use crate::wire::record::Record;

/// The home partition of a record that says whose it is; `None`: it does not, and is worked on where it lies.
pub(super) fn home_of(incoming: &Incoming<'_>, topology: &Topology) -> Option<i32> {
    match topology.source(incoming.source.topic).kind {
        SourceKind::Requests(at) => {
            let caller = &topology.callers[at];
            let body = json::parse_object(incoming.value, Contracts::names_of(caller.contract)).ok()?;
            let subject = topology.contracts.address(caller, &body, incoming.headers).subject?;
            Some(topology.home_of(subject.as_str()))
        }
        SourceKind::Directory => {
            let subject = CanonicalSubject::parse(std::str::from_utf8(incoming.key?).ok()?)?;
            Some(topology.home_of(subject.as_str()))
        }
        SourceKind::Admin => {
            let subject = super::admin::subject_of(incoming.value)?;
            Some(topology.home_of(subject.as_str()))
        }
        SourceKind::Repartition | SourceKind::Broadcast(_) => None,
    }
}

/// As a task finds it: the home partition of a record of any source partition.
pub fn home_of_record(record: &Record<'_>, topology: &Topology) -> Option<i32> {
    home_of(&Incoming::in_place(record), topology)
}

/// Forwards a record to a home partition, less the headers by which it could pass for one of ours.
pub(super) fn forward(incoming: &Incoming<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    let origin = origin_headers(incoming, topology, out, None);
    let passed = out.headers(incoming.headers.iter().filter(|(name, _)| !headers::is_internal(name)));
    match incoming.value {
        Some(value) => {
            out.push(topology.repartition, home, incoming.key, passed, origin, |bytes| {
                bytes.extend_from_slice(value)
            });
        }
        None => out.push_null(topology.repartition, home, incoming.key, passed, origin),
    }
}

/// Tells a home partition that it has got all that a broadcast topic held at the first start.
pub(super) fn forward_mark(incoming: &Incoming<'_>, home: i32, topology: &Topology, out: &mut Outbox) {
    let origin = origin_headers(incoming, topology, out, Some(KIND_MARK));
    out.push_null(topology.repartition, home, None, SharedHeaders::default(), origin);
}

/// Forwards a record of a source partition that has no home task.
///
/// A record that does not say whose it is goes to the task of the same number, modulo the number of tasks.
pub fn forward_only(record: &Record<'_>, topology: &Topology, out: &mut Outbox) {
    let incoming = Incoming::in_place(record);
    let home = home_of(&incoming, topology).unwrap_or(record.source.partition % topology.partitions);
    forward(&incoming, home, topology, out);
}

fn origin_headers(
    incoming: &Incoming<'_>,
    topology: &Topology,
    out: &mut Outbox,
    kind: Option<&'static str>,
) -> SharedHeaders {
    let origin = OriginHeaders {
        topic: &topology.source(incoming.source.topic).name,
        partition: incoming.source.partition,
        offset: incoming.offset,
        time: incoming.time,
        key: incoming.key,
    };
    let mut bytes = OriginBytes::default();
    let kind = kind.map(|kind| (headers::OTP_KIND, Some(kind.as_bytes())));
    let incarnation = &topology.source(incoming.source.topic).incarnation.0;
    let incarnation = (headers::OTP_ORIGIN_INCARNATION, Some(&incarnation[..]));
    out.headers(origin.write(&mut bytes).into_iter().chain([incarnation]).chain(kind))
}
