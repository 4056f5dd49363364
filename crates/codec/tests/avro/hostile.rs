//! Bytes and schemas that somebody made to do harm.

use otp_codec::{
    Decoder, Encoder, EventSchema, Fetched, Inputs, Lookup, SchemaFault, SchemaId, Taken, framed,
};
use otp_topology::wire::json::{JsonError, LEN_MAX};
use otp_topology::wire::record::{SourcePartition, SourceTopic};
use proptest::prelude::*;

use super::recorded::events;

fn decoder(schema: EventSchema) -> Decoder {
    Decoder::new(schema.text(), schema).expect("a schema of ours")
}

fn decode(writer: &str, topic: EventSchema, body: &[u8]) -> Result<String, JsonError> {
    let mut json = Vec::new();
    Decoder::new(writer, topic).expect("a schema that fits").decode(body, &mut json)?;
    Ok(String::from_utf8(json).expect("JSON is UTF-8"))
}

/// A request of INT-OTP, with another field before its own.
fn with_field(field: &str) -> String {
    format!(
        r#"{{"type":"record","name":"R","fields":[{{"name":"x","type":{field}}},{{"name":"mobile","type":"string"}}]}}"#
    )
}

#[test]
fn a_value_that_ends_too_early_or_too_late_is_refused() {
    let mut lines = events();
    lines.dedup_by_key(|line| line.schema);
    for line in lines {
        let mut avro = Vec::new();
        Encoder::new(line.schema, SchemaId(1)).encode(line.body.as_bytes(), &mut avro).expect("an event");
        let decoder = decoder(line.schema);
        let (_, body) = framed(&avro).expect("framed");
        for end in 0..body.len() {
            let cut = decoder.decode(&body[..end], &mut Vec::new());
            assert!(cut.is_err(), "{} bytes of {} in {}", end, body.len(), line.at);
        }
        let longer = [body, &[0]].concat();
        assert_eq!(decoder.decode(&longer, &mut Vec::new()), Err(JsonError::NotAvro), "{}", line.at);
    }
}

#[test]
fn a_length_that_lies_costs_nothing() {
    let check = |field: &str, body: &[u8], expected: Result<&str, JsonError>| {
        let found = decode(&with_field(field), EventSchema::IntRequest, body);
        assert_eq!(found, expected.map(str::to_owned), "{field} {body:?}");
    };
    let longest = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    for field in
        ["\"string\"", "\"bytes\"", r#"{"type":"array","items":"long"}"#, r#"{"type":"map","values":"null"}"#]
    {
        check(field, &longest, Err(JsonError::NotAvro));
        check(field, &[1], Err(JsonError::NotAvro));
    }
    // Items without bytes: as many as the value says, up to a limit.
    let nulls = r#"{"type":"array","items":"null"}"#;
    check(nulls, &longest, Err(JsonError::TooLong));
    check(nulls, &[6, 0, 2, b'7'], Ok(r#"{"mobile":"7"}"#));
    let empty = r#"{"type":"array","items":{"type":"record","name":"E","fields":[]}}"#;
    check(empty, &longest, Err(JsonError::TooLong));
    check(r#"{"type":"array","items":{"type":"array","items":"null"}}"#, &longest, Err(JsonError::NotAvro));
    // A negative count has the size of its block behind it.
    check(nulls, &[5, 0, 0, 2, b'7'], Ok(r#"{"mobile":"7"}"#));
    check(r#"{"type":"fixed","name":"F","size":9223372036854775807}"#, &[1, 2], Err(JsonError::NotAvro));
}

#[test]
fn a_schema_has_a_limit_of_depth_and_parts() {
    let check = |writer: &str, expected: SchemaFault| {
        assert_eq!(Decoder::new(writer, EventSchema::IntRequest).err(), Some(expected), "{writer}");
    };
    // A chain that a body follows for one byte a level.
    let recursive = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}"#;
    check(&with_field(recursive), SchemaFault::TooDeep);
    let deep = format!("{}\"null\"{}", r#"{"type":"array","items":"#.repeat(40), "}".repeat(40));
    check(&with_field(&deep), SchemaFault::TooDeep);
    let nested = |levels: usize| {
        format!("{}\"null\"{}", r#"{"type":"array","items":"#.repeat(levels), "}".repeat(levels))
    };
    assert!(Decoder::new(&with_field(&nested(31)), EventSchema::IntRequest).is_ok());
    // Named types that double at each step: 2^20 parts in a few hundred bytes.
    let mut doubling = r#"{"type":"record","name":"D0","fields":[]}"#.to_owned();
    for level in 1..=20 {
        let before = level - 1;
        doubling = format!(
            r#"{{"type":"record","name":"D{level}","fields":[{{"name":"a","type":{doubling}}},{{"name":"b","type":"D{before}"}}]}}"#
        );
    }
    check(&with_field(&doubling), SchemaFault::TooLarge);
}

#[test]
fn the_limits_of_json_hold_for_what_avro_becomes() {
    let long = "x".repeat(LEN_MAX);
    let writer = r#"{"type":"record","name":"R","fields":[{"name":"mobile","type":"string"}]}"#;
    let body = |text: &str| {
        let mut body = Vec::new();
        let mut rest = 2 * text.len();
        while rest >= 0x80 {
            body.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        body.push(rest as u8);
        body.extend_from_slice(text.as_bytes());
        body
    };
    assert_eq!(decode(writer, EventSchema::IntRequest, &body(&long)), Err(JsonError::TooLong));
    assert_eq!(
        decode(writer, EventSchema::IntRequest, &body(&long[..60_000])).map(|it| it.len()),
        Ok(60_013)
    );
    let escapes = "\n".repeat(40_000);
    assert_eq!(decode(writer, EventSchema::IntRequest, &body(&escapes)), Err(JsonError::TooLong));
    assert_eq!(decode(writer, EventSchema::IntRequest, &[4, 0xff, 0xfe]), Err(JsonError::NotUtf8));
    let twice = r#"{"type":"record","name":"R","fields":[{"name":"request","type":{"type":"record","name":"B","fields":[
        {"name":"templateVariables","type":{"type":"map","values":"string"}}]}}]}"#;
    let twice_body = [4, 2, b'a', 2, b'1', 2, b'a', 2, b'2', 0];
    assert_eq!(decode(twice, EventSchema::MosipRequest, &twice_body), Err(JsonError::DuplicateKey));
    let not_a_number = r#"{"type":"record","name":"R","fields":[{"name":"version","type":"double"}]}"#;
    assert_eq!(
        decode(not_a_number, EventSchema::MosipRequest, &f64::NAN.to_le_bytes()),
        Err(JsonError::NotAvro)
    );
    assert_eq!(
        decode(not_a_number, EventSchema::MosipRequest, &1.5_f64.to_le_bytes()).as_deref(),
        Ok(r#"{"version":1.5}"#)
    );
}

#[test]
fn whatever_a_caller_wants_repeated_has_a_form_in_avro() {
    let check = |given: &str, expected: &str| {
        let info = |ts: &str| format!(r#"{{"responseInfo":{{"ts":{ts},"status":"failed"}}}}"#);
        let mut avro = Vec::new();
        let encoder = Encoder::new(EventSchema::EgovResponse, SchemaId(1));
        encoder.encode(info(given).as_bytes(), &mut avro).unwrap_or_else(|error| panic!("{given}: {error}"));
        let (_, body) = framed(&avro).expect("framed");
        let found = decode(EventSchema::EgovResponse.text(), EventSchema::EgovResponse, body);
        assert_eq!(found, Ok(info(expected)), "{given}");
    };
    let same = |given: &str| check(given, given);
    let as_text = |given: &str| check(given, &format!("\"{given}\""));
    same("0");
    same("-9223372036854775808");
    same("9223372036854775807");
    same("1.5");
    same("-0.001");
    same("true");
    same("\"\"");
    same("\"a \\\"b\\\" \\n\"");
    check("\"\\u0041\\ud83d\\ude00\"", "\"A\u{1f600}\"");
    check("1e2", "100.0");
    as_text("9223372036854775808");
    as_text("-9223372036854775809");
    as_text("1e400");
    as_text("-1E+30");
    as_text("123456789012345678901234567890.5");
}

#[test]
fn each_bad_value_has_its_reason() {
    let source = SourcePartition { topic: SourceTopic(1), partition: 0 };
    let mut inputs = Inputs::new(vec![None, Some(EventSchema::IntRequest)]);
    let mut check = |value: Option<&[u8]>, known: Lookup, expected: Taken<'_>| {
        let record = Fetched { source, offset: 5, leader_epoch: None, value };
        assert_eq!(inputs.take(record, |_| known.clone()), expected, "{value:?} {known:?}");
        inputs.gates_mut().clear();
    };
    let found = |text: &str| Lookup::Found(text.into());
    let request = || found(r#"{"type":"record","name":"R","fields":[{"name":"mobile","type":"string"}]}"#);
    check(None, Lookup::Pending, Taken::AsItIs);
    check(Some(b"{}"), Lookup::Pending, Taken::Undecodable(JsonError::NotFramed));
    check(Some(&vec![0; LEN_MAX + 1]), Lookup::Pending, Taken::Undecodable(JsonError::TooLong));
    check(Some(&[0, 0, 0, 0, 7, 1]), Lookup::Pending, Taken::Closes(SchemaId(7)));
    check(Some(&[0, 0, 0, 0, 7, 1]), Lookup::NotFound, Taken::Undecodable(JsonError::UnknownSchema));
    check(Some(&[0, 0, 0, 0, 7, 1]), Lookup::Pending, Taken::Closes(SchemaId(7)));
    check(
        Some(&[0, 0, 0, 0, 8, 1]),
        Lookup::Unreadable("JSON Schema".into()),
        Taken::Undecodable(JsonError::UnfitSchema),
    );
    check(Some(&[0, 0, 0, 0, 9, 1]), found("\"long\""), Taken::Undecodable(JsonError::UnfitSchema));
    check(Some(&[0, 0, 0, 0, 7, 2, b'7']), request(), Taken::Json(br#"{"mobile":"7"}"#));
    check(Some(&[0, 0, 0, 0, 7, 2]), Lookup::Pending, Taken::Undecodable(JsonError::NotAvro));
    let json = SourcePartition { topic: SourceTopic(0), partition: 0 };
    let record = Fetched { source: json, offset: 5, leader_epoch: None, value: Some(b"{}") };
    assert_eq!(inputs.take(record, |_| Lookup::Pending), Taken::AsItIs);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_are_refused_or_are_a_value(at in 0..EventSchema::ALL.len(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut json = Vec::new();
        if decoder(EventSchema::ALL[at]).decode(&body, &mut json).is_ok() {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
        prop_assert!(json.capacity() <= 4 * LEN_MAX);
    }

    #[test]
    fn small_bytes_reach_deep_and_allocate_little(body in prop::collection::vec(0..8_u8, 0..400)) {
        let writer = r#"{"type":"record","name":"R","fields":[
            {"name":"x","type":{"type":"array","items":{"type":"map","values":["null","string",{"type":"array","items":"null"}]}}},
            {"name":"RequestInfo","type":{"type":"record","name":"I","fields":[{"name":"ts","type":["null","long","double","string"]}]}},
            {"name":"otp","type":["null",{"type":"record","name":"O","fields":[{"name":"otp","type":["string","null"]}]}]}]}"#;
        let mut json = Vec::new();
        let _ = Decoder::new(writer, EventSchema::EgovRequest).expect("fits").decode(&body, &mut json);
        prop_assert!(json.capacity() <= 4 * LEN_MAX);
    }

    #[test]
    fn any_text_of_a_schema_is_a_schema_or_is_none(text in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
        let _ = Decoder::new(&text, EventSchema::EgovRequest);
    }
}
