//! Templates, languages and variables.

use super::sendotp::altered;
use super::*;

fn put(desk: &mut Desk, language: &str, code: &str, text: &str) -> Vec<String> {
    let key = format!("mosip/*/{language}/{code}");
    let record = json!({ "text": text }).to_string();
    desk.feed("templates", START, Some(&key), Some(record.as_bytes()), &[]).lines()
}

fn sms_of(desk: &mut Desk, context: &str, variables: &str) -> Vec<String> {
    let members = [
        "userId=\"9123456789\"".to_owned(),
        "otpChannel=[\"phone\"]".to_owned(),
        format!("context=\"{context}\""),
        format!("templateVariables={variables}"),
    ];
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    let seen = ask(desk, 0, "sendotp", &altered(&members));
    match says(&seen) {
        said if said.starts_with("success") => {
            let (_, body) = &seen.events[0];
            let message = body["message"].as_str().expect("a text").replace(&desk.code, "<otp>");
            vec![message, body["locale"].to_string()]
        }
        said => vec![said],
    }
}

#[test]
fn two_languages_follow_each_other_and_one_stands_alone() {
    let check = |languages: &[&str], texts: &[(&str, &str)], expected: &[&str]| {
        let mut desk = with(json!({"mosip": {"languages": languages}}), "{}");
        for (language, text) in texts {
            assert_eq!(put(&mut desk, language, "auth-otp-sms-template", text), [""; 0]);
        }
        assert_eq!(sms_of(&mut desk, "auth-otp", "null"), expected, "{languages:?} {texts:?}");
    };
    let (eng, ara) = (("eng", "Code $otp"), ("ara", "رمز $otp"));
    check(&["eng"], &[eng, ara], &["Code <otp>", "\"eng\""]);
    check(&["eng", "ara"], &[eng, ara], &["Code <otp>\n\nرمز <otp>", "\"eng\""]);
    check(&["ara", "eng"], &[eng, ara], &["رمز <otp>\n\nCode <otp>", "\"ara\""]);
    check(&["eng", "ara"], &[eng], &["Code <otp>", "\"eng\""]);
    check(&["eng", "ara"], &[ara], &["رمز <otp>", "\"ara\""]);
    check(&["eng", "ara"], &[], &["Please find the otp <otp>", "\"eng\""]);
}

#[test]
fn an_email_has_its_subject_in_one_language() {
    let check = |subjects: &[(&str, &str)], expected: &str| {
        let mut desk = with(json!({"mosip": {"languages": ["eng", "ara"]}}), "{}");
        for (language, text) in subjects {
            put(&mut desk, language, "auth-otp-email-subject-template", text);
        }
        put(&mut desk, "eng", "auth-otp-email-content-template", "Code $otp");
        put(&mut desk, "ara", "auth-otp-email-content-template", "رمز $otp");
        let seen = ask(&mut desk, 0, "sendotp", sendotp::GOOD);
        let email = &seen.events[0].1["email"];
        let body = email["body"].as_str().expect("a text").replace(&desk.code, "<otp>");
        assert_eq!((email["subject"].as_str(), &*body), (Some(expected), "Code <otp>\n\nرمز <otp>"));
    };
    check(&[("eng", "Code"), ("ara", "رمز")], "Code");
    check(&[("ara", "رمز")], "رمز");
    check(&[], "Otp message");
}

#[test]
fn a_text_of_the_tenant_wins() {
    let mut desk = desk();
    put(&mut desk, "eng", "auth-otp-sms-template", "Code $otp");
    let own = json!({"text": "Own code $otp"}).to_string();
    let key = Some("mosip/default/eng/auth-otp-sms-template");
    desk.feed("templates", START, key, Some(own.as_bytes()), &[]);
    assert_eq!(sms_of(&mut desk, "auth-otp", "null"), ["Own code <otp>", "\"eng\""]);
}

#[test]
fn a_variable_of_an_email_is_judged_in_subject_and_body() {
    let check = |subject: &str, body: &str, expected: &str| {
        let mut desk = desk();
        put(&mut desk, "eng", "auth-otp-email-subject-template", subject);
        put(&mut desk, "eng", "auth-otp-email-content-template", body);
        let variables = r#"templateVariables={"name":"bit.ly/x"}"#;
        assert_eq!(says(&ask(&mut desk, 0, "sendotp", &altered(&[variables]))), expected, "{subject} {body}");
    };
    check("Code", "$otp", "success OTP had been sent successfully");
    check("For $name", "$otp", "OTP-INVALID-REQUEST");
    check("Code", "$name $otp", "OTP-INVALID-REQUEST");
}

#[test]
fn a_context_without_texts_has_no_template() {
    let mut desk = with_policy(r#"{"send_pause_ms":0}"#);
    assert_eq!(sms_of(&mut desk, "other", "null"), ["KER-ATH-436"]);
    put(&mut desk, "eng", "other-sms-template", "$otp");
    assert_eq!(sms_of(&mut desk, "other", "null"), ["<otp>", "\"eng\""]);
    assert_eq!(sms_of(&mut desk, "a/b", "null"), ["KER-ATH-436"]);
}

#[test]
fn variables_of_the_template_are_filled_in() {
    let check = |text: &str, variables: &str, expected: &str| {
        let mut desk = desk();
        put(&mut desk, "eng", "auth-otp-sms-template", text);
        assert_eq!(sms_of(&mut desk, "auth-otp", variables)[0], expected, "{text} {variables}");
    };
    check("$name: $otp", r#"{"name":"Asha"}"#, "Asha: <otp>");
    check("${name}x $!name $otp", r#"{"name":"Asha"}"#, "Ashax Asha <otp>");
    check("$name: $otp", "{}", ": <otp>");
    check("$name: $otp", r#"{"name":null}"#, ": <otp>");
    check("$year: $otp", r#"{"year":26}"#, "26: <otp>");
    check("$otp", r#"{"otp":"000000"}"#, "<otp>");
    check("$otpx $otp_x $otp", r#"{"otpx":"longest","otp_x":"name"}"#, "longest name <otp>");
    check("${otp}x $!otp", "{}", "<otp>x <otp>");
    check("$1 $ $!{name} ${na-me} $otp", r#"{"name":"Asha"}"#, "$1 $ $!{name} ${na-me} <otp>");
    check("$Name: $otp", r#"{"name":"Asha"}"#, ": <otp>");
    for bad in
        ["\"http://x\"", "\"bit.ly/x\"", "\"www.x\"", "\"a\\nb\"", "\"\\u0000\"", "\"\\u2028\"", "[]", "{}"]
    {
        check("$name: $otp", &format!(r#"{{"name":{bad}}}"#), "OTP-INVALID-REQUEST");
        check("$otp", &format!(r#"{{"name":{bad}}}"#), "<otp>");
    }
    check("$name: $otp", &format!(r#"{{"name":"{}"}}"#, "x".repeat(65)), "OTP-INVALID-REQUEST");
    check(
        "$name: $otp",
        &format!(r#"{{"name":"{}"}}"#, "x".repeat(64)),
        &format!("{}: <otp>", "x".repeat(64)),
    );
}

#[test]
fn a_body_without_the_code_is_refused_when_it_is_loaded() {
    let check = |code: &str, text: &str, expected: &[&str]| {
        assert_eq!(put(&mut desk(), "eng", code, text), expected, "{code} {text}");
    };
    check("auth-otp-sms-template", "no code", &["dead letter bad_template"]);
    check("auth-otp-email-content-template", "$name", &["dead letter bad_template"]);
    check("auth-otp-email-subject-template", "no code", &[]);
    check("auth-otp-sms-template", "%s", &["dead letter bad_template"]);
    check("auth-otp-sms-template", "$!otp", &[]);
}
