//! Behaviour of the JSON reader, at its limits and compared with `serde_json`.

use std::borrow::Cow;

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::reader::{DEPTH_MAX, LEN_MAX};
use super::writer::WriteJson as _;
use super::*;

fn check(text: &[u8], names: Names, expected: Result<&str, JsonError>) {
    let parsed = parse_object(Some(text), names);
    let written = parsed.map(|json| written(&json));
    let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
    assert_eq!(written, expected.map(str::to_owned), "{shown} {names:?}");
}

fn written(json: &Json<'_>) -> String {
    let mut out = Vec::new();
    json.write_json(&mut out);
    String::from_utf8(out).expect("JSON is UTF-8")
}

fn check_error(text: &str, error: JsonError) {
    check(text.as_bytes(), Names::CaseSensitive, Err(error));
    check(text.as_bytes(), Names::IgnoreCase, Err(error));
}

/// For texts with two names that differ only in case.
fn check_error_ignoring_case(text: &str) {
    check(text.as_bytes(), Names::CaseSensitive, Ok(text));
    check(text.as_bytes(), Names::IgnoreCase, Err(JsonError::DuplicateKey));
}

/// An object whose innermost object is at level `depth`.
fn nested(depth: usize) -> String {
    format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth))
}

#[test]
fn reads_what_it_writes() {
    for text in [
        "{}",
        r#"{"b":null,"a":[true,false,{}],"c":"x\"\n\u0000é"}"#,
        r#"{"a":18446744073709551615,"b":-9223372036854775808,"c":180,"d":180.0}"#,
        r#"{"":{"":{"":[]}}}"#,
    ] {
        check(text.as_bytes(), Names::IgnoreCase, Ok(text));
    }
    let spaced = b" \r\n{ \"a\" :\t\"\\u00e9\\ud83d\\ude00\" } ";
    check(spaced, Names::CaseSensitive, Ok("{\"a\":\"é\u{1f600}\"}"));
}

#[test]
fn refuses_what_is_no_json_object() {
    check_error("", JsonError::Syntax);
    check_error("{", JsonError::Syntax);
    check_error(r#"{"a":1,}"#, JsonError::Syntax);
    check_error(r#"{"a":01}"#, JsonError::Syntax);
    check_error(r#"{"a":NaN}"#, JsonError::Syntax);
    for number in ["+1", ".5", "1.", "1e", "1e+", "0x1", "--1", "1-", "1.2.3", "-"] {
        check_error(&format!(r#"{{"a":{number}}}"#), JsonError::Syntax);
    }
    for string in [r"\ud80", r"\x41", r"\ud800\", "\u{1}", r"\ud800\z"] {
        check_error(&format!(r#"{{"a":"{string}"}}"#), JsonError::Syntax);
    }
    check_error("{'a':1}", JsonError::Syntax);
    check_error("\u{feff}{}", JsonError::Syntax);
    check_error("{} x", JsonError::Syntax);
    check_error("{}{}", JsonError::Syntax);
    check_error("null", JsonError::NotAnObject);
    check_error("[{}]", JsonError::NotAnObject);
    check_error("\"{}\"", JsonError::NotAnObject);
    check_error("12", JsonError::NotAnObject);
    check(b"{\"a\":\"\xff\"}", Names::CaseSensitive, Err(JsonError::NotUtf8));
    assert_eq!(parse_object(None, Names::CaseSensitive), Err(JsonError::NullValue));
}

#[test]
fn bounds_length_and_depth() {
    let of_length = |len: usize| format!("{}{{}}", " ".repeat(len - 2));
    check(of_length(LEN_MAX).as_bytes(), Names::CaseSensitive, Ok("{}"));
    check_error(&of_length(LEN_MAX + 1), JsonError::TooLong);

    let depth = DEPTH_MAX as usize;
    check(nested(depth).as_bytes(), Names::CaseSensitive, Ok(&nested(depth)));
    check_error(&nested(depth + 1), JsonError::TooDeep);
    let array_inside =
        |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    check(array_inside(depth).as_bytes(), Names::IgnoreCase, Ok(&array_inside(depth)));
    check_error(&array_inside(depth + 1), JsonError::TooDeep);
    check_error(&"[".repeat(LEN_MAX), JsonError::TooDeep);
}

#[test]
fn refuses_duplicate_names_at_any_level() {
    check_error(r#"{"a":1,"a":1}"#, JsonError::DuplicateKey);
    check_error(r#"{"a":1,"b":2,"\u0061":3}"#, JsonError::DuplicateKey);
    check_error(r#"{"x":[{"y":{"a":1,"a":2}}]}"#, JsonError::DuplicateKey);
    check_error_ignoring_case(r#"{"otp":1,"oTp":2}"#);
    check_error_ignoring_case(r#"{"x":0,"Otp":1,"otp":2}"#);
    check_error_ignoring_case(r#"{"[tp":1,"x":0,"[TP":2}"#);
    let apart = r#"{"a":{"b":1},"b":{"a":1},"é":1,"É":2}"#;
    check(apart.as_bytes(), Names::IgnoreCase, Ok(apart));
}

#[test]
fn finds_duplicates_among_thousands_of_names() {
    let many = |last: &str| {
        let members: String = (0..5000).map(|at| format!("\"k{at}\":0,")).collect();
        format!("{{{members}\"{last}\":0}}")
    };
    assert!(parse_object(Some(many("x").as_bytes()), Names::IgnoreCase).is_ok());
    check_error(&many("k77"), JsonError::DuplicateKey);
    let upper = many("K77");
    assert!(parse_object(Some(upper.as_bytes()), Names::CaseSensitive).is_ok());
    check(upper.as_bytes(), Names::IgnoreCase, Err(JsonError::DuplicateKey));
}

#[test]
fn members_are_found_by_name_and_type() {
    let text = br#"{"Otp":{"tenantId":"pb"},"n":7,"f":7.0,"neg":-7,"t":true,"l":[1],"z":null,"big":1e300}"#;
    let json = parse_object(Some(text), Names::IgnoreCase).expect("is an object");
    let otp = json.get_ignore_case("otp").expect("is there");
    assert_eq!(otp.get("tenantId").and_then(Json::as_str), Some("pb"));
    assert_eq!(otp.get("tenantid"), None);
    assert_eq!(json.get("otp"), None);
    assert_eq!(json.get("n").and_then(Json::as_u64), Some(7));
    assert_eq!(json.get("f").and_then(Json::as_u64), None);
    assert_eq!(json.get("neg").and_then(Json::as_u64), None);
    assert_eq!(json.get("t"), Some(&Json::Bool(true)));
    assert_eq!(json.get("l").and_then(Json::as_array).map(<[Json<'_>]>::len), Some(1));
    assert!(json.get("z").is_some_and(Json::is_null));
    let Json::Object(members) = &json else { panic!("an object") };
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    assert_eq!(names, ["Otp", "n", "f", "neg", "t", "l", "z", "big"]);
    assert_eq!(json.get("n").and_then(|it| it.get("x")), None);
}

#[test]
fn a_value_that_nobody_reads_needs_only_its_syntax() {
    let lines = [
        r#"{"a":1e400,"b":-1E-400,"c":123456789012345678901234567890}"#,
        r#"{"a":["\ud800",{"b":"x\udc00\n"}],"c":"\ud83d\u0041"}"#,
        r#"{"\ud800":1,"\udc00":2}"#,
    ];
    for text in lines {
        let json = parse_object(Some(text.as_bytes()), Names::IgnoreCase).expect("its syntax is right");
        assert!(json.get("a").is_none_or(|it| it.as_str().is_none() && it.as_u64().is_none()), "{text}");
    }
    check(lines[0].as_bytes(), Names::IgnoreCase, Ok(lines[0]));
    check_error(r#"{"\ud800":1,"\ud800":2}"#, JsonError::DuplicateKey);
}

#[test]
fn a_number_is_written_as_it_was_read() {
    for number in ["0", "-0", "180", "180.0", "1.8e2", "1E3", "1e400", "18446744073709551616", "0.10"] {
        let text = format!(r#"{{"ts":{number}}}"#);
        check(text.as_bytes(), Names::CaseSensitive, Ok(&text));
    }
}

#[test]
fn unescaped_text_is_borrowed() {
    let json =
        parse_object(Some(br#"{"a":"plain","b":"esc\taped"}"#), Names::IgnoreCase).expect("is an object");
    assert!(matches!(json.get("a"), Some(Json::String(Cow::Borrowed("plain")))));
    assert!(matches!(json.get("b"), Some(Json::String(Cow::Owned(_)))));
}

#[test]
fn debug_and_errors_show_nothing_of_the_payload() {
    let json = parse_object(Some(br#"{"otp":"482913"}"#), Names::IgnoreCase).expect("is an object");
    assert_eq!(format!("{json:?}"), "Json(object)");
    let pin = parse_object(Some(br#"{"otp":482913}"#), Names::IgnoreCase).expect("is an object");
    let Some(Json::Number(number)) = pin.get("otp") else { panic!("a number") };
    assert_eq!(format!("{number:?}"), "Number");
    assert_eq!(JsonError::DuplicateKey.code(), "duplicate_key");
    assert_eq!(JsonError::DuplicateKey.to_string(), "value has a duplicate key");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no infinity", |it| it.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 24, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..24).prop_map(Value::from),
            proptest::collection::btree_map(any::<String>(), inner, 0..24)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_serde_json_where_no_name_repeats(inner in any_json()) {
        let text = serde_json::json!({ "value": inner }).to_string();
        prop_assume!(text.len() <= LEN_MAX);
        let json = parse_object(Some(text.as_bytes()), Names::CaseSensitive);
        let json = json.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let theirs: Value = serde_json::from_str(&text).expect("was written as JSON");
        prop_assert!(is_same(&json, &theirs));
        prop_assert_eq!(written(&json), text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = parse_object(Some(&bytes), Names::IgnoreCase);
    }

    #[test]
    fn almost_json_never_panics_and_agrees_on_validity(text in r#"[\{\}\[\]",:a-b0-2e.\\ \-]{0,24}"#) {
        check_agreement(&text)?;
    }

    #[test]
    fn json_with_one_character_changed_is_read_as_serde_json_reads_it(
        inner in any_json(),
        at: prop::sample::Index,
        cut in 0..2_usize,
        piece in r#"[\{\}\[\]",:0-9eE+.\\ \-untbfé\n\x00]{0,3}"#,
    ) {
        let mut text = serde_json::json!({ "value": inner }).to_string();
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let at = at.index(places.len());
        text.replace_range(places[at]..places[(at + cut).min(places.len() - 1)], &piece);
        check_agreement(&text)?;
    }
}

fn check_agreement(text: &str) -> Result<(), TestCaseError> {
    let theirs = serde_json::from_str::<Value>(text);
    let is_syntax = serde_json::from_str::<IgnoredAny>(text).is_ok();
    match parse_object(Some(text.as_bytes()), Names::CaseSensitive) {
        Ok(ours) => prop_assert!(theirs.map_or(is_syntax, |theirs| is_same(&ours, &theirs)), "{text}"),
        Err(JsonError::NotAnObject) => {
            prop_assert!(is_syntax && !theirs.is_ok_and(|it| it.is_object()), "{text}")
        }
        Err(JsonError::DuplicateKey | JsonError::TooLong) => {}
        Err(_) => prop_assert!(!is_syntax, "{text}"),
    }
    Ok(())
}

fn is_same(ours: &Json<'_>, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(ours), Value::Bool(theirs)) => ours == theirs,
        (Json::Number(ours), Value::Number(theirs)) => {
            serde_json::from_str(ours.as_str()).is_ok_and(|ours: serde_json::Number| ours == *theirs)
        }
        (Json::String(ours), Value::String(theirs)) => ours == theirs,
        (Json::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| is_same(ours, theirs))
        }
        (Json::Object(ours), Value::Object(theirs)) => {
            let is_there = |(name, ours): &(Cow<'_, str>, Json<'_>)| {
                theirs.get(name.as_ref()).is_some_and(|theirs| is_same(ours, theirs))
            };
            ours.len() == theirs.len() && ours.iter().all(is_there)
        }
        _ => false,
    }
}
