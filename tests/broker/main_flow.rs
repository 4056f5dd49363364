//! A citizen logs in; a clerk sees a code; what consumers read of it.

use crate::harness::audit::findings;
use crate::harness::event::{self, send, send_as, validate, wrong};
use crate::harness::world::World;

#[test]
fn a_code_is_sent_and_accepted_once() {
    let mut world = World::new("main-flow");
    let process = world.run();
    let number = "9123456780";

    let sent = world.tell(send(number).id("send-1"));
    let reply = world.reply(&sent);
    assert_eq!(reply.body()["isSuccessful"], true);
    assert_eq!(reply.key.as_deref(), Some(event::subject(number).as_bytes()));
    let info = &reply.body()["responseInfo"];
    assert_eq!((&info["status"], &info["msgId"]), (&"successful".into(), &"20170310130900|en_IN".into()));

    let sms = world.sms(&sent);
    let (code, body) = (sms.code(), sms.body());
    assert_eq!(code.len(), 6);
    assert_eq!(body["message"], format!("Dear Citizen, Your Login OTP is {code}."));
    assert_eq!((&body["mobileNumber"], &body["countryCode"]), (&number.into(), &"+91".into()));
    assert_eq!((&body["category"], &body["tenantId"]), (&"OTP".into(), &event::TENANT.into()));
    assert!(body.get("users").is_none());
    let issued = world.lifecycle("issued", &sent);
    let deadline = issued["occurredAt"].as_i64().expect("milliseconds") + 300_000;
    assert_eq!(body["expiryTime"].as_i64(), Some(deadline));

    let mistyped = world.ask(validate(number, &wrong(&code)).id("wrong"));
    assert_eq!(mistyped.error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
    let result = world.result("wrong");
    assert_eq!((&result["reason"], &result["attempts"]), (&"wrong_code".into(), &1.into()));
    assert_eq!(result["attemptsRemaining"], 4);

    let typed = world.ask(validate(number, &code).id("right"));
    assert_eq!(typed.body()["otp"]["isValidationSuccessful"], true, "{}", typed.error_code());
    let result = world.result("right");
    assert_eq!((&result["result"], &result["reason"]), (&"accepted".into(), &"verified".into()));
    assert_eq!(result["challengeId"], issued["challengeId"]);
    assert_eq!(result["subject"].as_str().map(str::as_bytes), sms.key.as_deref());

    let again = world.ask(validate(number, &code).id("again"));
    assert_eq!(again.error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
    assert_eq!(world.result("again")["reason"], "already_used");

    world.audit();
    let metrics = process.metrics();
    assert!(metrics.contains("otp_stream_requests_total"), "{metrics}");
    assert!(process.terminate().success());
}

#[test]
fn each_purpose_has_its_own_live_code() {
    let settings = "[policy.egov]\nsend_pause_ms = 0\n";
    let mut world = World::with("purposes", settings);
    let _process = world.run();
    let number = "9123456781";
    let login = world.tell(send(number).id("login"));
    let register = world.tell(send_as(number, "register").id("register"));
    let (login, register) = (world.sms(&login).code(), world.sms(&register).code());

    let mut typed = validate(number, &login).id("typed-login");
    let mut body: serde_json::Value = serde_json::from_slice(&typed.payload.expect("a body")).expect("JSON");
    body["otp"]["type"] = "login".into();
    typed.payload = Some(body.to_string().into_bytes());
    assert_eq!(world.ask(typed).body()["otp"]["isValidationSuccessful"], true);
    assert_eq!(world.result("typed-login")["purpose"], "login");

    assert_eq!(
        world.ask(validate(number, &register).id("any")).body()["otp"]["isValidationSuccessful"],
        true
    );
    assert_eq!(world.result("any")["purpose"], "register");
    world.audit();
}

#[test]
fn create_tells_the_code_only_to_a_caller_that_may_see_it() {
    let mut world = World::new("create");
    let _process = world.run();
    let shown = world.ask_desk(event::create("9123456782").id("desk"));
    let body = shown.body();
    let (uuid, code) =
        (body["otp"]["UUID"].as_str().expect("an id"), body["otp"]["otp"].as_str().expect("a code"));

    let found = world.ask_desk(event::search("9123456782", uuid).id("search-1"));
    assert_eq!(found.body()["otp"]["isValidationSuccessful"], false);
    assert!(!String::from_utf8_lossy(found.payload.as_deref().expect("a body")).contains(code));
    assert_eq!(
        world.ask(validate("9123456782", code).id("use")).body()["otp"]["isValidationSuccessful"],
        true
    );
    let found = world.ask_desk(event::search("9123456782", uuid).id("search-2"));
    assert_eq!(found.body()["otp"]["isValidationSuccessful"], true);

    let hidden = world.ask(event::create("9123456783").id("plain"));
    assert!(hidden.body()["otp"]["UUID"].is_string(), "{}", hidden.error_code());
    assert!(hidden.body()["otp"].get("otp").is_none_or(serde_json::Value::is_null));
    let code = world.sms("plain").code();
    assert_eq!(
        world.ask(validate("9123456783", &code).id("use-2")).body()["otp"]["isValidationSuccessful"],
        true
    );

    let refused = world.ask_desk(send("9123456784").id("not-allowed"));
    assert_eq!(refused.error_code(), "OTP.OPERATION_NOT_ALLOWED");
    world.audit();
    let sent: Vec<_> = world.on(&world.topics.sms).iter().map(|sms| sms.cause()).collect();
    assert_eq!(sent, ["plain"], "a code that is shown is not sent");
}

#[test]
fn the_auditor_finds_what_is_missing_or_doubled() {
    let mut world = World::new("auditor");
    let _process = world.run();
    let code = world.code_for("9123456785");
    world.ask(validate("9123456785", &wrong(&code)));
    world.ask(validate("9123456785", &code));
    world.audit();
    let events = world.tap.events.clone();
    for (n, event) in events.iter().enumerate() {
        let mut doubled = events.clone();
        doubled.push(event.clone());
        let found = findings(&world.topics, &doubled, &world.asked);
        assert!(!found.is_empty(), "{} doubled", event.text("ce_type"));
        if event.topic == world.topics.lifecycle && event.body()["type"] != "issued" {
            continue;
        }
        let mut lacking = events.clone();
        lacking.remove(n);
        let found = findings(&world.topics, &lacking, &world.asked);
        assert!(!found.is_empty(), "{} missing", event.text("ce_type"));
    }
}
