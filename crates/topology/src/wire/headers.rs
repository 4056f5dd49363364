//! The names of record headers, declared once, and what a request's headers say. Append only: outsiders rely on
//! the names. Judges nothing: whether a deadline has passed or a reply topic is the caller's is the task's affair.

use super::record::Headers;
use super::rfc3339;
use crate::otp::LogTime;

/// CloudEvents, binary mode (on every event; docs/interface.md, "Record keys, ids and headers").
pub const CE_SPECVERSION: &str = "ce_specversion";
pub const CE_ID: &str = "ce_id";
pub const CE_SOURCE: &str = "ce_source";
pub const CE_TYPE: &str = "ce_type";
pub const CE_TIME: &str = "ce_time";
pub const CE_CORRELATIONID: &str = "ce_correlationid";
pub const CE_CAUSATIONID: &str = "ce_causationid";
/// A request's deadline, RFC 3339 (CloudEvents' expiry extension).
pub const CE_EXPIRYTIME: &str = "ce_expirytime";
pub const CONTENT_TYPE: &str = "content-type";

/// W3C trace context, passed through.
pub const TRACEPARENT: &str = "traceparent";
pub const TRACESTATE: &str = "tracestate";

/// Spring's request and reply.
pub const KAFKA_CORRELATION_ID: &str = "kafka_correlationId";
pub const KAFKA_REPLY_TOPIC: &str = "kafka_replyTopic";
pub const KAFKA_REPLY_PARTITION: &str = "kafka_replyPartition";

/// The relying service's own reference; comes back as `clientRef`.
pub const OTP_CLIENT_REF: &str = "otp-client-ref";
/// The operation, where the body names none.
pub const OPERATION: &str = "operation";

/// Dead letters: where the record lay and what was wrong with it.
pub const DLQ_TOPIC: &str = "__dlq.errors.topic";
pub const DLQ_PARTITION: &str = "__dlq.errors.partition";
pub const DLQ_OFFSET: &str = "__dlq.errors.offset";
pub const DLQ_GROUP: &str = "__dlq.errors.group";
pub const DLQ_DELIVERY_COUNT: &str = "__dlq.errors.delivery.count";
pub const DLQ_MESSAGE: &str = "__dlq.errors.message";
pub const OTP_ERROR_STAGE: &str = "otp.error.stage";
pub const OTP_ERROR_CODE: &str = "otp.error.code";

/// Internal: what a forwarded record was before (big-endian numbers), and what kind of record it is.
pub const OTP_ORIGIN_TOPIC: &str = "otp.origin.topic";
pub const OTP_ORIGIN_PARTITION: &str = "otp.origin.partition";
pub const OTP_ORIGIN_OFFSET: &str = "otp.origin.offset";
pub const OTP_ORIGIN_TIME: &str = "otp.origin.time";
pub const OTP_ORIGIN_KEY: &str = "otp.origin.key";
pub const OTP_ORIGIN_INCARNATION: &str = "otp.origin.incarnation";
pub const OTP_KIND: &str = "otp.kind";

/// The value of [`OTP_KIND`] of a mark; other forwarded records have no such header.
pub const KIND_MARK: &str = "mark";

/// The value of [`CE_SPECVERSION`].
pub const SPECVERSION: &str = "1.0";
/// The value of [`CONTENT_TYPE`] for JSON.
pub const APPLICATION_JSON: &str = "application/json";

/// Begins the names of what a forwarded record was before.
const ORIGIN_PREFIX: &str = "otp.origin.";

/// Longest `ce_id` and `otp-client-ref`, in bytes; longer counts as absent (docs/interface.md, "Record keys, ids and headers").
pub const ID_LEN_MAX: usize = 128;
/// Longest correlation id and trace header that is passed on, in bytes; longer counts as absent.
const CORRELATION_ID_LEN_MAX: usize = 256;
const TRACEPARENT_LEN_MAX: usize = 128;
const TRACESTATE_LEN_MAX: usize = 512;

/// Whether only this service writes headers of this name: from anybody else they count for nothing.
pub fn is_internal(name: &str) -> bool {
    name == OTP_KIND || name.starts_with(ORIGIN_PREFIX)
}

/// What `kafka_replyPartition` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyPartition {
    #[default]
    Absent,
    /// Four bytes, big-endian, as Spring writes it; may be out of range, also negative.
    At(i32),
    Malformed,
}

/// What a request's headers say. The last header of a name counts; a null value is as absent.
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
    /// The deadline; absent if it is no RFC 3339 time, the beginning of log time if it lies before 1970.
    pub expires_at: Option<LogTime>,
    /// Any bytes, to be echoed.
    pub kafka_correlation_id: Option<&'a [u8]>,
    /// Bytes, so that a name that is not UTF-8 is a foreign one and not an absent one.
    pub reply_topic: Option<&'a [u8]>,
    pub reply_partition: ReplyPartition,
}

impl<'a> RequestHeaders<'a> {
    /// Reads all of them in one pass.
    pub fn read(headers: Headers<'a>) -> Self {
        let mut read = Self::default();
        for (name, value) in headers.iter() {
            match name {
                CE_ID => read.ce_id = text(value, ID_LEN_MAX).filter(not_empty),
                CE_CORRELATIONID => {
                    read.correlation_id = text(value, CORRELATION_ID_LEN_MAX).filter(not_empty);
                }
                OTP_CLIENT_REF => read.client_ref = text(value, ID_LEN_MAX),
                TRACEPARENT => read.traceparent = text(value, TRACEPARENT_LEN_MAX).filter(not_empty),
                TRACESTATE => read.tracestate = text(value, TRACESTATE_LEN_MAX).filter(not_empty),
                CE_EXPIRYTIME => {
                    read.expires_at = text(value, rfc3339::TEXT_LEN_MAX).and_then(rfc3339::parse_deadline);
                }
                KAFKA_CORRELATION_ID => read.kafka_correlation_id = value,
                KAFKA_REPLY_TOPIC => read.reply_topic = value,
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

/// Names what is there, not what it says: values are the sender's.
impl std::fmt::Debug for RequestHeaders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestHeaders")
            .field("ce_id", &self.ce_id.is_some())
            .field("expires_at", &self.expires_at)
            .field("reply_partition", &self.reply_partition)
            .finish_non_exhaustive()
    }
}

/// Where a forwarded record came from: its place and append time, and the key that it had.
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
    /// `None` if one is missing (the key excepted) or malformed.
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

    /// As names and values; `bytes` holds the numbers meanwhile.
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

/// Names only whether there is a key: a key may be a phone number.
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
pub fn read_i32(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_be_bytes)
}

/// Eight bytes, big-endian.
pub fn read_i64(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

/// Eight bytes, big-endian.
pub fn read_u64(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
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
