//! `egov.user_check`: the directory topic decides which users exist.

use serde_json::{Value, json};

use crate::harness::event::{Request, send_as, subject, validate};
use crate::harness::scenario::Scenario;

fn user(number: &str, email: Option<&str>) -> Value {
    json!({"users": [{
        "tenantId": "pb", "userType": "CITIZEN", "userName": number, "mobileNumber": number, "countryCode": "+91",
        "emailId": email, "locale": "en_IN", "active": true, "uuid": "11111111-2222-3333-4444-555555555555",
    }]})
}

#[test]
fn the_directory_decides_who_gets_a_code() {
    let mut scenario = Scenario::with("directory", "[egov]\nuser_check = true\n");
    let topic = scenario.topics.directory.clone();
    let (known, unknown) = ("9123456750", "9123456751");
    scenario
        .upstream
        .produce(&topic, &Request::of(&subject(known), &user(known, Some("a.citizen@example.org"))));
    let process = scenario.run();

    let refused = scenario.ask(send_as(unknown, "login").id("login-unknown"));
    assert_eq!(refused.error_code(), "OTP.UNKNOWN_CREDENTIAL");
    let refused = scenario.ask(send_as(unknown, "passwordreset").id("reset-unknown"));
    assert_eq!(refused.error_code(), "OTP.UNKNOWN_MOBILE_NUMBER");
    let refused = scenario.ask(send_as(known, "register").id("register-known"));
    assert_eq!(refused.error_code(), "OTP.MOBILENUMBER");
    assert_eq!(
        scenario.ask(send_as(unknown, "register").id("register-unknown")).body()["isSuccessful"],
        true
    );

    assert_eq!(scenario.ask(send_as(known, "login").id("login-known")).body()["isSuccessful"], true);
    let code = scenario.sms("login-known").code();
    let email = scenario.topics.email.clone();
    let mail = scenario.tap.wait("the e-mail", |e| e.topic == email && e.cause() == "login-known").body();
    assert_eq!(mail["email"]["emailTo"], json!(["a.citizen@example.org"]));
    assert!(mail["email"]["body"].as_str().expect("a body").contains(&code));
    assert_eq!(scenario.lifecycle("issued", "login-known")["channels"], json!(["sms", "email"]));
    assert_eq!(scenario.ask(validate(known, &code).id("use")).body()["otp"]["isValidationSuccessful"], true);

    assert!(process.terminate().success());
    let gone = Request::default().key(Some(&subject(known)));
    scenario.upstream.produce(&topic, &gone);
    let _process = scenario.run();
    let refused = scenario.ask(send_as(known, "login").id("login-gone"));
    assert_eq!(
        refused.error_code(),
        "OTP.UNKNOWN_CREDENTIAL",
        "a tombstone was read before the first request"
    );
    scenario.audit();
}

#[test]
fn a_directory_record_under_another_key_is_a_dead_letter() {
    let mut scenario = Scenario::with("directory-key", "[egov]\nuser_check = true\n");
    let _process = scenario.run();
    let topic = scenario.topics.directory.clone();
    for key in ["9123456752", "egov|pb", "other|pb|9123456752"] {
        let (partition, offset) =
            scenario.upstream.produce(&topic, &Request::of(key, &user("9123456752", None)));
        let dead_letters = scenario.topics.dead_letters.clone();
        scenario.tap.wait(key, |e| {
            e.topic == dead_letters
                && e.text("__dlq.errors.offset") == offset.to_string()
                && e.text("__dlq.errors.partition") == partition.to_string()
        });
    }
    scenario.audit();
}
