//! Behaviour of the header readers; the names are pinned.

use super::super::record::{RecordBatch, SourcePartition, SourceTopic};
use super::*;

type Given<'a> = &'a [(&'a str, Option<&'a [u8]>)];

fn batch(headers: Given<'_>) -> RecordBatch {
    let mut batch = RecordBatch::default();
    let source = SourcePartition { topic: SourceTopic(0), partition: 0 };
    batch.push(source, 0, LogTime::from_ms(0), None, None, headers.iter().copied());
    batch
}

fn check(headers: Given<'_>, expected: RequestHeaders<'_>) {
    let batch = batch(headers);
    let read = RequestHeaders::read(batch.get(0).headers);
    assert!(read == expected, "{headers:?}");
}

#[test]
fn reads_each_header_of_a_request() {
    check(&[], RequestHeaders::default());
    check(
        &[
            ("ce_id", Some(b"id-1")),
            ("ce_correlationid", Some(b"c-1")),
            ("otp-client-ref", Some(b"case 7")),
            ("traceparent", Some(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
            ("tracestate", Some(b"a=b")),
            ("ce_expirytime", Some(b"2025-01-01T00:00:00Z")),
            ("kafka_correlationId", Some(b"\xff\x00")),
            ("kafka_replyTopic", Some(b"replies")),
            ("kafka_replyPartition", Some(b"\x00\x00\x01\x02")),
            ("appId", Some(b"whatever")),
        ],
        RequestHeaders {
            ce_id: Some("id-1"),
            correlation_id: Some("c-1"),
            client_ref: Some("case 7"),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            tracestate: Some("a=b"),
            deadline: Deadline::At(LogTime::from_ms(1_735_689_600_000)),
            kafka_correlation_id: Some(b"\xff\x00"),
            reply_topic: Some(b"replies"),
            reply_partition: ReplyPartition::At(258),
        },
    );
}

#[test]
fn an_id_counts_if_it_is_text_of_1_to_128_bytes() {
    let check_id = |value: &[u8], expected: Option<&str>| {
        let ce_id = expected;
        check(&[(CE_ID, Some(value))], RequestHeaders { ce_id, ..Default::default() });
    };
    let longest = "x".repeat(128);
    check_id(longest.as_bytes(), Some(&longest));
    check_id("x".repeat(129).as_bytes(), None);
    check_id(b"", None);
    check_id(b"\xff", None);
    let too_long = "x".repeat(129);
    check(&[(OTP_CLIENT_REF, Some(too_long.as_bytes()))], RequestHeaders::default());
    let too_long = "x".repeat(513);
    check(&[(TRACESTATE, Some(too_long.as_bytes()))], RequestHeaders::default());
}

#[test]
fn the_last_header_of_a_name_wins_even_if_it_is_of_no_use() {
    let long = "x".repeat(513);
    let long = Some(long.as_bytes());
    // A name, two values that count, and some that are of no use.
    let check_name = |name, [first, last]: [&[u8]; 2], useless: &[Option<&[u8]>]| {
        let alone = batch(&[(name, Some(last))]);
        let expected = RequestHeaders::read(alone.get(0).headers);
        assert!(expected != RequestHeaders::default(), "{name}");
        check(&[(name, Some(first)), (name, Some(last))], expected);
        for value in useless {
            let alone = batch(&[(name, *value)]);
            check(&[(name, Some(first)), (name, *value)], RequestHeaders::read(alone.get(0).headers));
            check(&[(name, *value), (name, Some(last))], expected);
        }
        let other_case = name.to_uppercase();
        check(&[(name, Some(last)), (&other_case, Some(first))], expected);
    };
    let text: [&[u8]; 2] = [b"a", b"b"];
    check_name(CE_ID, text, &[None, Some(b""), Some(b"\xff"), long]);
    check_name(CE_CORRELATIONID, text, &[None, Some(b""), Some(b"\xff"), long]);
    check_name(OTP_CLIENT_REF, text, &[None, Some(b"\xff"), long]);
    check_name(TRACEPARENT, text, &[None, Some(b""), Some(b"\xff"), long]);
    check_name(TRACESTATE, text, &[None, Some(b""), Some(b"\xff"), long]);
    let times: [&[u8]; 2] = [b"2025-01-01T00:00:00Z", b"2026-01-01T00:00:00Z"];
    check_name(CE_EXPIRYTIME, times, &[None, Some(b""), Some(b"tomorrow"), Some(b"\xff"), long]);
    check_name(KAFKA_CORRELATION_ID, text, &[None]);
    check_name(KAFKA_REPLY_TOPIC, text, &[None]);
    check_name(KAFKA_REPLY_PARTITION, [b"\0\0\0\x01", b"\0\0\0\x02"], &[None]);
}

#[test]
fn a_reply_partition_is_four_bytes() {
    let check_partition = |value: Option<&[u8]>, reply_partition| {
        let expected = RequestHeaders { reply_partition, ..Default::default() };
        check(&[(KAFKA_REPLY_PARTITION, value)], expected);
    };
    check_partition(None, ReplyPartition::Absent);
    check_partition(Some(b"\0\0\0\x03"), ReplyPartition::At(3));
    check_partition(Some(b"\xff\xff\xff\xff"), ReplyPartition::At(-1));
    check_partition(Some(b"3"), ReplyPartition::Malformed);
    check_partition(Some(b""), ReplyPartition::Malformed);
    check_partition(Some(b"\0\0\0\0\x03"), ReplyPartition::Malformed);
}

#[test]
fn a_deadline_that_is_no_time_is_told_from_none() {
    let check_deadline = |value: &[u8], ms: Option<u64>| {
        let deadline = ms.map_or(Deadline::Unreadable, |ms| Deadline::At(LogTime::from_ms(ms)));
        let expected = RequestHeaders { deadline, ..Default::default() };
        check(&[(CE_EXPIRYTIME, Some(value))], expected);
        check(&[(CE_EXPIRYTIME, Some(b"2025-01-01T00:00:00Z")), (CE_EXPIRYTIME, Some(value))], expected);
        let absent = [(CE_EXPIRYTIME, Some(value)), (CE_EXPIRYTIME, None)];
        check(&absent, RequestHeaders::default());
    };
    check_deadline(b"2025-01-01T00:00:00+01:00", Some(1_735_686_000_000));
    check_deadline(b"1969-01-01T00:00:00Z", Some(0));
    check_deadline(b"tomorrow", None);
    check_deadline(b"\xff", None);
    check_deadline(b"", None);
    check_deadline(b"1735689600.000000000", None);
    check_deadline(b"2025-01-01T00:00:00", None);
}

#[test]
fn text_headers_are_read_without_their_json_quotes() {
    let quoted = [
        (CE_ID, Some(&b"\"0af76519-16cd-43dd-8448-eb211c80319c\""[..])),
        (CE_CORRELATIONID, Some(b"\"c-1\"")),
        (OTP_CLIENT_REF, Some(b"\"case 7\"")),
        (CE_EXPIRYTIME, Some(b"\"2025-01-01T00:00:00Z\"")),
        (KAFKA_REPLY_TOPIC, Some(b"\"replies\"")),
        (KAFKA_CORRELATION_ID, Some(b"\"as it is\"")),
    ];
    let expected = RequestHeaders {
        ce_id: Some("0af76519-16cd-43dd-8448-eb211c80319c"),
        correlation_id: Some("c-1"),
        client_ref: Some("case 7"),
        deadline: Deadline::At(LogTime::from_ms(1_735_689_600_000)),
        reply_topic: Some(b"replies"),
        kafka_correlation_id: Some(b"\"as it is\""),
        ..Default::default()
    };
    check(&quoted, expected);
    let check = |value: &[u8], expected: &[u8]| assert_eq!(unquoted(value), expected, "{value:?}");
    check(b"\"", b"\"");
    check(b"\"\"", b"");
    check(b"\"a", b"\"a");
    check(br#""a"b""#, br#""a"b""#);
    check(br#""a\"""#, br#""a\"""#);
    check(b"\"\xff\"", b"\xff");
}

#[test]
fn an_origin_survives_its_headers() {
    let origin = OriginHeaders {
        topic: "otp-request-egov",
        partition: 7,
        offset: 1 << 40,
        time: LogTime::from_ms(1_735_689_600_000),
        key: Some(b"\xff key"),
    };
    for origin in [origin, OriginHeaders { key: None, ..origin }] {
        let mut bytes = OriginBytes::default();
        let written = origin.write(&mut bytes);
        let whole = batch(&written);
        assert!(OriginHeaders::read(whole.get(0).headers) == Some(origin));
        for missing in 0..4 {
            let mut part = written.to_vec();
            part.remove(missing);
            let part = batch(&part);
            assert!(OriginHeaders::read(part.get(0).headers).is_none());
        }
    }
}

#[test]
fn debug_shows_no_value() {
    let headers = RequestHeaders { ce_id: Some("9123456789"), ..Default::default() };
    assert!(!format!("{headers:?}").contains("9123456789"));
}

#[test]
fn names_are_pinned() {
    let names = [
        CE_SPECVERSION,
        CE_ID,
        CE_SOURCE,
        CE_TYPE,
        CE_TIME,
        CE_CORRELATIONID,
        CE_CAUSATIONID,
        CE_SUBJECT,
        CE_EXPIRYTIME,
        CONTENT_TYPE,
        TRACEPARENT,
        TRACESTATE,
        KAFKA_CORRELATION_ID,
        KAFKA_REPLY_TOPIC,
        KAFKA_REPLY_PARTITION,
        OTP_CLIENT_REF,
        OPERATION,
        DLQ_TOPIC,
        DLQ_PARTITION,
        DLQ_OFFSET,
        DLQ_GROUP,
        DLQ_DELIVERY_COUNT,
        DLQ_MESSAGE,
        OTP_ERROR_STAGE,
        OTP_ERROR_CODE,
        OTP_ORIGIN_TOPIC,
        OTP_ORIGIN_PARTITION,
        OTP_ORIGIN_OFFSET,
        OTP_ORIGIN_TIME,
        OTP_ORIGIN_KEY,
        OTP_ORIGIN_INCARNATION,
        OTP_KIND,
        OTP_ORIGIN_WAITED,
    ];
    let pinned = "ce_specversion ce_id ce_source ce_type ce_time ce_correlationid ce_causationid ce_subject \
        ce_expirytime content-type traceparent tracestate kafka_correlationId kafka_replyTopic kafka_replyPartition \
        otp-client-ref operation __dlq.errors.topic __dlq.errors.partition __dlq.errors.offset \
        __dlq.errors.group __dlq.errors.delivery.count __dlq.errors.message otp.error.stage otp.error.code \
        otp.origin.topic otp.origin.partition otp.origin.offset otp.origin.time otp.origin.key \
        otp.origin.incarnation otp.kind otp.origin.waited";
    assert_eq!(names.join(" "), pinned);
}
