//! Behaviour of the line reader and writer.

use proptest::prelude::*;

use super::*;

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
    check(br#"{"topic":"t","payload_base64":"/w"}"#, record("t", Some(b"\xff")));
    check(br#"{"topic":"t","payload":null,"payload_base64":"/w=="}"#, record("t", Some(b"\xff")));
}

#[test]
fn a_line_with_only_a_time_moves_it() {
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
fn says_which_member_is_wrong() {
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
    check_bad(r#"{"topic":"t","payload":"x","ts":-1}"#, "`ts` must be epoch milliseconds");
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
            topic: "t", partition: 0, offset: i64::MAX, timestamp: LogTime::from_ms(u64::MAX),
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
            timestamp: Some(LogTime::from_ms(u64::MAX)),
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
}
