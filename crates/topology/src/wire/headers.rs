//! The names of record headers, each declared once, and readers for them. Append only: outsiders rely on the names.
//!
//! Decides nothing: the task checks whether a deadline has passed, and whether a reply topic belongs to the caller.

use super::record::Headers;
use super::rfc3339;
use crate::otp::LogTime;

/// CloudEvents in binary mode, on every event (docs/interface.md, "Record keys, ids and headers").
pub const CE_SPECVERSION: &str = "ce_specversion";
pub const CE_ID: &str = "ce_id";
pub const CE_SOURCE: &str = "ce_source";
pub const CE_TYPE: &str = "ce_type";
pub const CE_TIME: &str = "ce_time";
pub const CE_CORRELATIONID: &str = "ce_correlationid";
pub const CE_CAUSATIONID: &str = "ce_causationid";
pub const CE_SUBJECT: &str = "ce_subject";
/// A request's deadline, RFC 3339 (CloudEvents' expiry extension).
pub const CE_EXPIRYTIME: &str = "ce_expirytime";
pub const CONTENT_TYPE: &str = "content-type";
/// Of values in Avro: where their schema is.
pub const CE_DATASCHEMA: &str = "ce_dataschema";

/// W3C trace context, passed through.
pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";

/// Spring's request and reply.
pub const KAFKA_CORRELATION_ID: &str = "kafka_correlationId";
pub const KAFKA_REPLY_TOPIC: &str = "kafka_replyTopic";
pub const KAFKA_REPLY_PARTITION: &str = "kafka_replyPartition";

/// The caller's own reference; events repeat it as `clientRef`.
pub const OTP_CLIENT_REF: &str = "otp-client-ref";
/// The operation, for a request whose body names none.
pub const OPERATION: &str = "operation";

/// Dead letters: the coordinates of the record, and why it was refused.
pub const DLQ_TOPIC: &str = "__dlq.errors.topic";
pub const DLQ_PARTITION: &str = "__dlq.errors.partition";
pub const DLQ_OFFSET: &str = "__dlq.errors.offset";
pub const DLQ_GROUP: &str = "__dlq.errors.group";
pub const DLQ_DELIVERY_COUNT: &str = "__dlq.errors.delivery.count";
pub const DLQ_MESSAGE: &str = "__dlq.errors.message";
pub const OTP_ERROR_STAGE: &str = "otp.error.stage";
pub const OTP_ERROR_CODE: &str = "otp.error.code";

/// Internal: the coordinates, time and key that a forwarded record had (big-endian numbers), and its kind.
pub const OTP_ORIGIN_TOPIC: &str = "otp.origin.topic";
pub const OTP_ORIGIN_PARTITION: &str = "otp.origin.partition";
pub const OTP_ORIGIN_OFFSET: &str = "otp.origin.offset";
pub const OTP_ORIGIN_TIME: &str = "otp.origin.time";
pub const OTP_ORIGIN_KEY: &str = "otp.origin.key";
pub const OTP_ORIGIN_INCARNATION: &str = "otp.origin.incarnation";
pub const OTP_KIND: &str = "otp.kind";
/// Internal: the record lay in a new partition before any instance read that partition.
pub const OTP_ORIGIN_WAITED: &str = "otp.origin.waited";
/// Internal: why the value could not become JSON where it was first read ([`super::json::JsonError::code`]).
pub const OTP_ORIGIN_UNDECODABLE: &str = "otp.origin.undecodable";

/// Internal: the step of a request that visits several homes ([`super::hop::Hop`]).
pub const OTP_HOP: &str = "otp.hop";

/// The value of [`OTP_KIND`] of a broadcast barrier. A forwarded record has no such header.
pub const KIND_BARRIER: &str = "mark";
/// The value of [`OTP_KIND`] of a hop.
pub const KIND_HOP: &str = "hop";

/// The value of [`CE_SPECVERSION`].
pub const SPECVERSION: &str = "1.0";
/// The value of [`CONTENT_TYPE`] for JSON.
pub const APPLICATION_JSON: &str = "application/json";

/// The common start of the names `OTP_ORIGIN_…`.
const ORIGIN_PREFIX: &str = "otp.origin.";

/// Longest `ce_id` and `otp-client-ref` in bytes; a longer one counts as absent (docs/interface.md, "Record keys, ids and headers").
pub const ID_LEN_MAX: usize = 128;
/// Longest correlation id and trace header that is passed on, in bytes; a longer one counts as absent.
const CORRELATION_ID_LEN_MAX: usize = 256;
const TRACEPARENT_LEN_MAX: usize = 128;
const TRACESTATE_LEN_MAX: usize = 512;
/// Longest key and `kafka_correlationId` that a reply repeats, in bytes. A request with a longer one is rejected.
pub const ECHO_BYTES_MAX: usize = 16 * 1024;

/// Whether headers of this name are written by this service only. They are ignored on records of anybody else.
pub fn is_internal(name: &str) -> bool {
    name == OTP_KIND || name == OTP_HOP || name.starts_with(ORIGIN_PREFIX)
}

/// Whether anybody reads a request's headers of this name.
pub fn is_read(name: &str) -> bool {
    const READ: [&str; 10] = [
        CE_ID,
        CE_CORRELATIONID,
        OTP_CLIENT_REF,
        TRACEPARENT,
        TRACESTATE,
        CE_EXPIRYTIME,
        KAFKA_CORRELATION_ID,
        KAFKA_REPLY_TOPIC,
        KAFKA_REPLY_PARTITION,
        OPERATION,
    ];
    READ.contains(&name)
}

/// The value of `kafka_replyPartition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyPartition {
    #[default]
    Absent,
    /// Four bytes, big-endian, as Spring writes it. May be negative or beyond the topic's partitions.
    At(i32),
    Malformed,
}

/// The value of `ce_expirytime`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deadline {
    #[default]
    Absent,
    /// The start of log time, if it is before 1970.
    At(LogTime),
    /// Not an RFC 3339 time with a zone. It counts as none, and is counted.
    Unreadable,
}

/// The headers of a request. Of several headers of one name the last one counts; a null value counts as absent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestHeaders<'a> {
    /// Not empty, at most [`ID_LEN_MAX`] bytes.
    pub ce_id: Option<&'a str>,
    /// `ce_correlationid`, not empty.
    pub correlation_id: Option<&'a str>,
    /// Opaque, at most [`ID_LEN_MAX`] bytes.
    pub client_ref: Option<&'a str>,
    pub traceparent: Option<&'a str>,
    pub tracestate: Option<&'a str>,
    pub deadline: Deadline,
    /// Any bytes; the reply repeats them, up to [`ECHO_BYTES_MAX`].
    pub kafka_correlation_id: Option<&'a [u8]>,
    /// Bytes, so that a name that is not UTF-8 counts as a foreign topic, not as an absent one.
    pub reply_topic: Option<&'a [u8]>,
    pub reply_partition: ReplyPartition,
}

impl<'a> RequestHeaders<'a> {
    /// Reads all of them in one pass.
    pub fn read(headers: Headers<'a>) -> Self {
        let mut read = Self::default();
        for (name, value) in headers.iter() {
            let text = |len_max| text(value.map(unquoted), len_max);
            match name {
                CE_ID => read.ce_id = text(ID_LEN_MAX).filter(not_empty),
                CE_CORRELATIONID => {
                    read.correlation_id = text(CORRELATION_ID_LEN_MAX).filter(not_empty);
                }
                OTP_CLIENT_REF => read.client_ref = text(ID_LEN_MAX),
                TRACEPARENT => read.traceparent = text(TRACEPARENT_LEN_MAX).filter(not_empty),
                TRACESTATE => read.tracestate = text(TRACESTATE_LEN_MAX).filter(not_empty),
                CE_EXPIRYTIME => {
                    read.deadline = value.map_or(Deadline::Absent, |_| {
                        let time = text(rfc3339::TEXT_LEN_MAX).and_then(rfc3339::parse_deadline);
                        time.map_or(Deadline::Unreadable, Deadline::At)
                    });
                }
                KAFKA_CORRELATION_ID => read.kafka_correlation_id = value,
                KAFKA_REPLY_TOPIC => read.reply_topic = value.map(unquoted),
                KAFKA_REPLY_PARTITION => {
                    read.reply_partition = value.map_or(ReplyPartition::Absent, |bytes| {
                        read_i32(bytes).map_or(ReplyPartition::Malformed, ReplyPartition::At)
                    });
                }
                _ => {}
            }
        }
        read
    }
}

/// Shows which headers are present. Their values are the caller's, and not shown.
impl std::fmt::Debug for RequestHeaders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHeaders")
            .field("ce_id", &self.ce_id.is_some())
            .field("deadline", &self.deadline)
            .field("reply_partition", &self.reply_partition)
            .finish_non_exhaustive()
    }
}

/// The record that a forwarded record was made of: its coordinates, append time and key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OriginHeaders<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    pub time: LogTime,
    pub key: Option<&'a [u8]>,
}

/// The numbers of an [`OriginHeaders`] as header values.
#[derive(Clone, Copy, Debug, Default)]
pub struct OriginBytes {
    partition: [u8; 4],
    offset: [u8; 8],
    time: [u8; 8],
}

impl<'a> OriginHeaders<'a> {
    /// `None`: a header other than the key is missing or malformed.
    pub fn read(headers: Headers<'a>) -> Option<Self> {
        let (mut topic, mut partition, mut offset, mut time, mut key) = (None, None, None, None, None);
        for (name, value) in headers.iter() {
            match name {
                OTP_ORIGIN_TOPIC => topic = value.and_then(|bytes| std::str::from_utf8(bytes).ok()),
                OTP_ORIGIN_PARTITION => partition = value.and_then(read_i32),
                OTP_ORIGIN_OFFSET => offset = value.and_then(read_i64),
                OTP_ORIGIN_TIME => time = value.and_then(read_u64),
                OTP_ORIGIN_KEY => key = value,
                _ => {}
            }
        }
        Some(Self {
            topic: topic?,
            partition: partition?,
            offset: offset?,
            time: LogTime::from_ms(time?),
            key,
        })
    }

    /// As names and values, which borrow their numbers from `bytes`.
    pub fn write<'h>(&self, bytes: &'h mut OriginBytes) -> [(&'static str, Option<&'h [u8]>); 5]
    where
        'a: 'h,
    {
        *bytes = OriginBytes {
            partition: self.partition.to_be_bytes(),
            offset: self.offset.to_be_bytes(),
            time: self.time.ms().to_be_bytes(),
        };
        [
            (OTP_ORIGIN_TOPIC, Some(self.topic.as_bytes())),
            (OTP_ORIGIN_PARTITION, Some(&bytes.partition)),
            (OTP_ORIGIN_OFFSET, Some(&bytes.offset)),
            (OTP_ORIGIN_TIME, Some(&bytes.time)),
            (OTP_ORIGIN_KEY, self.key),
        ]
    }
}

/// Shows only whether there is a key: a key may contain a phone number.
impl std::fmt::Debug for OriginHeaders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OriginHeaders")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("time", &self.time)
            .field("key", &self.key.is_some())
            .finish()
    }
}

/// Four bytes, big-endian.
fn read_i32(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_be_bytes)
}

/// Eight bytes, big-endian.
fn read_i64(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// Eight bytes, big-endian.
fn read_u64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

/// A text header without the JSON quotes in which Spring's mapper writes what is no string: a UUID, an Instant. A value
/// with quotes or escapes inside is none of these, and stays as it is.
pub fn unquoted(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] if !inner.iter().any(|byte| matches!(byte, b'"' | b'\\')) => inner,
        _ => value,
    }
}

fn text(value: Option<&[u8]>, len_max: usize) -> Option<&str> {
    let bytes = value.filter(|bytes| bytes.len() <= len_max)?;
    std::str::from_utf8(bytes).ok()
}

fn not_empty(text: &&str) -> bool {
    !text.is_empty()
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
