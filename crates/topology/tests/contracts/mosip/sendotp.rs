//! `sendotp`: its checks in their order, and what it sends.

use super::*;

pub(super) const GOOD: &str = r#"{"userId":"asha@example.org","otpChannel":["email"],"useridtype":"USERID","appId":"ida","context":"auth-otp"}"#;

/// A good request with other values of some members: `name=JSON`. An empty value takes the member out.
pub(super) fn altered(members: &[&str]) -> String {
    let mut body: Value = serde_json::from_str(GOOD).expect("good JSON");
    let object = body.as_object_mut().expect("an object");
    for member in members {
        let (name, value) = member.split_once('=').expect("name=JSON");
        if value.is_empty() {
            object.remove(name).expect("a member of the request");
        } else {
            object.insert(name.to_owned(), serde_json::from_str(value).expect("JSON"));
        }
    }
    body.to_string()
}

#[test]
fn every_member_has_a_longest_value() {
    for (member, chars_max) in [("userId", 256), ("appId", 64), ("useridtype", 64), ("context", 128)] {
        let check = |chars: usize, is_refused: bool| {
            let value = format!("{member}=\"{}\"", "ह".repeat(chars));
            let found = errors(&ask(&mut desk(), 0, "sendotp", &altered(&[&value])));
            let refused =
                ("OTP-INVALID-REQUEST".to_owned(), format!("request.{member} is not of the expected shape"));
            assert_eq!(found == [refused], is_refused, "{member} of {chars}: {found:?}");
        };
        check(chars_max, false);
        check(chars_max + 1, true);
    }
}

#[test]
fn the_first_check_that_fails_answers() {
    let check = |members: &[&str], code: &str, message: &str| {
        let seen = ask(&mut desk(), 0, "sendotp", &altered(members));
        assert_eq!(errors(&seen), [(code.to_owned(), message.to_owned())], "{members:?}");
    };
    let all_wrong = [
        "appId=\"none\"",
        "useridtype=\"uin\"",
        "context=\" \"",
        "otpChannel=[\"sms\"]",
        "userId=\"nobody\"",
    ];
    check(&all_wrong, "KER-ATH-026", "Realm not found:: none");
    check(&all_wrong[1..], "401", "Invalid User Id type");
    check(&all_wrong[2..], "KER-ATH-401", "Context is null,Please enter a valid context");
    check(&all_wrong[3..], "KER-AUTH-CHANNEL_INVALID", "The passed channel is invalid.");
    let both = "otpChannel=[\"email\",\"phone\"]";
    let several = "Multiple channels are not supported in your module.";
    check(&[both, "appId=\"preregistration\"", "userId=\"nobody\""], "AUTH_ERR_MULTIPLE_CHANNELS", several);
    check(
        &["useridtype=\"UIN\"", "userId=\"nobody\""],
        "AUTH_ERR_USER_NOT_FOUND",
        "The passed in user is not found",
    );
    check(&["userId=\"nobody\""], "AUTH_ERR_CHANNELPATH_NOT_FOUND", "The passed in user is not found");
    check(&["userId=\"\""], "AUTH_ERR_USER_NOT_FOUND", "The passed in user is not found");
    check(&["appId="], "KER-ATH-026", "Realm not found:: ");
    check(&["useridtype="], "401", "Invalid User Id type");
    check(&["context=null"], "KER-ATH-401", "Context is null,Please enter a valid context");
    for channels in ["[]", "null", "[\"Email\"]", "[\"email\",\"fax\"]", "[\"\"]"] {
        check(
            &[&format!("otpChannel={channels}")],
            "KER-AUTH-CHANNEL_INVALID",
            "The passed channel is invalid.",
        );
    }
    check(&["context=\"other\""], "KER-ATH-436", "Template not found");
}

#[test]
fn wrong_types_are_no_request_of_this_contract() {
    for member in [
        "appId=5",
        "userId=[]",
        "otpChannel=\"email\"",
        "otpChannel=[1]",
        "templateVariables=[]",
        "context={}",
    ] {
        assert_eq!(
            says(&ask(&mut desk(), 0, "sendotp", &altered(&[member]))),
            "OTP-INVALID-REQUEST",
            "{member}"
        );
    }
}

#[test]
fn every_app_is_known_and_more_can_be_configured() {
    for app in ["preregistration", "registrationclient", "registrationprocessor", "ida", "admin", "resident"]
    {
        let seen = ask(&mut desk(), 0, "sendotp", &altered(&[&format!("appId=\"{app}\"")]));
        assert_eq!(says(&seen), "success OTP had been sent successfully", "{app}");
    }
    let mut own = with(json!({"mosip": {"app_ids": ["own"], "single_channel_app_ids": []}}), "{}");
    assert_eq!(says(&ask(&mut own, 0, "sendotp", GOOD)), "KER-ATH-026");
    assert_eq!(
        says(&ask(&mut own, 0, "sendotp", &altered(&["appId=\"own\""]))),
        "success OTP had been sent successfully"
    );
}

#[test]
fn members_are_read_in_both_spellings() {
    let lower = r#"{"userid":"asha@example.org","otpchannel":["email"],"useridtype":"USERID","appid":"ida","context":"auth-otp","templatevariables":{}}"#;
    assert_eq!(says(&ask(&mut desk(), 0, "sendotp", lower)), "success OTP had been sent successfully");
    let login = r#"{"userid":"asha@example.org","otp":"123456","appid":"ida"}"#;
    assert_eq!(says(&ask(&mut desk(), 0, "useridOTP", login)), "KER-OTV-005");
}

#[test]
fn a_code_goes_out_and_counts_against_the_limits() {
    let mut desk = with_policy(r#"{"sends_per_challenge_max":2}"#);
    let seen = ask(&mut desk, 0, "sendotp", GOOD);
    let email = r#"email ["asha@example.org"] "Otp message" "Please find the otp ######""#;
    assert_eq!(seen.lines(), [email, "issued sendotp [\"email\"]"]);
    assert!(!seen.reply.contains(&desk.code), "never revealed");
    let check = |desk: &mut Desk, offset_ms: u64, expected: &str, line: &str| {
        let seen = ask(desk, offset_ms, "sendotp", GOOD);
        assert_eq!((&*says(&seen), &*seen.lines()[0]), (expected, line), "{offset_ms}");
    };
    check(&mut desk, 29_999, "OTP-SEND-TOO-SOON", "suppressed sendotp \"send_too_soon\"");
    check(&mut desk, 30_000, "success OTP had been sent successfully", email);
    check(&mut desk, 60_000, "OTP-SEND-LIMIT", "suppressed sendotp \"send_limit\"");
}

#[test]
fn nothing_is_sent_to_a_frozen_subject() {
    let mut desk = with_policy(r#"{"lock_after":1}"#);
    ask(&mut desk, 0, "sendotp", GOOD);
    ask(&mut desk, 0, "useridOTP", r#"{"userId":"asha@example.org","otp":"{wrong}","appId":"ida"}"#);
    let seen = ask(&mut desk, 40_000, "sendotp", GOOD);
    assert_eq!(says(&seen), "failure USER_BLOCKED");
    assert_eq!(seen.lines(), ["suppressed sendotp \"locked\""]);
}
