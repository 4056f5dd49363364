//! Each kind of bad input gets an error reply or becomes a dead letter, and the next good request is served.

use serde_json::json;

use crate::harness::event::{Event, Request, TENANT, send};
use crate::harness::scenario::Scenario;

/// Values that are not a JSON object.
fn undecodable() -> Vec<(&'static str, Request)> {
    let long = format!(r#"{{"operation":"send","pad":"{}"}}"#, "x".repeat(70_000));
    let deep = format!(r#"{{"operation":"send","otp":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    vec![
        ("cut", Request::raw(br#"{"operation":"send","otp":{"#)),
        ("text", Request::raw(b"hello")),
        ("empty", Request::raw(b"")),
        ("array", Request::raw(b"[]")),
        ("number", Request::raw(b"42")),
        ("null", Request::raw(b"null")),
        ("tombstone", Request::default().key(Some("egov|pb|9123456730"))),
        ("trailing", Request::raw(br#"{"operation":"send"} {}"#)),
        ("utf8", Request::raw(b"{\"operation\":\"send\",\"otp\":{\"mobileNumber\":\"\xff\xfe\"}}")),
        ("twice", Request::raw(br#"{"operation":"send","operation":"validate"}"#)),
        (
            "twice-but-for-case",
            Request::raw(br#"{"otp":{"tenantId":"pb","TENANTID":"kl"},"operation":"send"}"#),
        ),
        ("deep", Request::raw(deep.as_bytes())),
        ("long", Request::raw(long.as_bytes())),
        ("framed", Request::raw(b"\x00\x00\x00\x00\x07abc")),
    ]
}

/// JSON objects that are not valid requests, with the code of the error.
fn refused() -> Vec<(&'static str, serde_json::Value, &'static str)> {
    [misshapen(), misfilled()].concat()
}

fn misshapen() -> Vec<(&'static str, serde_json::Value, &'static str)> {
    vec![
        ("no-otp", json!({"operation": "send"}), "OTP.INVALID_REQUEST"),
        ("otp-is-text", json!({"operation": "send", "otp": "x"}), "OTP.INVALID_REQUEST"),
        (
            "number-is-a-number",
            json!({"operation": "send", "otp": {"mobileNumber": 9_123_456_731_u64, "type": "login", "tenantId": TENANT}}),
            "OTP.INVALID_REQUEST",
        ),
        ("no-operation", json!({"otp": {"tenantId": TENANT}}), "OTP.UNKNOWN_OPERATION"),
        ("empty-object", json!({}), "OTP.UNKNOWN_OPERATION"),
        (
            "other-operation",
            json!({"operation": "delete", "otp": {"tenantId": TENANT}}),
            "OTP.UNKNOWN_OPERATION",
        ),
        ("upper-case", json!({"operation": "SEND", "otp": {"tenantId": TENANT}}), "OTP.UNKNOWN_OPERATION"),
    ]
}

fn misfilled() -> Vec<(&'static str, serde_json::Value, &'static str)> {
    let tenant_too_long = "t".repeat(257);
    vec![
        (
            "no-tenant",
            json!({"operation": "send", "otp": {"mobileNumber": "9123456731", "type": "login"}}),
            "OTP.TENANT_ID_MANDATORY",
        ),
        (
            "bad-number",
            json!({"operation": "send", "otp": {"mobileNumber": "123", "type": "login", "tenantId": TENANT}}),
            "OTP.MOBILE_NUMBER_VALIDATION_FAILED",
        ),
        (
            "foreign-country",
            json!({"operation": "send", "otp": {"mobileNumber": "9123456731", "countryCode": "+44", "type": "login", "tenantId": TENANT}}),
            "OTP.MOBILE_NUMBER_VALIDATION_FAILED",
        ),
        (
            "bad-type",
            json!({"operation": "send", "otp": {"mobileNumber": "9123456731", "type": "logout", "tenantId": TENANT}}),
            "OTP.REQUEST_TYPE_MANDATORY",
        ),
        (
            "tenant-too-long",
            json!({"operation": "validate", "otp": {"otp": "1", "identity": "9123456731", "tenantId": tenant_too_long}}),
            "OTP.FIELD_TOO_LONG",
        ),
        (
            "code-too-long",
            json!({"operation": "validate", "otp": {"otp": "1".repeat(129), "identity": "9123456731", "tenantId": TENANT}}),
            "OTP.FIELD_TOO_LONG",
        ),
        (
            "no-code",
            json!({"operation": "validate", "otp": {"identity": "9123456731", "tenantId": TENANT}}),
            "OTP.OTP_MANDATORY",
        ),
        (
            "unreachable",
            json!({"operation": "create", "otp": {"identity": "somebody", "tenantId": TENANT}}),
            "OTP.IDENTITY_UNREACHABLE",
        ),
    ]
}

#[test]
fn a_value_that_is_not_an_object_becomes_a_dead_letter() {
    let mut scenario = Scenario::new("dead-letters");
    let _process = scenario.run();
    for (n, (name, request)) in undecodable().into_iter().enumerate() {
        let topic = scenario.topics.requests.clone();
        let (partition, offset) = scenario.upstream.produce(&topic, &request.id(name));
        let dead_letters = scenario.topics.dead_letters.clone();
        let letter = scenario.tap.wait(&format!("the dead letter of {name}"), |e| {
            e.topic == dead_letters
                && e.text("__dlq.errors.offset") == offset.to_string()
                && e.text("__dlq.errors.partition") == partition.to_string()
        });
        check_letter(name, &letter, &topic, partition);
        let good = scenario.ask(send(&format!("92{n:08}")).id(&format!("after-{name}")));
        assert_eq!(good.body()["isSuccessful"], true, "after {name}");
    }
    scenario.audit();
    let letters = scenario.events_of(&scenario.topics.dead_letters).len();
    assert_eq!(letters, undecodable().len(), "one dead letter each");
}

fn check_letter(name: &str, letter: &Event, topic: &str, partition: i32) {
    assert_eq!((letter.key.as_ref(), letter.payload.as_ref()), (None, None), "{name}: nothing of the record");
    assert_eq!(letter.partition, partition, "{name}");
    assert_eq!(letter.text("__dlq.errors.topic"), topic, "{name}");
    for header in ["__dlq.errors.group", "__dlq.errors.message", "otp.error.stage", "otp.error.code"] {
        assert!(!letter.text(header).is_empty(), "{name}: {header}");
    }
}

#[test]
fn an_invalid_object_gets_an_error_reply() {
    let mut scenario = Scenario::new("refused");
    let _process = scenario.run();
    for (n, (name, body, code)) in refused().into_iter().enumerate() {
        let reply = scenario.ask(Request::of("", &body).key(None).id(name));
        assert_eq!(reply.error_code(), code, "{name}");
        assert_eq!(reply.body()["responseInfo"]["status"], "failed", "{name}");
        if body["operation"] == "validate" {
            let result = scenario.result(name);
            assert_eq!(
                (&result["result"], &result["reason"]),
                (&"rejected".into(), &"invalid_request".into()),
                "{name}"
            );
        }
        let good = scenario.ask(send(&format!("93{n:08}")).id(&format!("after-{name}")));
        assert_eq!(good.body()["isSuccessful"], true, "after {name}");
    }
    scenario.audit();
    assert!(
        scenario.events_of(&scenario.topics.dead_letters).is_empty(),
        "an object gets a reply, not a dead letter"
    );
}

#[test]
fn a_stale_request_is_answered_and_nothing_is_sent() {
    let mut scenario = Scenario::new("stale");
    let _process = scenario.run();
    let stale = send("9123456732").header("ce_expirytime", b"2020-01-01T00:00:00Z").id("stale");
    assert_eq!(scenario.ask(stale).error_code(), "OTP.STALE_REQUEST");
    assert_eq!(scenario.lifecycle("suppressed", "stale")["reason"], "stale_request");
    assert_eq!(scenario.ask(send("9123456732").id("fresh")).body()["isSuccessful"], true);
    scenario.audit();
    assert_eq!(scenario.events_of(&scenario.topics.sms).len(), 1);
}

#[test]
fn a_dead_letter_carries_the_record_if_configured() {
    let mut scenario = Scenario::with("dead-letter-copy", "[dead_letter]\npayload = \"copy\"\n");
    let _process = scenario.run();
    scenario.produce(Request::raw(b"hello").key(Some("a key")).id("copied"));
    let dead_letters = scenario.topics.dead_letters.clone();
    let letter = scenario.tap.wait("the dead letter", |e| e.topic == dead_letters);
    assert_eq!(letter.payload.as_deref(), Some(b"hello".as_slice()));
    assert_eq!(letter.key.as_deref(), Some(b"a key".as_slice()));
    scenario.audit();
}
