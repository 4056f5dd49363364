//! The schemas against what the service really reads and writes, and the document against its own schemas.

mod document;
mod events;
mod feeds;
mod pages;
mod recorded;
mod requests;

use jsonschema::Validator;
use otp_codec::EventSchema;
use serde_json::Value;

/// The validator of the JSON form.
fn validator(schema: EventSchema) -> Validator {
    jsonschema::draft7::new(&json(&otp_asyncapi::json_schema(schema))).expect("a JSON Schema")
}

/// As [`validator`], and no member may be there that the schema does not name.
fn closed_validator(schema: EventSchema) -> Validator {
    let mut schema = json(&otp_asyncapi::json_schema(schema));
    close(&mut schema);
    jsonschema::draft7::new(&schema).expect("a JSON Schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.get("properties").is_some_and(Value::is_object) {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Why a value is not valid.
fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn json(tree: &otp_asyncapi::Tree) -> Value {
    serde_json::to_value(tree).expect("a tree is JSON")
}
