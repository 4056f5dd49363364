//! Dead letters: references to records that could not be read. They contain payload and key only if the deployment asks
//! for it, because a malformed verification contains a valid code.

use super::Task;
use crate::deployment::coordinates;
use crate::state::StateStore;
use crate::wire::headers::{self, RequestHeaders};
use crate::wire::outbox::{Outbox, SharedHeaders};
use crate::wire::record::Record;
use crate::wire::rfc3339;

/// Largest key and value that a dead letter contains, together, in bytes. It must fit into its topic.
const COPY_BYTES_MAX: usize = 512 * 1024;

impl<S: StateStore> Task<S> {
    /// `message` says what is wrong, and contains nothing of the payload.
    pub(super) fn dead_letter(
        &mut self,
        record: &Record<'_>,
        stage: &'static str,
        code: &'static str,
        message: &str,
        out: &mut Outbox,
    ) {
        self.counters.count_dead_letter(stage, code);
        let topology = &self.topology;
        let origin = topology.origin_of(record);
        let mut time = [0; rfc3339::LEN];
        let (partition, offset) = (origin.partition.to_string(), origin.offset.to_string());
        let headers = RequestHeaders::read(record.headers);
        let coordinates = coordinates(&origin);
        let id = format!("{coordinates}-dead-letter");
        let cause = headers.ce_id.unwrap_or(&coordinates);
        let own = [
            (headers::CE_SPECVERSION, headers::SPECVERSION),
            (headers::CE_ID, &id),
            (headers::CE_SOURCE, &topology.application_id),
            (headers::CE_TYPE, "org.digit.otp.dead-letter.v1"),
            (headers::CE_TIME, rfc3339::write(origin.time, &mut time)),
            (headers::CONTENT_TYPE, headers::APPLICATION_JSON),
            (headers::CE_CORRELATIONID, headers.correlation_id.unwrap_or(cause)),
            (headers::CE_CAUSATIONID, cause),
            (headers::DLQ_TOPIC, origin.topic),
            (headers::DLQ_PARTITION, &partition),
            (headers::DLQ_OFFSET, &offset),
            (headers::DLQ_GROUP, &topology.application_id),
            (headers::DLQ_DELIVERY_COUNT, "1"),
            (headers::DLQ_MESSAGE, message),
            (headers::OTP_ERROR_STAGE, stage),
            (headers::OTP_ERROR_CODE, code),
        ];
        let trace = [(headers::TRACEPARENT, headers.traceparent), (headers::TRACESTATE, headers.tracestate)];
        let trace = trace.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let own = own.into_iter().chain(trace).map(|(name, value)| (name, Some(value.as_bytes())));
        let transport = headers.kafka_correlation_id.filter(|id| id.len() <= headers::ECHO_BYTES_MAX);
        let transport = transport.map(|id| (headers::KAFKA_CORRELATION_ID, Some(id)));
        let own = own.chain(transport);
        let own = out.headers(own);
        let count = topology.output(topology.dead_letter).partitions;
        let (to, at, none) = (topology.dead_letter, origin.partition % count, SharedHeaders::default());
        let size: usize = record.key.iter().chain(&record.value).map(|bytes| bytes.len()).sum();
        let copy = topology.dead_letter_copy && size <= COPY_BYTES_MAX;
        let key = record.key.filter(|_| copy);
        out.push(to, at, key, none, own, record.value.filter(|_| copy));
    }
}
