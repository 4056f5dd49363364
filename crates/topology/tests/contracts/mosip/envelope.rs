//! What every reply has, and what is wrong with a request before its operation judges it.

use otp_topology::deployment::CallerSettings;

use super::*;

#[test]
fn a_reply_repeats_id_and_version_and_has_its_log_time() {
    let check = |version: &str, expected: &str| {
        let body = format!(
            r#"{{"id":"mosip.otp.generate",{version}"requesttime":"x","request":{{"key":"key-1"}}}}"#
        );
        let mut desk = desk();
        let reply = desk.ask(START, &body).reply;
        let expected = format!(
            r#"{{"id":"mosip.otp.generate",{expected},"responsetime":"2023-11-14T22:13:20.000Z","metadata":null,"response":{{"otp":"{}","status":"GENERATION_SUCCESSFUL"}},"errors":null}}"#,
            desk.code
        );
        assert_eq!(reply, expected);
    };
    check(r#""version":"1.0","#, r#""version":"1.0""#);
    check(r#""ver":"1.0","#, r#""ver":"1.0""#);
    check(r#""version":"1.0","ver":"2","#, r#""version":"1.0""#);
    check("", r#""version":null"#);
    check(r#""version":1,"#, r#""version":1"#);
}

#[test]
fn an_error_has_no_response() {
    let reply = ask(&mut desk(), 0, "generate", r#"{"key":"ab"}"#).reply;
    let expected = r#"{"id":"mosip.otp.generate","version":"1.0","responsetime":"2023-11-14T22:13:20.000Z","metadata":null,"response":null,"errors":[{"errorCode":"KER-OTG-001","message":"request.key: length should be in the range of 3-64"}]}"#;
    assert_eq!(reply, expected);
}

#[test]
fn a_json_object_of_another_shape_is_answered() {
    let check = |body: &str, expected: &str| {
        assert_eq!(says(&desk().ask(START, body)), expected, "{body}");
    };
    check(r#"{"id":"mosip.otp.resend","request":{"key":"key-1"}}"#, "OTP-UNKNOWN-OPERATION");
    check(r#"{"id":"MOSIP.OTP.GENERATE","request":{"key":"key-1"}}"#, "OTP-UNKNOWN-OPERATION");
    check(r#"{"id":"","request":{"key":"key-1"}}"#, "OTP-UNKNOWN-OPERATION");
    check(r#"{"request":{"key":"key-1"}}"#, "OTP-INVALID-REQUEST");
    check(r#"{"id":5,"request":{"key":"key-1"}}"#, "OTP-INVALID-REQUEST");
    check("{}", "OTP-INVALID-REQUEST");
    check(r#"{"id":"mosip.otp.generate"}"#, "OTP-INVALID-REQUEST");
    check(r#"{"id":"mosip.otp.generate","request":null}"#, "OTP-INVALID-REQUEST");
    check(r#"{"id":"mosip.otp.generate","request":[]}"#, "OTP-INVALID-REQUEST");
    check(r#"{"id":"mosip.otp.generate","request":{"key":5}}"#, "OTP-INVALID-REQUEST");
    check(r#"{"id":"mosip.otp.validate","request":{"key":"key-1","otp":123456}}"#, "OTP-INVALID-REQUEST");
    check(
        r#"{"id":"mosip.authentication.useridOTP","request":{"userId":"a","userid":"a"}}"#,
        "OTP-INVALID-REQUEST",
    );
}

#[test]
fn what_is_no_json_object_is_a_dead_letter() {
    let check = |body: &str, expected: &str| {
        let seen = desk().ask(START, body);
        assert_eq!((seen.lines(), &*seen.reply), (vec![format!("dead letter {expected}")], ""), "{body}");
    };
    check("[]", "not_an_object");
    check("{", "syntax");
    check(r#"{"id":"a","id":"a"}"#, "duplicate_key");
}

#[test]
fn an_operation_that_is_not_the_callers_is_forbidden() {
    let check = |operation: &str, members: &str, events: &[&str]| {
        let plan = Plan::of(ContractName::Mosip, true);
        let caller = CallerSettings { operations: Some(vec!["mosip.none".to_owned()]), ..plan.caller };
        let mut desk = Desk::new(Plan { caller, ..plan });
        let seen = ask(&mut desk, 0, operation, members);
        assert_eq!(errors(&seen), [("KER-ATH-403".to_owned(), "Forbidden".to_owned())]);
        assert_eq!(seen.lines(), events);
    };
    check("generate", r#"{"key":"key-1"}"#, &[]);
    check("validate", r#"{"key":"key-1","otp":"1"}"#, &["result invalid_request null null"]);
    check("sendotp", "{}", &[]);
    check("useridOTP", "{}", &["result invalid_request null null"]);
}

#[test]
fn a_request_that_came_too_late_does_nothing() {
    let check = |operation: &str, members: &str, events: &[&str]| {
        let past = [("ce_expirytime", "2023-11-14T22:13:19.999Z")];
        let seen = desk().ask_with(START, &request(operation, members), &past);
        assert_eq!(
            (says(&seen), seen.lines()),
            ("OTP-STALE-REQUEST".to_owned(), events.iter().map(|it| (*it).to_owned()).collect())
        );
    };
    check("generate", r#"{"key":"key-1"}"#, &["suppressed generate \"stale_request\""]);
    check("validate", r#"{"key":"key-1","otp":"123456"}"#, &["result stale_request null null"]);
    check("sendotp", sendotp::GOOD, &["suppressed sendotp \"stale_request\""]);
    let login = r#"{"userId":"asha@example.org","otp":"123456","appId":"ida"}"#;
    check("useridOTP", login, &["result stale_request null null"]);
    let foreign =
        desk().ask_with(START, &request("generate", r#"{"key":"key-1"}"#), &[("kafka_replyTopic", "x")]);
    assert_eq!(says(&foreign), "OTP-INVALID-REQUEST");
}
