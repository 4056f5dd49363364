//! `useridOTP`, and the token that it gives.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use otp_topology::testing;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};

use super::sendotp::{GOOD, altered};
use super::*;

const RIGHT: &str = r#"{"userId":"asha@example.org","otp":"{code}","appId":"ida"}"#;
const WRONG: &str = r#"{"userId":"asha@example.org","otp":"{wrong}","appId":"ida"}"#;

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).expect("base64url without padding")
}

/// The claims of a token whose signature the published key verifies.
pub(super) fn claims_of(token: &str) -> Value {
    let jwks = testing::keyring().token_jwks();
    let key = &jwks["keys"][0];
    let coordinate = |name: &str| decoded(key[name].as_str().expect("a coordinate"));
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let parts: Vec<&str> = token.split('.').collect();
    let head: Value = serde_json::from_slice(&decoded(parts[0])).expect("a head");
    assert_eq!(head, json!({"alg": "ES256", "kid": key["kid"], "typ": "JWT"}));
    let signature = Signature::from_slice(&decoded(parts[2])).expect("64 bytes");
    let verifying = VerifyingKey::from_sec1_bytes(&point).expect("a point of the curve");
    let signed = format!("{}.{}", parts[0], parts[1]);
    verifying.verify(signed.as_bytes(), &signature).expect("the signature is right");
    serde_json::from_slice(&decoded(parts[1])).expect("claims")
}

#[test]
fn a_right_code_gives_a_token_and_nothing_else_does() {
    let mut desk = desk();
    let issued = ask(&mut desk, 0, "sendotp", GOOD);
    let wrong = ask(&mut desk, 0, "useridOTP", WRONG);
    assert_eq!((&*says(&wrong), wrong.header("authorization")), ("failure VALIDATION_UNSUCCESSFUL", None));
    let seen = ask(&mut desk, 1_500, "useridOTP", &RIGHT.replace("asha", " Asha"));
    assert_eq!(says(&seen), "success VALIDATION_SUCCESSFUL");
    assert_eq!(seen.lines(), ["result verified sendotp null", "verified sendotp null"]);
    let expected = json!({
        "iss": "otp-stream", "sub": "asha@example.org", "appId": "ida", "iat": START / 1000 + 1,
        "exp": START / 1000 + 6001, "jti": issued.events[1].1["challengeId"], "isOtpVerified": true,
    });
    assert_eq!(claims_of(seen.header("authorization").expect("a token")), expected);
    let again = ask(&mut desk, 1_500, "useridOTP", RIGHT);
    assert_eq!((&*says(&again), again.header("authorization")), ("KER-OTV-005", None));
}

#[test]
fn issuer_and_lifetime_are_the_deployments() {
    let mut desk = with(json!({"tokens": {"issuer": "https://otp.example", "lifetime_s": 60}}), "{}");
    ask(&mut desk, 0, "sendotp", GOOD);
    let seen = ask(&mut desk, 0, "useridOTP", RIGHT);
    let claims = claims_of(seen.header("authorization").expect("a token"));
    assert_eq!((&claims["iss"], &claims["exp"]), (&json!("https://otp.example"), &json!(START / 1000 + 60)));
}

#[test]
fn a_repeated_login_gets_the_same_token() {
    let mut desk = desk();
    ask(&mut desk, 0, "sendotp", GOOD);
    let id = [("ce_id", "r-1")];
    let first = desk.ask_with(START, &request("useridOTP", RIGHT), &id);
    let again = desk.ask_with(START + 60_000, &request("useridOTP", &RIGHT.replace("ida", "admin")), &id);
    assert_eq!((&again.reply, again.lines()), (&first.reply, Vec::new()));
    assert!(first.header("authorization").is_some());
    assert_eq!(again.header("authorization"), first.header("authorization"));
}

#[test]
fn blank_members_are_named_all_at_once() {
    let check = |members: &str, expected: &[&str]| {
        let seen = ask(&mut desk(), 0, "useridOTP", members);
        let expected: Vec<_> = expected
            .iter()
            .map(|name| ("KER-ATH-019".to_owned(), format!("request.{name} must not be blank")))
            .collect();
        assert_eq!(
            (errors(&seen), seen.lines()),
            (expected, vec!["result invalid_request null null".to_owned()]),
            "{members}"
        );
    };
    check("{}", &["userId", "otp", "appId"]);
    check(r#"{"userId":" ","otp":"","appId":null}"#, &["userId", "otp", "appId"]);
    check(r#"{"userId":"asha@example.org","otp":"1"}"#, &["appId"]);
    check(r#"{"otp":"1","appId":"ida"}"#, &["userId"]);
    check(r#"{"userId":"asha@example.org","appId":"none"}"#, &["otp"]);
}

#[test]
fn a_login_is_judged_like_a_validation() {
    let check = |members: &str, expected: &str| {
        assert_eq!(says(&ask(&mut desk(), 0, "useridOTP", members)), expected, "{members}");
    };
    check(&RIGHT.replace("ida", "none").replace("{code}", "1"), "KER-ATH-026");
    check(&RIGHT.replace("{code}", "12a456"), "KER-OTV-004");
    check(r#"{"userId":"ab","otp":"123456","appId":"ida"}"#, "KER-OTV-002");
    check(&RIGHT.replace("{code}", "123456"), "KER-OTV-005");
    let mut desk = with_policy(r#"{"lock_after":2}"#);
    ask(&mut desk, 0, "sendotp", GOOD);
    assert_eq!(says(&ask(&mut desk, 180_001, "useridOTP", RIGHT)), "failure OTP_EXPIRED");
    ask(&mut desk, 200_000, "sendotp", GOOD);
    assert_eq!(says(&ask(&mut desk, 200_000, "useridOTP", WRONG)), "failure VALIDATION_UNSUCCESSFUL");
    assert_eq!(says(&ask(&mut desk, 200_000, "useridOTP", WRONG)), "failure USER_BLOCKED");
    assert_eq!(says(&ask(&mut desk, 200_000, "useridOTP", RIGHT)), "failure USER_BLOCKED");
}

#[test]
fn a_code_that_was_revealed_logs_nobody_in() {
    let mut desk = desk();
    ask(&mut desk, 0, "generate", r#"{"key":"asha@example.org"}"#);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", RIGHT)), "KER-OTV-005");
    ask(&mut desk, 0, "sendotp", GOOD);
    let validate = r#"{"key":"asha@example.org","otp":"{code}"}"#;
    assert_eq!(says(&ask(&mut desk, 0, "validate", validate)), "failure VALIDATION_UNSUCCESSFUL");
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", RIGHT)), "success VALIDATION_SUCCESSFUL");
}

#[test]
fn a_user_who_is_inactive_by_now_is_not_logged_in() {
    let checked = || with(json!({"mosip": {"user_check": true}}), "{}");
    let put = |desk: &mut Desk, active: bool| {
        let record = format!(
            r#"{{"users":[{{"tenantId":"default","emailId":"asha@example.org","active":{active}}}]}}"#
        );
        desk.feed("directory", START, Some("mosip|default|1234567890"), Some(record.as_bytes()), &[]);
    };
    let login = RIGHT.replace("asha@example.org", "1234567890");
    let uin = altered(&["userId=\"1234567890\"", "useridtype=\"UIN\""]);
    let mut desk = checked();
    let seen = ask(&mut desk, 0, "useridOTP", &login.replace("{code}", "123456"));
    assert_eq!(errors(&seen), [("KER-ATH-003".to_owned(), "User Detail doesn't exist".to_owned())]);
    put(&mut desk, true);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", &login.replace("{code}", "123456"))), "KER-OTV-005");
    ask(&mut desk, 0, "sendotp", &uin);
    put(&mut desk, false);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", &login)), "KER-ATH-003");
    put(&mut desk, true);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", &login)), "success VALIDATION_SUCCESSFUL");
}

#[test]
fn results_and_lifecycle_carry_no_code_no_address_and_no_token() {
    let mut desk = desk();
    let mut seen = ask(&mut desk, 0, "sendotp", GOOD).events;
    let code = desk.code.clone();
    seen.extend(ask(&mut desk, 0, "useridOTP", RIGHT).events);
    let analytic: Vec<_> =
        seen.iter().filter(|(topic, _)| topic == "results" || topic == "lifecycle").collect();
    assert_eq!(analytic.len(), 3);
    for (topic, body) in analytic {
        let text = body.to_string();
        assert!(!text.contains(&code) && !text.contains("asha") && !text.contains("eyJ"), "{topic}: {text}");
    }
}
