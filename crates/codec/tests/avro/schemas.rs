//! What every schema must be, so that readers in other languages find their way.

use apache_avro::Schema;
use otp_codec::EventSchema;
use serde_json::Value;

#[test]
fn every_file_of_the_folder_is_in_the_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    let names = folder.read_dir().expect("the schemas").flatten().map(|it| it.file_name());
    let mut files: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    files.retain(|name| name.ends_with(".avsc"));
    files.sort();
    let mut table: Vec<_> = EventSchema::ALL.iter().map(|schema| schema.file()).collect();
    table.sort_unstable();
    assert_eq!(files, table);
}

#[test]
fn every_part_says_what_it_means_and_may_grow() {
    let mut faults = Vec::new();
    for schema in EventSchema::ALL {
        assert!(matches!(schema.schema(), Schema::Record(_)), "{}", schema.file());
        let text: Value = serde_json::from_str(schema.text()).expect("JSON");
        let namespace = text["namespace"].as_str().expect("a namespace");
        assert!(namespace == "org.digit.otp" || namespace.starts_with("org.digit.otp."), "{namespace}");
        check(&text, schema.file(), &mut faults);
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Types and fields have documentation, enums a default, and what may be null is null by default.
fn check(schema: &Value, path: &str, faults: &mut Vec<String>) {
    let has_doc = |it: &Value| it["doc"].as_str().is_some_and(|doc| doc.ends_with('.'));
    if let Some(branches) = schema.as_array() {
        branches.iter().for_each(|branch| check(branch, path, faults));
    }
    match schema["type"].as_str() {
        Some("record") => {
            if !has_doc(schema) {
                faults.push(format!("{path} has no documentation"));
            }
            for field in schema["fields"].as_array().expect("fields") {
                let path = format!("{path}.{}", field["name"].as_str().expect("a name"));
                if !has_doc(field) {
                    faults.push(format!("{path} has no documentation"));
                }
                let is_null_first = field["type"][0] == "null" || field["type"] == "null";
                if is_null_first != (field.get("default") == Some(&Value::Null)) {
                    faults.push(format!("{path} is not null by default"));
                }
                check(&field["type"], &path, faults);
            }
        }
        Some("enum") => {
            let first = &schema["symbols"][0];
            if !has_doc(schema) || first != "unknown" || schema["default"] != *first {
                faults.push(format!("{path} is no enum that may grow"));
            }
        }
        Some("array") => check(&schema["items"], path, faults),
        Some(_) | None => {}
    }
}
