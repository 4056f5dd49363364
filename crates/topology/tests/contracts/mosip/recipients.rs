//! Who gets the code: entries of the directory, and userIds that are addresses.

use super::sendotp::altered;
use super::*;

const SENT: &str = "success OTP had been sent successfully";

fn put(desk: &mut Desk, user_id: &str, users: &str) {
    let key = format!("mosip|default|{user_id}");
    let record = format!(r#"{{"users":[{users}]}}"#);
    let seen = desk.feed("directory", START, Some(&key), Some(record.as_bytes()), &[]);
    assert_eq!(seen.lines(), [""; 0]);
}

#[test]
fn a_user_id_may_be_an_address_itself() {
    let check = |user_id: &str, channels: &str, expected: &str, events: &[&str]| {
        let sections = json!({"egov": {"mobile_rules": [
            {"country_code": "+91", "regex": "^[6-9][0-9]{9}$", "default": true},
            {"country_code": "+254", "regex": "^7[0-9]{8}$"},
            {"country_code": "+2", "regex": "^[0-9]{8,12}$"},
            {"country_code": "+7", "regex": "^[0-9]{5,20}$"},
        ]}});
        let members = [format!("userId=\"{user_id}\""), format!("otpChannel={channels}")];
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let seen = ask(&mut with(sections, "{}"), 0, "sendotp", &altered(&members));
        assert_eq!(says(&seen), expected, "{user_id} {channels}");
        let sent: Vec<_> =
            seen.lines().into_iter().filter(|it| it.starts_with("sms") || it.starts_with("email")).collect();
        assert_eq!(sent, events, "{user_id} {channels}");
    };
    let (phone, email) = ("[\"phone\"]", "[\"email\"]");
    let nowhere = "AUTH_ERR_CHANNELPATH_NOT_FOUND";
    let text = "Please find the otp ######";
    check("9123456789", phone, SENT, &[&format!("sms +919123456789 {text}")]);
    check("+919123456789", phone, SENT, &[&format!("sms +919123456789 {text}")]);
    check("+254712345678", phone, SENT, &[&format!("sms +254712345678 {text}")]);
    check("+2123456789", phone, SENT, &[&format!("sms +2123456789 {text}")]);
    // The longest code counts, although a shorter one would fit.
    check("+254123456789", phone, nowhere, &[]);
    check("+915123456789", phone, nowhere, &[]);
    check("+19123456789", phone, nowhere, &[]);
    check("919123456789", phone, nowhere, &[]);
    check("5123456789", phone, nowhere, &[]);
    check("1234567890", phone, nowhere, &[]);
    check("9123456789", email, nowhere, &[]);
    // A number has seven to fifteen digits, whatever its rule says.
    check("+712345", phone, nowhere, &[]);
    check("+7123456", phone, SENT, &[&format!("sms +7123456 {text}")]);
    check("+712345678901234", phone, SENT, &[&format!("sms +712345678901234 {text}")]);
    check("+7123456789012345", phone, nowhere, &[]);
    check("asha@example.org", phone, nowhere, &[]);
    check("asha@example.org", "[\"email\",\"phone\"]", nowhere, &[]);
    check("asha@example..org", email, nowhere, &[]);
    let sent = format!(r#"email ["asha@example.org"] "Otp message" "{text}""#);
    check(" Asha@Example.org ", email, SENT, &[&sent]);
}

#[test]
fn an_entry_of_the_directory_wins() {
    let check = |kind: &str, channels: &str, users: &str, expected: &str, events: &[&str]| {
        let mut desk = desk();
        put(&mut desk, "9123456789", users);
        let members = [
            "userId=\"9123456789\"".to_owned(),
            format!("useridtype=\"{kind}\""),
            format!("otpChannel={channels}"),
        ];
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let seen = ask(&mut desk, 0, "sendotp", &altered(&members));
        assert_eq!(
            (&*says(&seen), seen.lines()),
            (expected, events.iter().map(|it| (*it).to_owned()).collect()),
            "{users}"
        );
    };
    let sms = "sms +918888800000 Please find the otp ######";
    let email = r#"email ["asha@example.org"] "Otp message" "Please find the otp ######""#;
    let both = r#"{"tenantId":"default","mobileNumber":"8888800000","countryCode":"+91","emailId":"asha@example.org"}"#;
    for kind in ["USERID", "UIN"] {
        check(kind, "[\"phone\"]", both, SENT, &[sms, "issued sendotp [\"sms\"]"]);
        check(kind, "[\"email\"]", both, SENT, &[email, "issued sendotp [\"email\"]"]);
        check(kind, "[\"phone\",\"email\"]", both, SENT, &[sms, email, "issued sendotp [\"sms\",\"email\"]"]);
    }
    let unknown = "suppressed sendotp \"unknown_recipient\"";
    let no_email = r#"{"tenantId":"default","mobileNumber":"8888800000"}"#;
    check("UIN", "[\"phone\"]", no_email, SENT, &[sms, "issued sendotp [\"sms\"]"]);
    check("UIN", "[\"email\"]", no_email, "AUTH_ERR_CHANNELPATH_NOT_FOUND", &[unknown]);
    check("USERID", "[\"email\",\"phone\"]", no_email, "AUTH_ERR_CHANNELPATH_NOT_FOUND", &[unknown]);
    let bad = r#"{"tenantId":"default","emailId":"asha@example..org"}"#;
    check("UIN", "[\"email\"]", bad, "AUTH_ERR_CHANNELPATH_NOT_FOUND", &[unknown]);
    let inactive = r#"{"tenantId":"default","mobileNumber":"8888800000","active":false}"#;
    check("UIN", "[\"phone\"]", inactive, "AUTH_ERR_USER_NOT_FOUND", &[unknown]);
    check("USERID", "[\"phone\"]", inactive, "AUTH_ERR_USER_NOT_FOUND", &[unknown]);
}

#[test]
fn an_identity_number_without_an_entry_is_nobody() {
    let uin = altered(&["userId=\"9123456789\"", "useridtype=\"UIN\"", "otpChannel=[\"phone\"]"]);
    let seen = ask(&mut desk(), 0, "sendotp", &uin);
    assert_eq!(says(&seen), "AUTH_ERR_USER_NOT_FOUND");
    assert_eq!(seen.lines(), ["suppressed sendotp \"unknown_recipient\""]);
    let mut concealing = with_policy(r#"{"conceal_existence":true}"#);
    let seen = ask(&mut concealing, 0, "sendotp", &uin);
    assert_eq!(says(&seen), SENT);
    assert_eq!(seen.lines(), ["suppressed sendotp \"unknown_recipient\""]);
    let login = r#"{"userId":"9123456789","otp":"123456","appId":"ida"}"#;
    assert_eq!(says(&ask(&mut concealing, 0, "useridOTP", login)), "failure VALIDATION_UNSUCCESSFUL");
    assert_eq!(says(&ask(&mut concealing, 1, "sendotp", &uin)), "OTP-SEND-TOO-SOON");
}
