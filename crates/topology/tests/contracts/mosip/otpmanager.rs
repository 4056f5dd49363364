//! `otp.generate` and `otp.validate`.

use super::*;

const KEY: &str = r#"{"key":"key-1"}"#;
const RIGHT: &str = r#"{"key":"key-1","otp":"{code}"}"#;
const WRONG: &str = r#"{"key":"key-1","otp":"{wrong}"}"#;

#[test]
fn a_key_has_3_to_64_characters() {
    let check = |key: &str, expected: &str| {
        let found = errors(&ask(&mut desk(), 0, "generate", &format!(r#"{{"key":{key}}}"#)));
        assert_eq!(found, [("KER-OTG-001".to_owned(), expected.to_owned())], "{key}");
    };
    let (blank, length) =
        ("request.key: Key can't be empty or null", "request.key: length should be in the range of 3-64");
    check("null", blank);
    check("\"\"", blank);
    check("\"  \"", blank);
    check("\"ab\"", length);
    check("\" ab \"", length);
    check(&format!("\"{}\"", "k".repeat(65)), length);
    check(&format!("\"{}\"", "k".repeat(5000)), length);
    for good in ["abc".to_owned(), "k".repeat(64), "ह".repeat(64), " abc ".to_owned()] {
        let seen = ask(&mut desk(), 0, "generate", &format!(r#"{{"key":"{good}"}}"#));
        assert!(says(&seen).starts_with("GENERATION_SUCCESSFUL "), "{good}: {}", seen.reply);
    }
    assert_eq!(errors(&ask(&mut desk(), 0, "generate", "{}"))[0].1, blank);
}

#[test]
fn arguments_of_a_validation_are_judged_all_at_once() {
    let check = |members: &str, expected: &str| {
        let seen = ask(&mut desk(), 0, "validate", members);
        assert_eq!(
            (&*says(&seen), seen.lines()),
            (expected, vec!["result invalid_request null null".to_owned()]),
            "{members}"
        );
    };
    check("{}", "KER-OTV-001 KER-OTV-003 KER-OTV-004");
    check(r#"{"key":"","otp":null}"#, "KER-OTV-001 KER-OTV-003 KER-OTV-004");
    check(r#"{"key":" ","otp":"123456"}"#, "KER-OTV-001");
    check(r#"{"key":"ab","otp":"12a"}"#, "KER-OTV-002 KER-OTV-004");
    check(r#"{"key":" ab ","otp":"123456"}"#, "KER-OTV-002");
    check(r#"{"key":"key-1","otp":""}"#, "KER-OTV-003 KER-OTV-004");
    check(r#"{"key":"key-1","otp":"12 34"}"#, "KER-OTV-004");
    check(r#"{"key":"key-1","otp":" 123456"}"#, "KER-OTV-004");
    check(r#"{"key":"key-1","otp":" "}"#, "KER-OTV-004");
    check(r#"{"key":"key-1","otp":"-1"}"#, "KER-OTV-004");
    check(r#"{"key":"key-1","otp":"١٢٣٤٥٦"}"#, "KER-OTV-004");
    let long = format!(r#"{{"key":"{}","otp":"123456"}}"#, "k".repeat(65));
    check(&long, "KER-OTV-002");
}

#[test]
fn the_messages_of_a_validation_are_those_of_the_peer() {
    let found = [
        errors(&ask(&mut desk(), 0, "validate", "{}")),
        errors(&ask(&mut desk(), 0, "validate", r#"{"key":"ab","otp":"1"}"#)),
        errors(&ask(&mut desk(), 0, "validate", r#"{"key":"key-1","otp":"1"}"#)),
    ];
    let messages: Vec<_> =
        found.iter().flatten().map(|(code, message)| format!("{code} {message}")).collect();
    let expected = [
        "KER-OTV-001 Key can't be empty or null.",
        "KER-OTV-003 OTP can't be empty or null.",
        "KER-OTV-004 OTP consists of only numeric characters. No other characters is allowed.",
        "KER-OTV-002 Length of key should be in the range of 3-64.",
        "KER-OTV-005 Validation can't be performed against this key. Generate OTP first.",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn a_right_code_is_accepted_once() {
    let mut desk = desk();
    let seen = ask(&mut desk, 0, "generate", KEY);
    assert_eq!(seen.lines(), ["issued generate null"]);
    assert_eq!(desk.code.len(), 6);
    let seen = ask(&mut desk, 180_000, "validate", RIGHT);
    assert_eq!(says(&seen), "success VALIDATION_SUCCESSFUL");
    assert_eq!(seen.lines(), ["result verified generate null", "verified generate null"]);
    assert_eq!(seen.header("authorization"), None);
    let seen = ask(&mut desk, 180_000, "validate", RIGHT);
    assert_eq!(
        (&*says(&seen), seen.lines()),
        ("KER-OTV-005", vec!["result already_used generate null".to_owned()])
    );
}

#[test]
fn an_expired_code_is_not_counted() {
    let mut desk = desk();
    ask(&mut desk, 0, "generate", KEY);
    for code in [RIGHT, WRONG, WRONG] {
        let seen = ask(&mut desk, 180_001, "validate", code);
        assert_eq!(
            (&*says(&seen), seen.lines()),
            ("failure OTP_EXPIRED", vec!["result expired generate null".to_owned()])
        );
    }
}

#[test]
fn the_last_allowed_try_freezes_the_subject() {
    let three = r#"{"wrong_tries_max":3,"lock_after":3}"#;
    let mut desk = with_policy(three);
    ask(&mut desk, 0, "generate", KEY);
    for _ in 0..2 {
        assert_eq!(says(&ask(&mut desk, 0, "validate", WRONG)), "failure VALIDATION_UNSUCCESSFUL");
    }
    let seen = ask(&mut desk, 0, "validate", WRONG);
    assert_eq!(says(&seen), "failure USER_BLOCKED");
    let lines = ["result wrong_code generate 0", "failed generate null", "locked generate null"];
    assert_eq!(seen.lines(), lines);
    for code in [RIGHT, WRONG] {
        let seen = ask(&mut desk, 1_799_999, "validate", code);
        assert_eq!(
            (&*says(&seen), seen.lines()),
            ("failure USER_BLOCKED", vec!["result locked generate null".to_owned()])
        );
    }
    let seen = ask(&mut desk, 1_799_999, "generate", KEY);
    assert_eq!(
        (&*says(&seen), seen.lines()),
        ("USER_BLOCKED null", vec!["suppressed generate \"locked\"".to_owned()])
    );
    assert_eq!(says(&ask(&mut desk, 1_800_000, "validate", RIGHT)), "KER-OTV-005", "a frozen code is dead");
    ask(&mut desk, 1_800_000, "generate", KEY);
    assert_eq!(says(&ask(&mut desk, 1_800_000, "validate", RIGHT)), "success VALIDATION_SUCCESSFUL");
    let mut third = with_policy(three);
    ask(&mut third, 0, "generate", KEY);
    ask(&mut third, 0, "validate", WRONG);
    ask(&mut third, 0, "validate", WRONG);
    assert_eq!(says(&ask(&mut third, 0, "validate", RIGHT)), "success VALIDATION_SUCCESSFUL");
}

#[test]
fn ten_wrong_tries_freeze_by_default_for_half_an_hour() {
    let mut desk = desk();
    ask(&mut desk, 0, "generate", KEY);
    let mut said: Vec<_> = (0..10).map(|_| says(&ask(&mut desk, 0, "validate", WRONG))).collect();
    assert_eq!(said.pop().as_deref(), Some("failure USER_BLOCKED"));
    assert!(said.iter().all(|it| it == "failure VALIDATION_UNSUCCESSFUL"), "{said:?}");
    assert_eq!(says(&ask(&mut desk, 1_799_999, "generate", KEY)), "USER_BLOCKED null");
    assert!(says(&ask(&mut desk, 1_800_000, "generate", KEY)).starts_with("GENERATION_SUCCESSFUL"));
}

#[test]
fn revealed_codes_count_against_no_limit_and_a_generate_resets_no_tries() {
    let mut desk = with_policy(r#"{"sends_per_challenge_max":1,"wrong_tries_max":2,"lock_after":9}"#);
    ask(&mut desk, 0, "generate", KEY);
    assert_eq!(says(&ask(&mut desk, 0, "validate", WRONG)), "failure VALIDATION_UNSUCCESSFUL");
    for _ in 0..20 {
        assert!(says(&ask(&mut desk, 0, "generate", KEY)).starts_with("GENERATION_SUCCESSFUL"));
    }
    let seen = ask(&mut desk, 0, "validate", WRONG);
    assert_eq!(seen.lines()[0], "result wrong_code generate 0");
    assert_eq!(says(&ask(&mut desk, 0, "validate", RIGHT)), "KER-OTV-005", "out of tries");
}
