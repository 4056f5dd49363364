//! Readers and writers of different versions of a schema.

use otp_codec::{Decoder, Encoder, EventSchema, SchemaFault, SchemaId, framed};
use otp_topology::wire::json::JsonError;
use serde_json::{Value, json};

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use apache_avro::writer::datum::GenericDatumWriter;

/// The text of a schema after a change.
fn changed(schema: EventSchema, change: impl FnOnce(&mut Value)) -> String {
    let mut text: Value = serde_json::from_str(schema.text()).expect("JSON");
    change(&mut text);
    text.to_string()
}

/// A value of a writer's schema, as the topic reads it.
fn read(writer: &str, topic: EventSchema, value: Avro) -> Result<Value, JsonError> {
    let schema = Schema::parse_str(writer).expect("a schema");
    let writing = GenericDatumWriter::builder(&schema).build().expect("a complete schema");
    let body = writing.write_value_to_vec(value).expect("a value of the schema");
    let mut json = Vec::new();
    Decoder::new(writer, topic).expect("a schema that fits").decode(&body, &mut json)?;
    Ok(serde_json::from_slice(&json).expect("JSON"))
}

fn record(members: &[(&str, Avro)]) -> Avro {
    Avro::Record(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn some(branch: u32, value: Avro) -> Avro {
    Avro::Union(branch, Box::new(value))
}

fn text(text: &str) -> Avro {
    Avro::String(text.to_owned())
}

#[test]
fn a_newer_writer_is_read() {
    let writer = changed(EventSchema::IntRequest, |schema| {
        let fields = schema["fields"].as_array_mut().expect("fields");
        let more = json!({"name": "more", "type": {"type": "record", "name": "More", "fields": [
            {"name": "list", "type": {"type": "array", "items": ["null", "double", "More"]}},
        ]}});
        let flat =
            json!({"name": "trace", "type": {"type": "map", "values": {"type": "array", "items": "bytes"}}});
        assert!(more["type"]["name"] == "More");
        fields.insert(0, flat);
        fields.push(json!({"name": "device", "type": ["null", {"type": "fixed", "name": "Id", "size": 3}]}));
        fields.push(json!({"name": "when", "type": {"type": "int", "logicalType": "date"}, "default": 0}));
    });
    let trace =
        Avro::Map([("a".to_owned(), Avro::Array(vec![Avro::Bytes(vec![1, 2]), Avro::Bytes(vec![])]))].into());
    let value = record(&[
        ("trace", trace),
        ("operationType", some(1, text("VALIDATE"))),
        ("generatedOtp", some(1, text("012345"))),
        ("channel", some(0, Avro::Null)),
        ("startTime", some(1, text("2022-12-12 19:04:30"))),
        ("duration", some(1, Avro::Long(180))),
        ("digit", some(1, Avro::Long(6))),
        ("mobile", some(1, text("8777496061"))),
        ("device", some(1, Avro::Fixed(3, vec![1, 2, 3]))),
        ("when", Avro::Date(7)),
    ]);
    let expected = json!({"operationType": "VALIDATE", "generatedOtp": "012345", "startTime": "2022-12-12 19:04:30",
        "duration": 180, "digit": 6, "mobile": "8777496061"});
    assert_eq!(read(&writer, EventSchema::IntRequest, value), Ok(expected));
}

#[test]
fn a_writer_may_leave_out_reorder_promote_and_rename() {
    // What a person would write who has seen only the documentation.
    let writer = r#"{"type":"record","name":"Ask","fields":[
        {"name":"request","type":{"type":"record","name":"Body","fields":[
            {"name":"appid","type":"string"},
            {"name":"userid","type":"bytes"},
            {"name":"otpChannel","type":{"type":"array","items":"string"}},
            {"name":"templateVariables","type":{"type":"map","values":"string"}}]}},
        {"name":"version","type":"int"},
        {"name":"id","type":["string","null"]}]}"#;
    let body = record(&[
        ("appid", text("ida")),
        ("userid", Avro::Bytes(b"9123456789".to_vec())),
        ("otpChannel", Avro::Array(vec![text("email"), text("phone")])),
        ("templateVariables", Avro::Map([("name".to_owned(), text("A \"B\"\n"))].into())),
    ]);
    let value = record(&[
        ("request", body),
        ("version", Avro::Int(-2)),
        ("id", some(0, text("mosip.authentication.sendotp"))),
    ]);
    let expected = json!({"request": {"appId": "ida", "userId": "9123456789", "otpChannel": ["email", "phone"],
        "templateVariables": {"name": "A \"B\"\n"}}, "version": -2, "id": "mosip.authentication.sendotp"});
    assert_eq!(read(writer, EventSchema::MosipRequest, value), Ok(expected));
}

#[test]
fn an_older_reader_reads_what_is_newer_than_its_symbols() {
    let newer = changed(EventSchema::ValidationResult, |schema| {
        let reason = schema["fields"].as_array_mut().expect("fields").iter_mut();
        let reason = reason.into_iter().find(|field| field["name"] == "reason").expect("reason");
        reason["type"]["symbols"].as_array_mut().expect("symbols").insert(1, json!("bored"));
    });
    let event =
        r#"{"eventId":"e","contract":"egov","result":"rejected","reason":"wrong_code","occurredAt":1}"#;
    let mut avro = Vec::new();
    Encoder::new(EventSchema::ValidationResult, SchemaId(1))
        .encode(event.as_bytes(), &mut avro)
        .expect("fits");
    let (_, body) = framed(&avro).expect("framed");
    let mut json = Vec::new();
    // The index of `wrong_code` is that of `verified` for the newer writer.
    Decoder::new(&newer, EventSchema::ValidationResult).expect("fits").decode(body, &mut json).expect("fits");
    let value: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!((&value["reason"], &value["eventId"]), (&json!("verified"), &json!("e")));
    let mut moved = body.to_vec();
    let at = moved.iter().rposition(|byte| *byte == 4).expect("the index of wrong_code");
    moved[at] = 2;
    json.clear();
    Decoder::new(&newer, EventSchema::ValidationResult)
        .expect("fits")
        .decode(&moved, &mut json)
        .expect("fits");
    let value: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(value["reason"], json!("unknown"));
}

#[test]
fn an_event_with_a_symbol_that_the_schema_lacks_is_written_as_unknown() {
    let event =
        r#"{"eventId":"e","contract":"egov","result":"postponed","reason":"wrong_code","occurredAt":1}"#;
    let mut avro = Vec::new();
    Encoder::new(EventSchema::ValidationResult, SchemaId(1))
        .encode(event.as_bytes(), &mut avro)
        .expect("fits");
    let (_, body) = framed(&avro).expect("framed");
    let mut json = Vec::new();
    let decoder =
        Decoder::new(EventSchema::ValidationResult.text(), EventSchema::ValidationResult).expect("fits");
    decoder.decode(body, &mut json).expect("fits");
    let value: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(value["result"], json!("unknown"));
}

#[test]
fn a_schema_that_is_none_of_the_topic_says_where() {
    let check = |writer: &str, topic: EventSchema, expected: SchemaFault| {
        assert_eq!(Decoder::new(writer, topic).err(), Some(expected), "{writer}");
    };
    let mismatch = |path: &str| SchemaFault::Mismatch(path.to_owned());
    check("\"string\"", EventSchema::EgovRequest, mismatch(""));
    check("nonsense", EventSchema::EgovRequest, SchemaFault::NotASchema);
    check(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"Nobody"}]}"#,
        EventSchema::EgovRequest,
        SchemaFault::NotASchema,
    );
    let number = r#"{"type":"record","name":"R","fields":[{"name":"mobile","type":"long"}]}"#;
    check(number, EventSchema::IntRequest, mismatch("mobile"));
    let deep = r#"{"type":"record","name":"R","fields":[{"name":"otp","type":["null",
        {"type":"record","name":"O","fields":[{"name":"otp","type":"int"}]}]}]}"#;
    // Only null is left of the union: then every request without `otp` is read.
    assert!(Decoder::new(deep, EventSchema::EgovRequest).is_ok());
    let always = deep.replace("[\"null\",", "").replace("}]}]}]}", "}]}}]}");
    check(&always, EventSchema::EgovRequest, mismatch("otp"));
    check(r#"{"type":"record","name":"R","fields":[]}"#, EventSchema::Sms, mismatch("mobileNumber"));
}
