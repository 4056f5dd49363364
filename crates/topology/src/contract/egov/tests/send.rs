//! `send` without the directory: validation, limits, staleness, tenants.

use super::{World, check};
use crate::contract::delivery::CentralInstance;
use crate::contract::egov::Operation;
use crate::otp::NumberRule;

const LOGIN: &str =
    r#"{"operation":"send","otp":{"tenantId":"pb.amritsar","mobileNumber":"9123456789","type":"login"}}"#;
const SENT: &str = "sent successful";
const SMS: &str = "sms +91 9123456789 Dear Citizen, Your Login OTP is ######.";

/// A `send` with these members of `otp`.
fn send(otp: &str) -> String {
    format!(r#"{{"operation":"send","otp":{{{otp}}}}}"#)
}

#[test]
fn a_send_is_validated_row_by_row() {
    const TENANT: &str = " | OTP.TENANT_ID_MANDATORY otp.tenantId: Tenant field is mandatory";
    const MOBILE: &str = " | OTP.MOBILE_NUMBER_MANDATORY otp.mobileNumber: Mobile number field is mandatory";
    const TYPE: &str = " | OTP.REQUEST_TYPE_MANDATORY otp.type: \
        Request type (register, passwordreset,login) is mandatory";
    const RULE: &str = " | OTP.MOBILE_NUMBER_VALIDATION_FAILED otp.mobileNumber: \
        Mobile number must match the configured pattern: ^[6-9][0-9]{9}$";
    const COUNTRY: &str = " | OTP.MOBILE_NUMBER_VALIDATION_FAILED otp.mobileNumber: \
        Mobile number validation configuration not found for country code: +44";
    let invalid = |otp: &str, fields: &[&str]| {
        let expected = format!("400 Invalid OTP request{}", fields.concat());
        check(&mut World::new(), &send(otp), &expected, &[]);
    };
    invalid(r#""mobileNumber":"9123456789","type":"login""#, &[TENANT]);
    invalid(r#""tenantId":"","mobileNumber":"9123456789""#, &[TENANT]);
    invalid(r#""tenantId":null,"mobileNumber":"9123456789""#, &[TENANT]);
    invalid(r#""tenantId":"pb","mobileNumber":"""#, &[MOBILE]);
    invalid(r#""tenantId":"pb","mobileNumber":"  ","type":"login""#, &[MOBILE]);
    invalid("", &[TENANT, MOBILE]);
    invalid(r#""type":"x""#, &[TENANT, MOBILE, TYPE]);
    invalid(r#""mobileNumber":"5123456789","type":"x""#, &[TENANT, TYPE]);
    invalid(r#""tenantId":"pb","mobileNumber":"9123456789","type":"generic""#, &[TYPE]);
    invalid(r#""tenantId":"pb","mobileNumber":"5123456789","type":"x""#, &[TYPE, RULE]);
    invalid(r#""tenantId":"pb","mobileNumber":"5123456789""#, &[RULE]);
    invalid(r#""tenantId":"pb","mobileNumber":"91234567890","type":"passwordreset""#, &[RULE]);
    invalid(r#""tenantId":"pb","mobileNumber":"9123456789","countryCode":"+44""#, &[COUNTRY]);
}

#[test]
fn a_type_is_read_in_any_case_and_its_absence_means_register() {
    let typed = |member: &str, purpose: &str, text: &str| {
        let otp = format!(r#""tenantId":"pb","mobileNumber":"9123456789"{member}"#);
        let sms = format!("sms +91 9123456789 {text}");
        let issued = format!("issued {purpose} sms +91 9123 en_IN 1");
        check(&mut World::new(), &send(&otp), SENT, &[&sms, &issued]);
    };
    const REGISTER: &str = "Dear Citizen, Your OTP to complete your DIGIT Registration is ######.";
    typed("", "register", REGISTER);
    typed(r#","type":null"#, "register", REGISTER);
    typed(r#","type":"""#, "register", REGISTER);
    typed(r#","type":"Register""#, "register", REGISTER);
    typed(r#","type":"LOGIN""#, "login", "Dear Citizen, Your Login OTP is ######.");
    typed(
        r#","type":"passwordReset""#,
        "passwordreset",
        "Dear Citizen, Your OTP for recovering password is ######.",
    );
}

#[test]
fn a_stored_rule_that_does_not_compile_is_named() {
    let mut world = World::new();
    world.policy.number_rules[0].regex = "[6-9".to_owned();
    let expected = "400 Invalid OTP request | OTP.MOBILE_NUMBER_VALIDATION_FAILED otp.mobileNumber: \
        Invalid mobile number validation pattern configured.";
    check(&mut world, LOGIN, expected, &[]);
}

#[test]
fn the_country_code_is_the_callers_or_the_rules() {
    let mut world = World::new();
    world.policy.number_rules.push(NumberRule {
        country_code: "+254".to_owned(),
        regex: "7[0-9]{8}".to_owned(),
        default: false,
    });
    let otp = r#""tenantId":"pb","mobileNumber":"712345678","countryCode":"+254","type":"login""#;
    let events =
        ["sms +254 712345678 Dear Citizen, Your Login OTP is ######.", "issued login sms +254 7123 en_IN 1"];
    check(&mut world, &send(otp), SENT, &events);
    world.policy.number_rules.clear();
    let events =
        ["sms - 9123456789 Dear Citizen, Your Login OTP is ######.", "issued login sms 9123 en_IN 1"];
    check(&mut world, LOGIN, SENT, &events);
}

#[test]
fn the_operation_is_the_bodys_else_the_headers_else_send_for_a_number() {
    const UNKNOWN: &str = "400 OTP request rejected | OTP.UNKNOWN_OPERATION operation: \
        Operation must be one of send, create, validate, search";
    const ISSUED: &str = "issued login sms +91 9123 en_IN 1";
    let named = |header: Option<&'static str>, operation: &str, good: bool| {
        let mut world = World::new();
        world.header = header;
        let request = LOGIN.replace(r#""operation":"send","#, operation);
        if good {
            check(&mut world, &request, SENT, &[SMS, ISSUED]);
        } else {
            check(&mut world, &request, UNKNOWN, &[]);
        }
    };
    named(None, "", true);
    named(None, r#""operation":null,"#, true);
    named(Some("send"), "", true);
    named(Some("validate"), r#""operation":"send","#, true);
    named(Some("SEND"), "", false);
    named(None, r#""operation":"Send","#, false);
    named(None, r#""operation":"","#, false);
    named(None, r#""operation":"resend","#, false);
    check(&mut World::new(), r#"{"otp":{"tenantId":"pb","userName":"asha"}}"#, UNKNOWN, &[]);
    check(&mut World::new(), "{}", UNKNOWN, &[]);
}

#[test]
fn a_wrong_shape_is_rejected_by_field() {
    let refused = |request: &str, field: &str| {
        let expected = format!(
            "400 OTP request rejected | OTP.INVALID_REQUEST {field}: The request is not of the expected shape"
        );
        check(&mut World::new(), request, &expected, &[]);
    };
    refused(r#"{"operation":"send"}"#, "otp");
    refused(r#"{"operation":"send","otp":[]}"#, "otp");
    refused(r#"{"operation":7,"otp":{"mobileNumber":"9123456789"}}"#, "operation");
    refused(r#"{"otp":{"mobileNumber":9123456789,"tenantId":"pb"}}"#, "otp.mobileNumber");
    refused(r#"{"otp":{"mobileNumber":"9123456789","tenantId":["pb"]}}"#, "otp.tenantId");
    refused(r#"{"otp":{"mobileNumber":"9123456789","tenantId":"pb","type":1}}"#, "otp.type");
    refused(r#"{"RequestInfo":"x","otp":{"mobileNumber":"9123456789","tenantId":"pb"}}"#, "RequestInfo");
    refused(r#"{"otp":{"mobileNumber":"9123456789","tenantId":".amritsar"}}"#, "otp.tenantId");
    refused(r#"{"otp":{"mobileNumber":"9123456789","tenantId":"p|b"}}"#, "otp.tenantId");
}

#[test]
fn a_field_has_a_longest_value() {
    let sized = |field: &str, chars: usize, max: usize, good: bool| {
        let value = "ह".repeat(chars);
        let otp = format!(r#""tenantId":"pb","mobileNumber":"9123456789","{field}":"{value}""#);
        let otp = match field {
            "tenantId" => otp.replacen(r#""tenantId":"pb","#, "", 1),
            "mobileNumber" => otp.replacen(r#""mobileNumber":"9123456789","#, "", 1),
            _ => otp,
        };
        let seen = World::new().ask(&send(&otp));
        let expected = format!(
            "400 OTP request rejected | OTP.FIELD_TOO_LONG otp.{field}: otp.{field} is longer than {max} characters"
        );
        assert_eq!(seen.reply_line() != expected, good, "{field} of {chars}: {}", seen.reply_line());
    };
    sized("tenantId", 256, 256, true);
    sized("tenantId", 257, 256, false);
    sized("mobileNumber", 100, 100, true);
    sized("mobileNumber", 101, 100, false);
    sized("countryCode", 17, 16, false);
}

#[test]
fn limits_and_pause_are_named() {
    let mut world = World::new();
    let rejected =
        |code: &str, message: &str| format!("429 OTP request rejected | {code} otp.mobileNumber: {message}");
    check(&mut world, LOGIN, SENT, &[SMS, "issued login sms +91 9123 en_IN 1"]);
    let first = world.code.clone();
    world.later(29_999);
    let too_soon = rejected("OTP.SEND_TOO_SOON", "An OTP was sent a moment ago, try again later");
    check(&mut world, LOGIN, &too_soon, &["suppressed login send_too_soon +91 9123"]);
    world.later(1);
    check(&mut world, LOGIN, SENT, &[SMS, "resent login sms +91 9123 en_IN 2"]);
    assert_eq!(world.code, first);
    for number in 3..=5 {
        world.later(30_000);
        let resent = format!("resent login sms +91 9123 en_IN {number}");
        check(&mut world, LOGIN, SENT, &[SMS, &resent]);
    }
    world.later(30_000);
    let limit = rejected("OTP.SEND_LIMIT_EXCEEDED", "Too many OTPs were sent, try again later");
    check(&mut world, LOGIN, &limit, &["suppressed login send_limit +91 9123"]);
}

#[test]
fn a_stale_request_sends_nothing() {
    let late = |past_deadline: bool, age_ms: u64, good: bool| {
        let mut world = World::new();
        world.past_deadline = past_deadline;
        world.age_ms = age_ms;
        if good {
            check(&mut world, LOGIN, SENT, &[SMS, "issued login sms +91 9123 en_IN 1"]);
        } else {
            let expected =
                "408 OTP request rejected | OTP.STALE_REQUEST otp.mobileNumber: The request came too late";
            check(&mut world, LOGIN, expected, &["suppressed login stale_request +91 9123"]);
        }
    };
    late(false, 300_000, true);
    late(false, 300_001, false);
    late(true, 0, false);
}

#[test]
fn a_caller_may_do_what_its_configuration_says() {
    let mut world = World::new();
    world.caller.operations.retain(|name| name != Operation::Send.as_str());
    let expected = "400 OTP request rejected | OTP.OPERATION_NOT_ALLOWED operation: \
        Operation is not allowed for this caller";
    check(&mut world, LOGIN, expected, &[]);
    let mut world = World::new();
    world.reply_fault = true;
    let expected = "400 OTP request rejected | OTP.INVALID_REPLY otp.mobileNumber: \
        The reply cannot go where the headers ask";
    check(&mut world, LOGIN, expected, &[]);
}

#[test]
fn of_several_faults_the_reply_headers_come_first_then_the_operation_then_the_body() {
    let first = |operation: &str, otp: &str, faults: [bool; 2], expected: &str| {
        let mut world = World::new();
        let [reply_fault, is_forbidden] = faults;
        world.reply_fault = reply_fault;
        world.past_deadline = true;
        if is_forbidden {
            world.caller.operations.clear();
        }
        let seen = world.ask(&format!(r#"{{"operation":"{operation}","otp":{otp}}}"#));
        assert_eq!(seen.reply["error"]["fields"][0]["code"], expected, "{operation} {otp} {faults:?}");
    };
    for operation in Operation::NAMES {
        let good =
            r#"{"tenantId":"pb","mobileNumber":"9123456789","identity":"9123456789","otp":"1","uuid":"u"}"#;
        for otp in ["7", "{}", good] {
            first(operation, otp, [true, true], "OTP.INVALID_REPLY");
            first(operation, otp, [true, false], "OTP.INVALID_REPLY");
            first(operation, otp, [false, true], "OTP.OPERATION_NOT_ALLOWED");
        }
        first(operation, "7", [false, false], "OTP.INVALID_REQUEST");
    }
}

#[test]
fn a_central_instance_sends_to_the_topics_of_the_tenants_schema() {
    let mut world = World::new();
    world.settings.central_instance =
        CentralInstance { enabled: true, position: 1, schemas: vec!["pb".to_owned()] };
    let expected = "400 OTP request rejected | OTP.TENANT_UNKNOWN otp.tenantId: Tenant is unknown";
    check(&mut world, LOGIN, expected, &[]);
    let request = LOGIN.replace("pb.amritsar", "in.pb");
    let events = [format!("pb-{SMS}"), "issued login sms +91 9123 en_IN 1".to_owned()];
    check(&mut world, &request, SENT, &[&events[0], &events[1]]);
}

#[test]
fn policy_is_of_the_tenant_as_given() {
    let mut world = World::new();
    world.ask(LOGIN);
    world.ask(&send(r#""mobileNumber":"9123456789""#));
    assert_eq!(*world.asked_policies.borrow(), ["pb.amritsar", "*"]);
}

#[test]
fn a_tenant_of_another_root_is_unknown() {
    let mut world = World::new();
    world.settings.tenant_roots = vec!["ka".to_owned(), "pb".to_owned()];
    let unknown = "400 OTP request rejected | OTP.TENANT_UNKNOWN otp.tenantId: Tenant is unknown";
    for tenant in ["pba", "PB", "amritsar.pb", "in", "p"] {
        check(&mut world, &LOGIN.replace("pb.amritsar", tenant), unknown, &[]);
        let create =
            format!(r#"{{"operation":"create","otp":{{"tenantId":"{tenant}","identity":"9123456789"}}}}"#);
        check(&mut world, &create, unknown, &[]);
    }
    check(&mut world, LOGIN, SENT, &[SMS, "issued login sms +91 9123 en_IN 1"]);
    world.later(30_000);
    check(&mut world, &LOGIN.replace(".amritsar", ""), SENT, &[SMS, "resent login sms +91 9123 en_IN 2"]);
}
