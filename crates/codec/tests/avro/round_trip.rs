//! Every recorded event and request, through Avro and back.

use std::collections::{BTreeMap, BTreeSet};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::RecordSchema;
use apache_avro::writer::datum::GenericDatumWriter;
use otp_codec::{Decoder, Encoder, EventSchema, SchemaId, framed};
use serde_json::Value;

use super::recorded::{Line, events, requests};

const ID: SchemaId = SchemaId(17);

#[test]
fn every_event_comes_back_as_it_was() {
    let mut seen = BTreeMap::<EventSchema, Seen>::new();
    for Line { at, schema, body } in events() {
        let avro = encode(schema, body.as_bytes()).unwrap_or_else(|error| panic!("{at}: {error}"));
        let back = decode(schema, &avro);
        assert_eq!(back, expected(&body), "{at}");
        check_against_apache_avro(schema, &avro, &at);
        seen.entry(schema).or_default().add(&back, body.len(), avro.len());
    }
    for schema in EventSchema::ALL.iter().filter(|it| !it.file().ends_with("-request.avsc")) {
        seen.get(schema)
            .unwrap_or_else(|| panic!("no event of {} is recorded", schema.file()))
            .check(*schema);
    }
}

#[test]
fn every_request_says_the_same_in_avro() {
    let (mut seen, mut unfit) = (BTreeMap::<EventSchema, Seen>::new(), 0);
    for Line { at, schema, body } in requests() {
        let Schema::Record(record) = schema.schema() else { panic!("a record") };
        let value = serde_json::from_str(&body).expect("JSON");
        // A request with a member of a wrong type has no Avro form.
        let Some(request) = as_declared(record, &value) else {
            unfit += 1;
            continue;
        };
        let Ok(avro) = encode(schema, request.as_bytes()) else {
            unfit += 1;
            continue;
        };
        let back = decode(schema, &avro);
        assert_eq!(back, expected(&request), "{at}");
        check_against_apache_avro(schema, &avro, &at);
        seen.entry(schema).or_default().add(&back, body.len(), avro.len());
    }
    assert!(unfit < 120, "{unfit} requests do not fit");
    for schema in EventSchema::ALL.iter().filter(|it| it.file().ends_with("-request.avsc")) {
        seen.get(schema).unwrap_or_else(|| panic!("no request of {}", schema.file())).check(*schema);
    }
}

fn encode(schema: EventSchema, json: &[u8]) -> Result<Vec<u8>, otp_codec::EncodeError> {
    let mut avro = Vec::new();
    Encoder::new(schema, ID).encode(json, &mut avro)?;
    Ok(avro)
}

fn decode(schema: EventSchema, avro: &[u8]) -> Value {
    let (id, body) = framed(avro).expect("the wire format");
    assert_eq!(id, ID);
    let mut json = Vec::new();
    let decoder = Decoder::new(schema.text(), schema).expect("a schema of ours");
    decoder.decode(body, &mut json).expect("what was encoded");
    serde_json::from_slice(&json).expect("JSON")
}

/// `apache-avro` reads the same bytes, to the last one, and writes them again.
fn check_against_apache_avro(schema: EventSchema, avro: &[u8], at: &str) {
    let (_, mut body) = framed(avro).expect("the wire format");
    let whole = body;
    let reader = GenericDatumReader::builder(schema.schema()).build().expect("a schema of ours");
    let value = reader.read_value(&mut body).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert!(body.is_empty(), "{at}: {} bytes are left", body.len());
    let writer = GenericDatumWriter::builder(schema.schema()).build().expect("a schema of ours");
    assert_eq!(writer.write_value_to_vec(value).expect("a value of the schema"), whole, "{at}");
}

/// What a value is in Avro: without nulls, and a number that no type holds is a text; INT-OTP's replies name two members by operation, Avro has one name.
fn expected(body: &str) -> Value {
    let body = body.replace("\"error-message\":", "\"errorMessage\":");
    let body = body.replace("\"error-details\":", "\"errorDetails\":");
    without_nulls(&serde_json::from_str(&body).expect("JSON"))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            members.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Number(number)
            if !number.is_i64() && number.as_f64().is_none_or(|it| it.abs() >= 2_f64.powi(53)) =>
        {
            Value::String(number.to_string())
        }
        other => other.clone(),
    }
}

/// The members that a record declares, in its order. `None`: one is an object where the schema has none, or the reverse.
fn as_declared(record: &RecordSchema, value: &Value) -> Option<String> {
    let Value::Object(given) = value else { return None };
    let mut members = Vec::new();
    for field in &record.fields {
        let names = field.aliases.iter().chain([&field.name]);
        let is_named = |given: &&String| names.clone().any(|name| name.eq_ignore_ascii_case(given));
        let Some(name) = given.keys().find(is_named) else { continue };
        let value = &given[name];
        let value = match inner_record(&field.schema) {
            Some(record) if !value.is_null() => as_declared(record, value)?,
            Some(_) | None => value.to_string(),
        };
        members.push(format!("\"{}\":{value}", field.name));
    }
    Some(format!("{{{}}}", members.join(",")))
}

fn inner_record(schema: &Schema) -> Option<&RecordSchema> {
    match schema {
        Schema::Record(record) => Some(record),
        Schema::Union(union) => union.variants().iter().find_map(inner_record),
        _ => None,
    }
}

/// What the lines of one schema had.
#[derive(Default)]
struct Seen {
    paths: BTreeSet<String>,
    json_bytes: usize,
    avro_bytes: usize,
}

/// Fields that are null in every recorded event: the contracts say so, or nothing is recorded that has them.
const ALWAYS_NULL: [&str; 5] =
    ["responseInfo.resMsgId", "error.description", "metadata", "requesttime", "clientRef"];

/// Streams whose values are half as long as in JSON. In the others texts are the most of it.
const HALVED: [EventSchema; 3] = [EventSchema::ValidationResult, EventSchema::Lifecycle, EventSchema::Signal];

impl Seen {
    fn add(&mut self, value: &Value, json_bytes: usize, avro_bytes: usize) {
        add_paths(value, "", &mut self.paths);
        self.json_bytes += json_bytes;
        self.avro_bytes += avro_bytes;
    }

    /// Every field of the schema had a value in some line.
    fn check(&self, schema: EventSchema) {
        let mut missing = Vec::new();
        declared(schema.schema(), "", &mut missing);
        missing.retain(|path| !self.paths.contains(path) && !ALWAYS_NULL.contains(&path.as_str()));
        assert!(missing.is_empty(), "{}: never recorded: {missing:?}", schema.file());
        let share = 100 * self.avro_bytes / self.json_bytes;
        println!("{}: {share} % of the bytes of JSON", schema.file());
        assert!(share <= 50 || !HALVED.contains(&schema));
    }
}

fn add_paths(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = joined(path, name);
                add_paths(value, &path, paths);
                paths.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| add_paths(item, path, paths)),
        _ => {}
    }
}

fn declared(schema: &Schema, path: &str, paths: &mut Vec<String>) {
    match schema {
        Schema::Record(record) => {
            for field in &record.fields {
                let path = joined(path, &field.name);
                declared(&field.schema, &path, paths);
                paths.push(path);
            }
        }
        Schema::Union(union) => union.variants().iter().for_each(|it| declared(it, path, paths)),
        Schema::Array(array) => declared(&array.items, path, paths),
        _ => {}
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
