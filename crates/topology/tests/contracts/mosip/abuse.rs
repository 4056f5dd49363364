//! Destinations, budgets and concealed existence of MOSIP.

use super::sendotp::altered;
use super::*;

const SENT: &str = "success OTP had been sent successfully";
const USER: &str = r#"{"tenantId":"default","mobileNumber":"8888800000","emailId":"asha@example.org"}"#;
const LOGIN: &str = r#"{"userId":"1234567890","otp":"{code}","appId":"ida"}"#;

fn put(desk: &mut Desk, users: &str) {
    let record = format!(r#"{{"users":[{users}]}}"#);
    desk.feed("directory", START, Some("mosip|default|1234567890"), Some(record.as_bytes()), &[]);
}

fn uin(channels: &str) -> String {
    altered(&["userId=\"1234567890\"", "useridtype=\"UIN\"", &format!("otpChannel={channels}")])
}

#[test]
fn a_destination_that_is_not_allowed_has_its_own_code() {
    let given = altered(&["userId=\"9123456789\"", "otpChannel=[\"phone\"]"]);
    let suppressed = ["suppressed sendotp \"destination_not_allowed\""];
    for policy in [r#"{"blocked_prefixes":["9123"]}"#, r#"{"allowed_country_codes":["+977"]}"#] {
        let seen = ask(&mut with_policy(policy), 0, "sendotp", &given);
        let message = "No OTP is sent to this number".to_owned();
        assert_eq!(errors(&seen), [("OTP-DESTINATION-NOT-ALLOWED".to_owned(), message)], "{policy}");
        assert_eq!(seen.lines(), suppressed);
    }
    let mut desk = with_policy(r#"{"blocked_prefixes":["8888"]}"#);
    put(&mut desk, USER);
    let seen = ask(&mut desk, 0, "sendotp", &uin("[\"phone\",\"email\"]"));
    assert_eq!(
        (says(&seen), seen.lines()),
        ("OTP-DESTINATION-NOT-ALLOWED".to_owned(), suppressed.map(str::to_owned).to_vec())
    );
    // An e-mail goes to no number.
    assert_eq!(says(&ask(&mut desk, 0, "sendotp", &uin("[\"email\"]"))), SENT);
    let generated = ask(&mut desk, 0, "generate", r#"{"key":"8888800000"}"#);
    assert!(says(&generated).starts_with("GENERATION_SUCCESSFUL"));
}

#[test]
fn a_spent_budget_is_a_send_limit() {
    for (rule, reason) in
        [("sends_per_tenant_hour_max", "tenant_limit"), ("sends_per_prefix_hour_max", "prefix_limit")]
    {
        let mut desk = with_policy(&format!(r#"{{"{rule}":1}}"#));
        let to = |number: &str| altered(&[&format!("userId=\"{number}\""), "otpChannel=[\"phone\"]"]);
        assert_eq!(says(&ask(&mut desk, 0, "sendotp", &to("9123456789"))), SENT);
        let seen = ask(&mut desk, 0, "sendotp", &to("9123000000"));
        assert_eq!(says(&seen), "OTP-SEND-LIMIT");
        assert_eq!(seen.lines(), [format!("suppressed sendotp \"{reason}\"")]);
    }
}

/// What a caller sees of somebody, from the first request to the last.
fn story(users: Option<&str>, policy: &str, sections: Value, channels: &str) -> Vec<String> {
    let mut desk = with(sections, policy);
    if let Some(users) = users {
        put(&mut desk, users);
    }
    let wrong = LOGIN.replace("{code}", "12345");
    let bad_variable = uin(channels).replacen('{', r#"{"templateVariables":{"name":"www.example.org"},"#, 1);
    let unknown_text = uin(channels).replace("auth-otp", "no-such-text");
    [
        ("sendotp", &unknown_text),
        ("sendotp", &bad_variable),
        ("sendotp", &uin(channels)),
        ("useridOTP", &wrong),
        ("sendotp", &uin(channels)),
        ("useridOTP", &wrong),
        ("useridOTP", &wrong),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (operation, members))| says(&ask(&mut desk, at as u64 * 10_000, operation, members)))
    .collect()
}

#[test]
fn concealment_makes_the_unknown_look_like_the_known() {
    let check = |sections: Value, rules: &str, channels: &str| {
        let policy = format!(r#"{{"conceal_existence":true,"lock_after":3{rules}}}"#);
        let known = story(Some(USER), &policy, sections.clone(), channels);
        for unknown in [None, Some(r#"{"tenantId":"default","mobileNumber":"8888800000","active":false}"#)] {
            assert_eq!(
                story(unknown, &policy, sections.clone(), channels),
                known,
                "{sections} {rules} {channels}"
            );
        }
        let nowhere = r#"{"tenantId":"default","mobileNumber":"12","emailId":"none"}"#;
        assert_eq!(story(Some(nowhere), &policy, sections.clone(), channels), known);
        known
    };
    for user_check in [false, true] {
        let sections = json!({"mosip": {"user_check": user_check}});
        for channels in ["[\"phone\"]", "[\"email\"]", "[\"phone\",\"email\"]"] {
            let known = check(sections.clone(), "", channels);
            let expected = [
                "KER-ATH-436",
                SENT,
                "OTP-SEND-TOO-SOON",
                "failure VALIDATION_UNSUCCESSFUL",
                SENT,
                "failure VALIDATION_UNSUCCESSFUL",
                "failure USER_BLOCKED",
            ];
            assert_eq!(known, expected);
            check(sections.clone(), r#","blocked_prefixes":["8888"]"#, channels);
            check(sections.clone(), r#","allowed_country_codes":["+977"]"#, channels);
            check(sections.clone(), r#","sends_per_prefix_hour_max":1"#, channels);
            check(sections.clone(), r#","sends_per_tenant_hour_max":1"#, channels);
        }
    }
}

#[test]
fn concealment_holds_for_a_number_that_is_the_user_id() {
    let given = altered(&["userId=\"9123456789\"", "otpChannel=[\"phone\"]"]);
    let login = r#"{"userId":"9123456789","otp":"12345","appId":"ida"}"#;
    let seen = |rules: &str| {
        let mut desk = with_policy(&format!(r#"{{"conceal_existence":true{rules}}}"#));
        let sent = says(&ask(&mut desk, 0, "sendotp", &given));
        (sent, says(&ask(&mut desk, 0, "useridOTP", login)), says(&ask(&mut desk, 0, "sendotp", &given)))
    };
    let good = seen("");
    assert_eq!(good.0, SENT);
    for rules in [
        r#","blocked_prefixes":["9123"]"#,
        r#","allowed_country_codes":["+977"]"#,
        r#","sends_per_prefix_hour_max":1"#,
    ] {
        assert_eq!(seen(rules), good, "{rules}");
    }
}

#[test]
fn a_user_who_is_gone_has_a_wrong_code_where_existence_is_concealed() {
    let mut desk = with(json!({"mosip": {"user_check": true}}), r#"{"conceal_existence":true}"#);
    put(&mut desk, USER);
    assert_eq!(says(&ask(&mut desk, 0, "sendotp", &uin("[\"phone\"]"))), SENT);
    put(&mut desk, r#"{"tenantId":"default","mobileNumber":"8888800000","active":false}"#);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", LOGIN)), "failure VALIDATION_UNSUCCESSFUL");
    put(&mut desk, USER);
    assert_eq!(says(&ask(&mut desk, 0, "useridOTP", LOGIN)), "success VALIDATION_SUCCESSFUL");
}
