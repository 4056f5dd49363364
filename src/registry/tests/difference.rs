//! How differences between schemas are told.

use super::super::difference::{compact, differences};

fn record(fields: &str) -> String {
    format!("{{\"type\":\"record\",\"name\":\"A\",\"fields\":[{fields}]}}")
}

#[test]
fn a_difference_names_its_field() {
    let a = r#"{"name":"a","type":"string"}"#;
    let inner = |ty: &str| {
        format!(
            r#"{{"name":"i","type":["null",{{"type":"array","items":{}}}]}}"#,
            record(&format!(r#"{{"name":"x","type":{ty}}}"#))
        )
    };
    let rows: Vec<(String, String, &[&str])> = vec![
        (record(a), record(a), &[]),
        (record(a), record(r#"{"name":"a","type":{"type":"string"},"doc":"text"}"#), &[]),
        (record(a), record(r#"{"name":"a","type":"string","doc":"text","default":""}"#), &[]),
        (
            record(&format!(r#"{a},{{"name":"b","type":"long"}}"#)),
            record(a),
            &["`b` is new and has no default"],
        ),
        (record(&format!(r#"{a},{{"name":"b","type":"long","default":0}}"#)), record(a), &[]),
        (record(a), record(&format!(r#"{a},{{"name":"b","type":"long"}}"#)), &["`b` is gone"]),
        (record(r#"{"name":"a","type":"long"}"#), record(a), &["`a` has another type"]),
        (record(&inner("\"long\"")), record(&inner("\"int\"")), &["`i.x` has another type"]),
        (record(&inner("\"long\"")), record(&inner("\"long\"")), &[]),
        (
            record(r#"{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}"#),
            record(r#"{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"],"doc":"d"}}"#),
            &["`e` has another type"],
        ),
        ("\"string\"".to_owned(), record(a), &["the schema has another type"]),
        ("no JSON".to_owned(), record(a), &[]),
    ];
    for (ours, theirs, expected) in rows {
        assert_eq!(differences(&ours, &theirs), expected, "{ours} and {theirs}");
    }
    let many: Vec<String> = (0..30).map(|n| format!(r#"{{"name":"f{n}","type":"int"}}"#)).collect();
    assert_eq!(differences(&record(&many.join(",")), &record("")).len(), 10);
}

#[test]
fn white_space_between_the_parts_of_a_schema_is_left_out() {
    for (text, expected) in [
        ("{ \"a\" :\n\t\"b c\" }\n", "{\"a\":\"b c\"}"),
        (r#"{ "a\" b" : "\\" , "c" : " d\\\" e " }"#, r#"{"a\" b":"\\","c":" d\\\" e "}"#),
        ("", ""),
    ] {
        assert_eq!(compact(text), expected);
    }
}
