//! `validate` and `search`: every failure gets the same reply, the reason is in the validation result.

use super::{World, check};

const SEND: &str =
    r#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":"9123456789","type":"login"}}"#;
const ACCEPTED: &str = "otp 9123456789 pb true successful";
const FAILED: &str =
    "400 OTP validation unsuccessful | OTP.VALIDATION_UNSUCCESSFUL otp.otp: OTP validation unsuccessful";

fn validate(code: &str, more: &str) -> String {
    format!(
        r#"{{"operation":"validate","otp":{{"tenantId":"pb.amritsar","identity":"9123456789","otp":"{code}"{more}}}}}"#
    )
}

fn sent() -> World {
    let mut world = World::new();
    world.ask(SEND);
    world
}

#[test]
fn a_validation_is_validated_row_by_row_and_always_has_a_result() {
    const TENANT: &str = " | OTP.TENANT_ID_MANDATORY otp.tenantId: Tenant field is mandatory";
    const IDENTITY: &str = " | OTP.IDENTITY_MANDATORY otp.identity: Identity field is mandatory";
    const OTP: &str = " | OTP.OTP_MANDATORY otp.otp: Otp field is mandatory";
    const TYPE: &str = " | OTP.REQUEST_TYPE_MANDATORY otp.type: \
        Request type (register, passwordreset,login) is mandatory";
    let result = ["result rejected invalid_request - -"];
    let invalid = |otp: &str, fields: &[&str]| {
        let expected = format!("400 Invalid OTP validation request{}", fields.concat());
        let request = format!(r#"{{"operation":"validate","otp":{{{otp}}}}}"#);
        check(&mut World::new(), &request, &expected, &result);
    };
    invalid("", &[TENANT, IDENTITY, OTP]);
    invalid(r#""identity":"9123456789","otp":"123456""#, &[TENANT]);
    invalid(r#""tenantId":"pb","identity":"","otp":"123456""#, &[IDENTITY]);
    invalid(r#""tenantId":"pb","identity":"9123456789""#, &[OTP]);
    invalid(r#""tenantId":"pb","identity":"9123456789","otp":"1","type":"x""#, &[TYPE]);
    let rejected = |otp: &str, code: &str, field: &str, message: &str| {
        let expected = format!("400 OTP request rejected | OTP.{code} {field}: {message}");
        let request = format!(r#"{{"operation":"validate","otp":{otp}}}"#);
        check(&mut World::new(), &request, &expected, &result);
    };
    let shape = "The request is not of the expected shape";
    rejected("null", "INVALID_REQUEST", "otp", shape);
    let number = r#"{"tenantId":"pb","identity":"9123456789","otp":123456}"#;
    rejected(number, "INVALID_REQUEST", "otp.otp", shape);
    let long = format!(r#"{{"tenantId":"pb","identity":"9123456789","otp":"{}"}}"#, "1".repeat(129));
    rejected(&long, "FIELD_TOO_LONG", "otp.otp", "otp.otp is longer than 128 characters");
    let mut world = World::new();
    world.caller.operations.retain(|name| name != "validate");
    let expected = "400 OTP request rejected | OTP.OPERATION_NOT_ALLOWED operation: \
        Operation is not allowed for this caller";
    check(&mut world, &validate("123456", ""), expected, &result);
    let mut world = World::new();
    world.reply_fault = true;
    let expected = "400 OTP request rejected | OTP.INVALID_REPLY otp.identity: \
        The reply cannot go where the headers ask";
    check(&mut world, &validate("123456", ""), expected, &result);
}

#[test]
fn a_code_is_accepted_once() {
    let mut world = sent();
    let events = ["result rejected wrong_code login 1"];
    check(&mut world, &validate("{wrong}", ""), FAILED, &events);
    let events = ["result accepted verified login 1", "verified login"];
    check(&mut world, &validate("{code}", ""), ACCEPTED, &events);
    let seen = world.ask(&validate("{code}", ""));
    assert_eq!(seen.reply_line(), FAILED);
    assert!(seen.events[0].starts_with("result rejected already_used login"), "{:?}", seen.events);
}

#[test]
fn every_failure_looks_the_same() {
    let reason = |mut world: World, code: &str, more: &str, reason: &str| {
        let seen = world.ask(&validate(code, more));
        assert_eq!(seen.reply_line(), FAILED, "{reason}");
        assert_eq!(seen.bodies[0]["reason"], reason);
        assert_eq!(seen.outcome, reason);
        assert_eq!(seen.bodies[0]["tenantId"], "pb.amritsar");
        assert_eq!(seen.bodies[0]["clientRef"], "case-7");
        assert_eq!(seen.bodies[0]["policyVersion"], "cdcdcdcdcdcdcdcd");
    };
    reason(World::new(), "123456", "", "no_challenge");
    reason(sent(), "{wrong}", "", "wrong_code");
    reason(sent(), "x", "", "wrong_code");
    reason(sent(), "{code}", r#","type":"Register""#, "no_challenge");
    let mut expired = sent();
    expired.later(300_001);
    reason(expired, "{code}", "", "expired");
    let mut out_of_tries = sent();
    for _ in 0..5 {
        out_of_tries.ask(&validate("{wrong}", ""));
    }
    reason(out_of_tries, "{code}", "", "ended");
    let mut locked = World::new();
    locked.policy.lock_after = 1;
    locked.ask(SEND);
    let seen = locked.ask(&validate("{wrong}", ""));
    assert_eq!(seen.events[1..], ["locked login"]);
    assert_eq!(seen.bodies[0]["lockedUntil"], locked.now + 600_000);
    reason(locked, "{code}", "", "locked");
}

#[test]
fn the_last_millisecond_counts() {
    let mut world = sent();
    world.later(300_000);
    let events = ["result accepted verified login 0", "verified login"];
    check(&mut world, &validate("{code}", r#","type":"LOGIN""#), ACCEPTED, &events);
}

#[test]
fn a_validation_past_its_deadline_counts_nothing() {
    let mut world = sent();
    world.past_deadline = true;
    let expected = "408 OTP request rejected | OTP.STALE_REQUEST otp.identity: The request came too late";
    let events = ["result rejected stale_request - -"];
    check(&mut world, &validate("{wrong}", ""), expected, &events);
    world.past_deadline = false;
    world.age_ms = 86_400_000;
    let events = ["result accepted verified login 0", "verified login"];
    check(&mut world, &validate("{code}", ""), ACCEPTED, &events);
}

#[test]
fn a_search_is_validated_row_by_row() {
    const UUID: &str = " | OTP.UUID_MANDATORY otp.uuid: UUID field is mandatory";
    const TENANT: &str = " | OTP.TENANT_ID_MANDATORY otp.tenantId: Tenant field is mandatory";
    const IDENTITY: &str = " | OTP.IDENTITY_MANDATORY otp.identity: Identity field is mandatory";
    let invalid = |otp: &str, fields: &[&str]| {
        let expected = format!("400 Invalid OTP search request{}", fields.concat());
        let request = format!(r#"{{"operation":"search","otp":{{{otp}}}}}"#);
        check(&mut World::new(), &request, &expected, &[]);
    };
    invalid("", &[UUID, TENANT, IDENTITY]);
    invalid(r#""tenantId":"pb","identity":"9123456789""#, &[UUID]);
    invalid(r#""uuid":"u","identity":"9123456789""#, &[TENANT]);
    invalid(r#""uuid":"u","tenantId":"pb""#, &[IDENTITY]);
    let long = format!(
        r#"{{"operation":"search","otp":{{"tenantId":"pb","identity":"1","uuid":"{}"}}}}"#,
        "1".repeat(37)
    );
    let expected =
        "400 OTP request rejected | OTP.FIELD_TOO_LONG otp.uuid: otp.uuid is longer than 36 characters";
    check(&mut World::new(), &long, expected, &[]);
}

#[test]
fn a_search_finds_a_challenge_until_its_deadline() {
    let mut world = World::new();
    let create = r#"{"operation":"create","otp":{"tenantId":"pb","identity":"9123456789"}}"#;
    let created = world.ask(create);
    let id = created.reply["otp"]["UUID"].as_str().expect("it has an id").to_owned();
    let search = |id: &str| {
        let otp = format!(r#"{{"tenantId":"pb","identity":"9123456789","UUID":"{id}"}}"#);
        format!(r#"{{"operation":"search","otp":{otp}}}"#)
    };
    let nothing = "nothing successful";
    check(&mut world, &search(&id), "otp 9123456789 pb false successful", &[]);
    check(&mut world, &search("00000000-0000-0000-0000-000000000000"), nothing, &[]);
    check(&mut world, &search("x"), nothing, &[]);
    let validated = world.ask(&validate("{code}", ""));
    assert_eq!(validated.reply["otp"]["UUID"], id.as_str());
    check(&mut world, &search(&id), ACCEPTED, &[]);
    world.later(300_000);
    check(&mut world, &search(&id), ACCEPTED, &[]);
    world.later(1);
    check(&mut world, &search(&id), nothing, &[]);
}
