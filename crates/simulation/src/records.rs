//! Reads records as an outsider does: from their pinned bytes. Shares no code with the service, so that it does not share
//! its mistakes.

use otp_topology::deployment::Topology;
use otp_topology::wire::record::SourcePartition;

use crate::broker::{StoredRecord, TopicPartition};
use crate::house::House;

/// The value of the last header of this name, if it is text.
pub(crate) fn header<'a>(record: &'a StoredRecord, name: &str) -> Option<&'a str> {
    header_bytes(record, name).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// The coordinates of the record that a forwarded record was made of.
pub(crate) fn origin_of(record: &StoredRecord, house: &House) -> Option<(TopicPartition, i64)> {
    let topic = std::str::from_utf8(header_bytes(record, "otp.origin.topic")?).ok()?;
    let partition = i32::from_be_bytes(header_bytes(record, "otp.origin.partition")?.try_into().ok()?);
    let offset = i64::from_be_bytes(header_bytes(record, "otp.origin.offset")?.try_into().ok()?);
    Some((TopicPartition { topic: house.topics.iter().position(|it| it == topic)?, partition }, offset))
}

/// A position in the changelog. Key: family, path, topic, 0, partition. Value: version, next offset, incarnation.
/// `None`: the entry is not a position of a record read in place.
pub(crate) fn read_position(key: &[u8], value: &[u8], topology: &Topology) -> Option<(SourcePartition, i64)> {
    let (rest, partition) = key.strip_prefix(b"OR")?.split_last_chunk::<4>()?;
    let topic = topology.source_named(std::str::from_utf8(rest.strip_suffix(&[0])?).ok()?)?;
    let next = i64::from_be_bytes(value.get(1..9)?.try_into().ok()?);
    Some((SourcePartition { topic, partition: i32::from_be_bytes(*partition) }, next))
}

pub(crate) fn header_bytes<'a>(record: &'a StoredRecord, name: &str) -> Option<&'a [u8]> {
    record.headers.iter().rev().find(|(it, _)| it == name)?.1.as_deref()
}
