//! The main flows: a citizen logs in, and a clerk sees a code. Checks the events that consumers read.

use crate::harness::audit::findings;
use crate::harness::event::{self, send, send_as, validate, wrong};
use crate::harness::scenario::Scenario;

#[test]
fn a_code_is_sent_and_accepted_once() {
    let mut scenario = Scenario::new("main-flow");
    let process = scenario.run();
    let number = "9123456780";

    let sent = scenario.produce(send(number).id("send-1"));
    let reply = scenario.reply(&sent);
    assert_eq!(reply.body()["isSuccessful"], true);
    assert_eq!(reply.key.as_deref(), Some(event::subject(number).as_bytes()));
    let info = &reply.body()["responseInfo"];
    assert_eq!((&info["status"], &info["msgId"]), (&"successful".into(), &"20170310130900|en_IN".into()));

    let sms = scenario.sms(&sent);
    let (code, body) = (sms.code(), sms.body());
    assert_eq!(code.len(), 6);
    assert_eq!(body["message"], format!("Dear Citizen, Your Login OTP is {code}."));
    assert_eq!((&body["mobileNumber"], &body["countryCode"]), (&number.into(), &"+91".into()));
    assert_eq!((&body["category"], &body["tenantId"]), (&"OTP".into(), &event::TENANT.into()));
    assert!(body.get("users").is_none());
    let issued = scenario.lifecycle("issued", &sent);
    let deadline = issued["occurredAt"].as_i64().expect("milliseconds") + 300_000;
    assert_eq!(body["expiryTime"].as_i64(), Some(deadline));

    let mistyped = scenario.ask(validate(number, &wrong(&code)).id("wrong"));
    assert_eq!(mistyped.error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
    let result = scenario.result("wrong");
    assert_eq!((&result["reason"], &result["attempts"]), (&"wrong_code".into(), &1.into()));
    assert_eq!(result["attemptsRemaining"], 4);

    let typed = scenario.ask(validate(number, &code).id("right"));
    assert_eq!(typed.body()["otp"]["isValidationSuccessful"], true, "{}", typed.error_code());
    let result = scenario.result("right");
    assert_eq!((&result["result"], &result["reason"]), (&"accepted".into(), &"verified".into()));
    assert_eq!(result["challengeId"], issued["challengeId"]);
    assert_eq!(result["subject"].as_str().map(str::as_bytes), sms.key.as_deref());

    let again = scenario.ask(validate(number, &code).id("again"));
    assert_eq!(again.error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
    assert_eq!(scenario.result("again")["reason"], "already_used");

    scenario.audit();
    let metrics = process.metrics();
    assert!(metrics.contains("otp_stream_requests_total"), "{metrics}");
    assert!(process.terminate().success());
}

#[test]
fn each_purpose_has_its_own_live_code() {
    let settings = "[policy.egov]\nsend_pause_ms = 0\n";
    let mut scenario = Scenario::with("purposes", settings);
    let _process = scenario.run();
    let number = "9123456781";
    let login = scenario.produce(send(number).id("login"));
    let register = scenario.produce(send_as(number, "register").id("register"));
    let (login, register) = (scenario.sms(&login).code(), scenario.sms(&register).code());

    let mut typed = validate(number, &login).id("typed-login");
    let mut body: serde_json::Value = serde_json::from_slice(&typed.payload.expect("a body")).expect("JSON");
    body["otp"]["type"] = "login".into();
    typed.payload = Some(body.to_string().into_bytes());
    assert_eq!(scenario.ask(typed).body()["otp"]["isValidationSuccessful"], true);
    assert_eq!(scenario.result("typed-login")["purpose"], "login");

    assert_eq!(
        scenario.ask(validate(number, &register).id("any")).body()["otp"]["isValidationSuccessful"],
        true
    );
    assert_eq!(scenario.result("any")["purpose"], "register");
    scenario.audit();
}

#[test]
fn create_reveals_the_code_only_to_a_caller_that_may_see_it() {
    let mut scenario = Scenario::new("create");
    let _process = scenario.run();
    let shown = scenario.ask_desk(event::create("9123456782").id("desk"));
    let body = shown.body();
    let (uuid, code) =
        (body["otp"]["UUID"].as_str().expect("an id"), body["otp"]["otp"].as_str().expect("a code"));

    let found = scenario.ask_desk(event::search("9123456782", uuid).id("search-1"));
    assert_eq!(found.body()["otp"]["isValidationSuccessful"], false);
    assert!(!String::from_utf8_lossy(found.payload.as_deref().expect("a body")).contains(code));
    assert_eq!(
        scenario.ask(validate("9123456782", code).id("use")).body()["otp"]["isValidationSuccessful"],
        true
    );
    let found = scenario.ask_desk(event::search("9123456782", uuid).id("search-2"));
    assert_eq!(found.body()["otp"]["isValidationSuccessful"], true);

    let hidden = scenario.ask(event::create("9123456783").id("plain"));
    assert!(hidden.body()["otp"]["UUID"].is_string(), "{}", hidden.error_code());
    assert!(hidden.body()["otp"].get("otp").is_none_or(serde_json::Value::is_null));
    let code = scenario.sms("plain").code();
    assert_eq!(
        scenario.ask(validate("9123456783", &code).id("use-2")).body()["otp"]["isValidationSuccessful"],
        true
    );

    let refused = scenario.ask_desk(send("9123456784").id("not-allowed"));
    assert_eq!(refused.error_code(), "OTP.OPERATION_NOT_ALLOWED");
    scenario.audit();
    let sent: Vec<_> = scenario.events_of(&scenario.topics.sms).iter().map(|sms| sms.cause()).collect();
    assert_eq!(sent, ["plain"], "a revealed code is not sent");
}

#[test]
fn the_auditor_finds_missing_and_duplicate_events() {
    let mut scenario = Scenario::new("auditor");
    let _process = scenario.run();
    let code = scenario.code_for("9123456785");
    scenario.ask(validate("9123456785", &wrong(&code)));
    scenario.ask(validate("9123456785", &code));
    scenario.audit();
    let events = scenario.tap.events.clone();
    for (n, event) in events.iter().enumerate() {
        let mut doubled = events.clone();
        doubled.push(event.clone());
        let found = findings(&scenario.topics, &doubled, &scenario.produced);
        assert!(!found.is_empty(), "{} doubled", event.text("ce_type"));
        if event.topic == scenario.topics.lifecycle && event.body()["type"] != "issued" {
            continue;
        }
        let mut lacking = events.clone();
        lacking.remove(n);
        let found = findings(&scenario.topics, &lacking, &scenario.produced);
        assert!(!found.is_empty(), "{} missing", event.text("ce_type"));
    }
}
