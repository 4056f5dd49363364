//! Behaviour of the reader and the writer of kcat's lines.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// CANARY stands for a secret: no error text may repeat it.
const SAMPLES: [&[u8]; 2] = [LINE, BASE64_LINE];
/// The largest time that Kafka can hold.
const LATEST_MS: u64 = i64::MAX as u64;
const LINE: &[u8] = br#"{"topic":"requests","partition":0,"offset":7,"ts":1700000000000,"headers":["ce_id","1","x",null],"key":"k","payload":"{}"}"#;
const BASE64_LINE: &[u8] = br#"{"topic":"requests","payload_base64":"/w==","key_base64":"/w","headers_base64":["kafka_replyPartition","AAAAAA=="]}"#;

/// Text that parsers have failed on.
const PIECES: [&[u8]; 9] = [
    b"",
    b"null",
    b"-0",
    b"1e999",
    b"18446744073709551616",
    br#""\ud800""#,
    b"[[",
    b"\xff\xfe",
    b"\"CANARY\"",
];

fn record<'a>(topic: &'a str, payload: Option<&'a [u8]>) -> LineRecord<'a> {
    LineRecord { topic: Cow::Borrowed(topic), payload: payload.map(Cow::Borrowed), ..Default::default() }
}

fn header<'a>(name: &'a str, value: Option<&'a [u8]>) -> Header<'a> {
    (Cow::Borrowed(name), value.map(Cow::Borrowed))
}

fn check(line: &[u8], expected: LineRecord<'_>) {
    let read = decode(line);
    assert!(read == Ok(Some(Line::Record(expected))), "{}", String::from_utf8_lossy(line));
}

fn check_bad(line: &str, expected: &str) {
    let bad = decode(line.as_bytes()).map(|_| "a line");
    assert_eq!(bad.map_err(|bad| bad.to_string()), Err(expected.to_owned()), "{line}");
}

#[test]
fn reads_what_kcat_prints() {
    check(
        b"{\"topic\":\"otp-request-egov\",\"partition\":3,\"offset\":12,\"tstype\":\"logappend\",\"ts\":1735689600000,\
          \"broker\":1,\"headers\":[\"ce_id\",\"a\",\"ce_id\",null],\"key\":\"egov|pb|1\",\"payload\":\"{\\\"a\\\":1}\"}\n",
        LineRecord {
            partition: Some(3),
            offset: Some(12),
            timestamp: Some(LogTime::from_ms(1_735_689_600_000)),
            key: Some(Cow::Borrowed(b"egov|pb|1")),
            headers: vec![header("ce_id", Some(b"a")), header("ce_id", None)],
            ..record("otp-request-egov", Some(br#"{"a":1}"#))
        },
    );
    check(
        b"{\"topic\":\"t\",\"headers\":[\"kafka_correlationId\",\"\xff\xfe\\u0000\"],\"key\":null,\"payload\":\"\xc3\"}",
        LineRecord {
            headers: vec![header("kafka_correlationId", Some(b"\xff\xfe\0"))],
            ..record("t", Some(b"\xc3"))
        },
    );
}

#[test]
fn only_topic_and_payload_are_needed() {
    check(br#"{"topic":"t","payload":"x"}"#, record("t", Some(b"x")));
    check(br#"{"payload":null,"topic":"t"}"#, record("t", None));
    check(br#"{"topic":"t","payload":"x","headers":null,"partition":null}"#, record("t", Some(b"x")));
    check(br#"{"topic":"t","payload":"x","ts":-1}"#, record("t", Some(b"x")));
    check(br#"{"topic":"t","payload_base64":"/w"}"#, record("t", Some(b"\xff")));
    check(br#"{"topic":"t","payload":null,"payload_base64":"/w=="}"#, record("t", Some(b"\xff")));
}

#[test]
fn a_line_with_only_a_time_lets_time_pass() {
    let check = |line: &str, expected: Option<u64>| {
        let expected = expected.map(|ms| Line::Time(LogTime::from_ms(ms)));
        assert!(decode(line.as_bytes()) == Ok(expected), "{line}");
    };
    check(r#"{"ts":17}"#, Some(17));
    check("", None);
    check(" \t\r\n", None);
    check_bad(r#"{"ts":17,"partition":0}"#, "`topic` is missing");
}

#[test]
fn an_error_names_the_bad_member() {
    check_bad("x", "is not a JSON object");
    check_bad("[]", "is not a JSON object");
    check_bad(r#"{"topic":"t","payload":"x""#, "is not a JSON object");
    check_bad(r#"{"topic":"t","payload":"x"}{}"#, "is not a JSON object");
    check_bad(r#"{"topic":"t","offset":x}"#, "is not a JSON object");
    check_bad("{}", "`topic` is missing");
    check_bad(r#"{"payload":"x"}"#, "`topic` is missing");
    check_bad(r#"{"topic":"t"}"#, "`payload` is missing");
    check_bad(r#"{"topic":7,"payload":"x"}"#, "`topic` must be a string");
    check_bad(r#"{"topic":"t","payload":{}}"#, "`payload` must be a string");
    check_bad(r#"{"topic":"t","payload":[1]}"#, "`payload` must be a string");
    check_bad(r#"{"topic":"t","payload":"x","key":1}"#, "`key` must be a string");
    check_bad(
        r#"{"topic":"t","payload":"x","partition":-1}"#,
        "`partition` must be an integer, not negative",
    );
    check_bad(
        r#"{"topic":"t","payload":"x","partition":4294967296}"#,
        "`partition` must be an integer, not negative",
    );
    check_bad(r#"{"topic":"t","payload":"x","offset":"1"}"#, "`offset` must be an integer, not negative");
    check_bad(r#"{"topic":"t","payload":"x","ts":1.5}"#, "`ts` must be epoch milliseconds");
    check_bad(r#"{"topic":"t","payload":"x","ts":-2}"#, "`ts` must be epoch milliseconds");
    check_bad(r#"{"ts":-1}"#, "`topic` is missing");
    let flat = "must be a flat array of name, value, name, value";
    check_bad(r#"{"topic":"t","payload":"x","headers":{}}"#, &format!("`headers` {flat}"));
    check_bad(r#"{"topic":"t","payload":"x","headers":["a"]}"#, &format!("`headers` {flat}"));
    check_bad(r#"{"topic":"t","payload":"x","headers":[null,"a"]}"#, &format!("`headers` {flat}"));
    check_bad(r#"{"topic":"t","payload":"x","headers":["a",1]}"#, &format!("`headers` {flat}"));
    check_bad(r#"{"topic":"t","payload":"x","headers_base64":["a","%"]}"#, "`headers_base64` must be base64");
    check_bad(r#"{"topic":"t","payload_base64":"%"}"#, "`payload_base64` must be base64");
    check_bad(r#"{"topic":"t","payload":"x","payload_base64":"eA=="}"#, "`payload` is given twice");
    check_bad(r#"{"topic":"t","payload":"x","topic":"t"}"#, "`topic` is given twice");
}

#[test]
fn prints_what_kcat_prints_and_binary_as_base64() {
    let check = |key: Option<&[u8]>,
                 payload: Option<&[u8]>,
                 headers: &[(&str, Option<&[u8]>)],
                 expected: &str| {
        let line =
            OutputLine { topic: "t", partition: 2, offset: 9, timestamp: LogTime::from_ms(17), key, payload };
        let mut out = Vec::new();
        encode(&mut out, line, headers.iter().copied());
        let expected = format!("{{\"topic\":\"t\",\"partition\":2,\"offset\":9,\"ts\":17,{expected}}}\n");
        assert_eq!(String::from_utf8(out), Ok(expected));
    };
    check(None, None, &[], r#""headers":[],"key":null,"payload":null"#);
    check(
        Some(b"k\"\n"),
        Some("é".as_bytes()),
        &[("a", Some(b"1")), ("b", None), ("a", Some(b""))],
        r#""headers":["a","1","b",null,"a",""],"key":"k\"\n","payload":"é""#,
    );
    check(
        Some(b"\xff"),
        Some(b"\xfe\xff"),
        &[("a", Some(b"\xff")), ("b", Some(b"2")), ("c", Some(b"\xfd"))],
        r#""headers":["b","2"],"headers_base64":["a","/w==","c","/Q=="],"key_base64":"/w==","payload_base64":"/v8=""#,
    );
}

type Owned = Option<Vec<u8>>;

fn any_bytes() -> impl Strategy<Value = Owned> {
    let text = any::<String>().prop_map(String::into_bytes);
    proptest::option::of(prop_oneof![text, proptest::collection::vec(any::<u8>(), 0..12)])
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(
        key in any_bytes(),
        payload in any_bytes(),
        headers in proptest::collection::vec((any::<String>(), any_bytes()), 0..5),
    ) {
        let line = OutputLine {
            topic: "t", partition: 0, offset: i64::MAX, timestamp: LogTime::from_ms(LATEST_MS),
            key: key.as_deref(), payload: payload.as_deref(),
        };
        let mut out = Vec::new();
        encode(&mut out, line, headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())));
        let (text, binary): (Vec<_>, Vec<_>) = headers
            .iter()
            .map(|(name, value)| header(name, value.as_deref()))
            .partition(|(_, value)| value.as_deref().is_none_or(|it| std::str::from_utf8(it).is_ok()));
        let expected = LineRecord {
            topic: Cow::Borrowed("t"),
            partition: Some(0),
            offset: Some(i64::MAX),
            timestamp: Some(LogTime::from_ms(LATEST_MS)),
            key: key.as_deref().map(Cow::Borrowed),
            payload: payload.as_deref().map(Cow::Borrowed),
            headers: [text, binary].concat(),
        };
        prop_assert!(decode(&out) == Ok(Some(Line::Record(expected))));
    }

    #[test]
    fn arbitrary_lines_never_panic(line in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = decode(&line);
    }

    #[test]
    fn a_damaged_line_is_refused_silently_or_read_and_printed(
        sample in proptest::sample::select(SAMPLES.as_slice()),
        edits in proptest::collection::vec((any::<Index>(), 0..6_usize, proptest::sample::select(PIECES.as_slice())), 0..5),
    ) {
        let mut line = sample.to_vec();
        for (at, cut, piece) in edits {
            let at = at.index(line.len() + 1);
            let end = (at + cut).min(line.len());
            line.splice(at..end, piece.iter().copied());
        }
        match decode(&line) {
            Err(error) => prop_assert!(!format!("{error} {error:?}").contains("CANARY"), "{error}"),
            Ok(Some(Line::Record(read))) => {
                let line = OutputLine {
                    topic: &read.topic,
                    partition: read.partition.unwrap_or(0),
                    offset: read.offset.unwrap_or(0),
                    timestamp: read.timestamp.unwrap_or_default(),
                    key: read.key.as_deref(),
                    payload: read.payload.as_deref(),
                };
                let mut printed = Vec::new();
                encode(&mut printed, line, read.headers.iter().map(|(name, value)| (name.as_ref(), value.as_deref())));
                let Ok(Some(Line::Record(again))) = decode(&printed) else { panic!("not read back") };
                prop_assert!(again.key == read.key && again.payload == read.payload && again.topic == read.topic);
            }
            Ok(Some(Line::Time(_)) | None) => {}
        }
    }
}
