//! Where two Avro schemas differ, for people. Whether that is allowed, the registry says.

use serde_json::{Map, Value};

/// The most differences that are told.
const DIFFERENCES_MAX: usize = 10;

/// A schema without the white space between its parts: registries that compare texts take it for the same.
pub(super) fn compact(schema: &str) -> String {
    let mut text = String::with_capacity(schema.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in schema.chars() {
        if in_string || !c.is_ascii_whitespace() {
            text.push(c);
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
    }
    text
}

/// The fields in which `ours` differs from `theirs`, as in "`b` is new and has no default".
pub(super) fn differences(ours: &str, theirs: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let (Ok(ours), Ok(theirs)) = (serde_json::from_str(ours), serde_json::from_str(theirs)) {
        compare("", &ours, &theirs, &mut found);
    }
    found.truncate(DIFFERENCES_MAX);
    found
}

fn compare(path: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    if let (Some(ours), Some(theirs)) = (ours["fields"].as_array(), theirs["fields"].as_array()) {
        compare_fields(path, ours, theirs, found);
        return;
    }
    if let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs)
        && ours.len() == theirs.len()
    {
        ours.iter().zip(theirs).for_each(|(ours, theirs)| compare(path, ours, theirs, found));
        return;
    }
    for part in ["items", "values", "type"] {
        if let (Some(ours), Some(theirs)) = (ours.get(part), theirs.get(part))
            && ours.is_object()
            && theirs.is_object()
        {
            compare(path, ours, theirs, found);
            return;
        }
    }
    if bare(ours) != bare(theirs) {
        let what = if path.is_empty() { "the schema".to_owned() } else { format!("`{path}`") };
        found.push(format!("{what} has another type"));
    }
}

fn compare_fields(path: &str, ours: &[Value], theirs: &[Value], found: &mut Vec<String>) {
    let named = |fields: &[Value], name: &Value| fields.iter().find(|field| field["name"] == *name).cloned();
    let path_of = |field: &Value| {
        let name = field["name"].as_str().unwrap_or_default();
        if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
    };
    for field in ours {
        match named(theirs, &field["name"]) {
            Some(other) => compare(&path_of(field), &field["type"], &other["type"], found),
            None if field.get("default").is_some() => {}
            None => found.push(format!("`{}` is new and has no default", path_of(field))),
        }
    }
    for field in theirs.iter().filter(|field| named(ours, &field["name"]).is_none()) {
        found.push(format!("`{}` is gone", path_of(field)));
    }
}

/// A schema without what changes no value.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let kept =
                members.iter().filter(|(name, _)| !matches!(name.as_str(), "doc" | "aliases" | "default"));
            let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), bare(value))).collect();
            match kept.get("type") {
                Some(name) if kept.len() == 1 => name.clone(),
                Some(_) | None => Value::Object(kept),
            }
        }
        Value::Array(items) => Value::Array(items.iter().map(bare).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}
