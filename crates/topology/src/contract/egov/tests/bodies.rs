//! Whole bodies: requests as DIGIT's own clients send them; replies and events byte by byte.

use serde_json::{Value, json};

use super::World;
use crate::contract::delivery::Flavour;

const USER: &str =
    r#"{"tenantId":"pb","userType":"CITIZEN","mobileNumber":"9123456789","emailId":"asha@example.org"}"#;

/// As the web application for citizens sends it: `RequestInfo` with a user and a message id that ends in the locale.
const WEB: &str = r#"{
    "otp": {"mobileNumber": "9123456789", "tenantId": "pb.amritsar", "userType": "citizen", "type": "login"},
    "RequestInfo": {
        "apiId": "Rainmaker", "authToken": null, "msgId": "1700000000000|en_IN", "plainAccessRequest": {},
        "correlationId": "corr-1",
        "userInfo": {"id": 7, "uuid": "u-7", "type": "CITIZEN", "roles": [{"code": "CITIZEN", "tenantId": "pb"}]}}}"#;

/// As the mobile applications send it: no `RequestInfo`, a user type in mixed case.
const MOBILE: &str = r#"{"otp": {"mobileNumber": "9123456789", "tenantId": "pb", "type": "passwordreset",
    "userType": "Employee"}}"#;

/// As the registration form sends it: a name, and a city beside the tenant.
const FORM: &str = r#"{
    "RequestInfo": {"apiId": "org.egov.pt", "ver": "1.0", "ts": 1502890899493, "action": "create", "did": "4354648646",
        "key": "xyz", "msgId": "20170310130900", "requesterId": "61", "authToken": "null"},
    "otp": {"name": "Asha", "permanentCity": "pb.amritsar", "tenantId": "pb", "mobileNumber": "9123456789",
        "type": "register", "userType": null, "otpReference": null}}"#;

/// As the login of old portals sends it: no operation in the body, names of another case.
const VALIDATE: &str = r#"{
    "requestInfo": {"apiId": "ap.public", "ver": "1.0", "ts": "10-03-2017 00:00:00", "msgId": "20170310130900"},
    "Otp": {"otp": "{code}", "UUID": null, "identity": "9123456789", "TenantId": "pb", "userType": "CITIZEN"}}"#;

#[test]
fn requests_of_digits_own_clients_are_served() {
    let served = |request: &str, header: Option<&'static str>, info: Value| {
        let mut world = World::new();
        world.ask(WEB);
        world.later(30_000);
        world.header = header;
        let seen = world.ask(request);
        assert!(seen.reply.get("error").is_none(), "{}", seen.reply);
        assert_eq!(seen.reply["responseInfo"], info);
    };
    let info = |api_id: Value, ver: Value, ts: Value, msg_id: Value| json!({ "apiId": api_id, "ver": ver, "ts": ts, "resMsgId": null, "msgId": msg_id, "status": "successful" });
    let null = Value::Null;
    served(WEB, None, info(json!("Rainmaker"), null.clone(), null.clone(), json!("1700000000000|en_IN")));
    served(MOBILE, Some("send"), info(null.clone(), null.clone(), null.clone(), null));
    served(
        FORM,
        None,
        info(json!("org.egov.pt"), json!("1.0"), json!(1_502_890_899_493_u64), json!("20170310130900")),
    );
    served(
        VALIDATE,
        Some("validate"),
        info(json!("ap.public"), json!("1.0"), json!("10-03-2017 00:00:00"), json!("20170310130900")),
    );
}

#[test]
fn a_reply_repeats_only_plain_values_of_request_info() {
    let long = "x".repeat(257);
    let request = format!(
        r#"{{"operation":"send","RequestInfo":{{"apiId":{{}},"ver":true,"ts":1.5,"msgId":"{long}"}},"otp":{{}}}}"#
    );
    let expected =
        json!({ "apiId": null, "ver": true, "ts": 1.5, "resMsgId": null, "msgId": null, "status": "failed" });
    assert_eq!(World::new().ask(&request).reply["responseInfo"], expected);
}

#[test]
fn notifications_have_the_shape_that_their_consumers_read() {
    let mut world = World::with_users(USER);
    let seen = world.ask(WEB);
    let code = world.code.clone();
    let id = seen.bodies[2]["challengeId"].as_str().expect("it has an id").to_owned();
    let sms = json!({
        "mobileNumber": "9123456789", "message": format!("Dear Citizen, Your Login OTP is {code}."),
        "category": "OTP", "expiryTime": world.now + 300_000, "countryCode": "+91", "tenantId": "pb.amritsar",
        "templateId": null, "locale": "en_IN", "eventId": format!("{id}-sms-1"), "correlationId": "corr-1"
    });
    let email = json!({
        "requestInfo": {},
        "email": {
            "emailTo": ["asha@example.org"], "subject": "Login OTP",
            "body": format!("Dear Citizen, Your Login OTP is {code}."), "isHTML": false, "tenantId": "pb.amritsar"
        }
    });
    assert_eq!(seen.bodies[..2], [sms, email]);
    assert_eq!(seen.reply["isSuccessful"], true);
}

#[test]
fn mgramsevas_email_is_flat() {
    let mut world = World::with_users(USER);
    world.settings.flavour = Flavour::Mgramseva;
    world.settings.mail_sender = "otp@example.org".to_owned();
    world.template("egov/*/en_IN/sms.login.otp.msg", "Code {otp}", Some("1107"));
    let seen = world.ask(WEB);
    let body = format!("Dear Citizen, Your Login OTP is {}.", world.code);
    let email = json!({
        "email": "asha@example.org", "subject": "Login OTP", "body": body, "sender": "otp@example.org"
    });
    assert_eq!(seen.bodies[1], email);
}

#[test]
fn replies_are_pinned_byte_by_byte() {
    let mut world = World::new();
    let create = r#"{"operation":"create","otp":{"tenantId":"pb.amritsar","identity":"9123456789"}}"#;
    let seen = world.ask(create);
    let id = seen.bodies[1]["challengeId"].clone();
    let nothing_known = |status: &str| json!({ "apiId": null, "ver": null, "ts": null, "resMsgId": null, "msgId": null, "status": status });
    let expected = json!({
        "responseInfo": nothing_known("successful"),
        "otp": { "UUID": id, "identity": "9123456789", "tenantId": "pb", "isValidationSuccessful": false }
    });
    assert_eq!(seen.reply, expected);
    let seen =
        world.ask(r#"{"operation":"search","otp":{"tenantId":"pb","identity":"9123456789","UUID":"x"}}"#);
    assert_eq!(seen.reply, json!({ "responseInfo": nothing_known("successful"), "otp": null }));
    let seen = world.ask(r#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":""}}"#);
    let expected = json!({
        "responseInfo": nothing_known("failed"),
        "error": {
            "code": 400, "message": "Invalid OTP request", "description": null,
            "fields": [{
                "code": "OTP.MOBILE_NUMBER_MANDATORY", "message": "Mobile number field is mandatory",
                "field": "otp.mobileNumber"
            }]
        }
    });
    assert_eq!(seen.reply, expected);
}

#[test]
fn a_number_of_request_info_comes_back_as_it_was_written() {
    for number in ["1502890899493", "1.50E3", "-0", "1e400", "12345678901234567890123"] {
        let request = format!(r#"{{"operation":"send","RequestInfo":{{"ts":{number}}},"otp":{{}}}}"#);
        let body = World::new().reply_bytes(&request);
        assert!(body.contains(&format!(r#""ts":{number},"#)), "{body}");
    }
    let long = format!(r#"{{"operation":"send","RequestInfo":{{"ts":{}}},"otp":{{}}}}"#, "1".repeat(257));
    assert!(World::new().reply_bytes(&long).contains(r#""ts":null,"#));
}

#[test]
fn what_nobody_reads_is_skipped_by_its_syntax() {
    for member in [r#""x":1e400"#, r#""x":"\ud800""#, r#""x":[{"y":"\udc00"}]"#, r#""\ud800":-1e-999"#] {
        let request = format!(
            r#"{{{member},"operation":"send","RequestInfo":{{{member},"msgId":"\ud800"}},
                "otp":{{{member},"tenantId":"pb","mobileNumber":"9123456789"}}}}"#
        );
        let seen = World::new().ask(&request);
        assert_eq!(seen.reply_line(), "sent successful", "{request}");
        assert_eq!(seen.reply["responseInfo"]["msgId"], Value::Null);
    }
    let read = r#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":"\ud800"}}"#;
    let expected = "400 OTP request rejected | OTP.INVALID_REQUEST otp.mobileNumber: \
        The request is not of the expected shape";
    assert_eq!(World::new().ask(read).reply_line(), expected);
}
