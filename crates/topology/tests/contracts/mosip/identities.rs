//! Canonical forms of keys and userIds, and the events that a code travels in.

use super::sendotp::altered;
use super::*;

const SENT: &str = "success OTP had been sent successfully";

#[test]
fn a_key_counts_in_its_canonical_form() {
    let check = |generated: &str, validated: &str, expected: &str| {
        let mut desk = desk();
        ask(&mut desk, 0, "generate", &json!({ "key": generated }).to_string());
        let members = json!({"key": validated, "otp": desk.code}).to_string();
        assert_eq!(says(&ask(&mut desk, 0, "validate", &members)), expected, "{generated:?} {validated:?}");
    };
    let (right, unknown) = ("success VALIDATION_SUCCESSFUL", "KER-OTV-005");
    check(" key-1\t", "key-1", right);
    check("Asha@Example.org", "asha@example.ORG", right);
    check("caf\u{e9}", "cafe\u{301}", right);
    check("Key-1", "key-1", unknown);
    check("key-1", "key-2", unknown);
}

#[test]
fn a_key_with_an_invisible_character_is_none() {
    let members = "{\"key\":\"key\u{200b}-1\"}";
    assert_eq!(says(&ask(&mut desk(), 0, "generate", members)), "KER-OTG-001");
    let members = "{\"key\":\"key\u{200b}-1\",\"otp\":\"123456\"}";
    assert_eq!(says(&ask(&mut desk(), 0, "validate", members)), "KER-OTV-001");
}

#[test]
fn a_user_id_counts_in_its_canonical_form() {
    let mut desk = desk();
    ask(&mut desk, 0, "sendotp", &altered(&["userId=\" Asha@Example.ORG\""]));
    let login = r#"{"userId":"ASHA@example.org ","otp":"{code}","appId":"ida"}"#;
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", login)), "success VALIDATION_SUCCESSFUL");
}

#[test]
fn a_phone_number_has_7_to_15_digits() {
    let any = json!({"egov": {"mobile_rules": [{"country_code": "+91", "regex": "^[0-9]{1,20}$", "default": true}]}});
    let check = |user_id: &str, expected: &str| {
        let members = [&format!("userId=\"{user_id}\""), "otpChannel=[\"phone\"]"];
        let seen = ask(&mut with(any.clone(), "{}"), 0, "sendotp", &altered(&members));
        assert_eq!(says(&seen), expected, "{user_id}");
    };
    let nowhere = "AUTH_ERR_CHANNELPATH_NOT_FOUND";
    check("1234567", SENT);
    check("123456789012345", SENT);
    check("+911234567890123", SENT);
    check("123456", nowhere);
    check("1234567890123456", nowhere);
    check("+9112345678901234", nowhere);
    check("91234-56789", nowhere);
    check("++919123456789", nowhere);
    check("١٢٣٤٥٦٧", nowhere);
}

/// A directory entry with both addresses.
fn put(desk: &mut Desk) {
    let record = r#"{"users":[{"tenantId":"default","mobileNumber":"9123456789","countryCode":"+91","emailId":"asha@example.org"}]}"#;
    desk.feed("directory", START, Some("mosip|default|1234567890"), Some(record.as_bytes()), &[]);
}

const BOTH: [&str; 3] =
    ["userId=\"1234567890\"", "useridtype=\"UIN\"", "otpChannel=[\"email\",\"phone\",\"email\"]"];

#[test]
fn the_events_have_the_shapes_of_egov_and_one_code() {
    let mut desk = desk();
    put(&mut desk);
    let seen = ask(&mut desk, 0, "sendotp", &altered(&BOTH));
    assert_eq!(says(&seen), SENT);
    let (code, mut events) = (desk.code.clone(), seen.events.into_iter());
    let (topic, mut sms) = events.next().expect("an SMS");
    for id in ["eventId", "correlationId"] {
        assert!(sms.as_object_mut().and_then(|it| it.remove(id)).is_some_and(|it| it.is_string()), "{id}");
    }
    let message = format!("Please find the otp {code}");
    let expected = json!({
        "mobileNumber": "9123456789", "message": message, "category": "OTP", "expiryTime": START + 180_000,
        "countryCode": "+91", "tenantId": "default", "templateId": null, "locale": "eng",
    });
    assert_eq!((&*topic, sms), ("sms", expected));
    let (topic, email) = events.next().expect("an e-mail");
    let expected = json!({"requestInfo": {}, "email": {
        "emailTo": ["asha@example.org"], "subject": "Otp message", "body": message, "isHTML": false,
        "tenantId": "default",
    }});
    assert_eq!((&*topic, email), ("email", expected));
}

#[test]
fn all_channels_share_one_budget() {
    let mut desk = with_policy(r#"{"sends_per_challenge_max":2,"send_pause_ms":0}"#);
    put(&mut desk);
    let phone = [BOTH[0], BOTH[1], "otpChannel=[\"phone\"]"];
    let email = [BOTH[0], BOTH[1], "otpChannel=[\"email\"]"];
    assert_eq!(says(&ask(&mut desk, 0, "sendotp", &altered(&BOTH))), SENT, "one delivery by two channels");
    assert_eq!(says(&ask(&mut desk, 1, "sendotp", &altered(&phone))), SENT);
    assert_eq!(says(&ask(&mut desk, 2, "sendotp", &altered(&email))), "OTP-SEND-LIMIT");
}

#[test]
fn a_locked_subject_is_blocked_although_its_code_has_expired() {
    let mut desk = with_policy(r#"{"lock_after":1}"#);
    ask(&mut desk, 0, "generate", r#"{"key":"key-1"}"#);
    ask(&mut desk, 0, "validate", r#"{"key":"key-1","otp":"{wrong}"}"#);
    for code in ["{code}", "{wrong}"] {
        let members = format!(r#"{{"key":"key-1","otp":"{code}"}}"#);
        assert_eq!(says(&ask(&mut desk, 200_000, "validate", &members)), "failure USER_BLOCKED");
    }
}

#[test]
fn a_sender_cannot_tell_who_exists_if_existence_is_concealed() {
    let conceal = || with_policy(r#"{"conceal_existence":true}"#);
    let check = |members: &[&str]| {
        let seen = ask(&mut conceal(), 0, "sendotp", &altered(members));
        let withheld = vec!["suppressed sendotp \"unknown_recipient\"".to_owned()];
        assert_eq!((&*says(&seen), seen.lines()), (SENT, withheld), "{members:?}");
    };
    check(&["userId=\"1234567890\"", "useridtype=\"UIN\""]);
    check(&["userId=\"asha\""]);
    check(&["userId=\"asha\"", "otpChannel=[\"phone\"]"]);
    check(&["userId=\"asha@example.org\"", "otpChannel=[\"phone\"]"]);
    let mut desk = conceal();
    put(&mut desk);
    assert!(ask(&mut desk, 0, "sendotp", &altered(&BOTH)).lines()[0].starts_with("sms "));
}
