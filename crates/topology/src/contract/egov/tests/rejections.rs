//! Every rejection that no peer has, for every operation that can get it.

use serde_json::{Value, json};

use super::World;
use crate::contract::delivery::CentralInstance;
use crate::contract::egov::Operation;

/// A member, and the longest value that its operation takes.
type Member = (&'static str, Option<usize>);

/// The members that each operation reads.
const MEMBERS: [(Operation, &[Member]); 4] = [
    (
        Operation::Send,
        &[
            ("tenantId", Some(256)),
            ("mobileNumber", Some(100)),
            ("countryCode", Some(16)),
            ("type", None),
            ("userType", None),
            ("locale", None),
        ],
    ),
    (Operation::Create, &[("tenantId", Some(256)), ("identity", Some(100)), ("locale", None)]),
    (
        Operation::Validate,
        &[("tenantId", Some(256)), ("identity", Some(100)), ("otp", Some(128)), ("type", None)],
    ),
    (Operation::Search, &[("UUID", Some(36)), ("tenantId", Some(256)), ("identity", Some(100))]),
];

/// A good request of an operation, with one member changed.
fn request(operation: Operation, member: &str, value: Value) -> String {
    let mut otp = json!({"tenantId": "pb", "mobileNumber": "9123456789", "identity": "9123456789", "otp": "1",
        "UUID": "00000000-0000-0000-0000-000000000000"});
    otp[member] = value;
    json!({"operation": operation.as_str(), "otp": otp}).to_string()
}

fn good(operation: Operation) -> String {
    request(operation, "more", Value::Null)
}

/// The reply is this rejection, of the member that says whose request it is.
fn check(world: &mut World, operation: Operation, expected: &str) {
    let field = if operation == Operation::Send { "otp.mobileNumber" } else { "otp.identity" };
    let (code, rest) = expected.split_once(' ').expect("a status and a code");
    let (name, message) = rest.split_once(": ").expect("a code and a message");
    let line = format!("{code} OTP request rejected | {name} {field}: {message}");
    assert_eq!(world.ask(&good(operation)).reply_line(), line, "{operation:?}");
}

#[test]
fn every_member_has_a_type_and_a_longest_value() {
    let reply = |operation, member: &str, value: Value| {
        World::new().ask(&request(operation, member, value)).reply_line()
    };
    for (operation, members) in MEMBERS {
        for (member, chars_max) in members {
            let path = format!("otp.{}", if *member == "UUID" { "uuid" } else { member });
            let shape = format!(
                "400 OTP request rejected | OTP.INVALID_REQUEST {path}: The request is not of the expected shape"
            );
            for wrong in [json!(7), json!(true), json!(["pb"]), json!({})] {
                assert_eq!(reply(operation, member, wrong), shape, "{operation:?} {member}");
            }
            let long = |chars: usize| reply(operation, member, "ह".repeat(chars).into());
            let refused = |most: usize| {
                format!(
                    "400 OTP request rejected | OTP.FIELD_TOO_LONG {path}: {path} is longer than {most} characters"
                )
            };
            match chars_max {
                Some(most) => {
                    assert_eq!(long(most + 1), refused(*most), "{operation:?} {member}");
                    assert_ne!(long(*most), refused(*most), "{operation:?} {member}");
                }
                None => assert!(!long(1_000).contains("OTP.FIELD_TOO_LONG"), "{operation:?} {member}"),
            }
        }
    }
}

#[test]
fn a_fault_of_the_reply_headers_is_named_for_every_operation() {
    for operation in Operation::ALL {
        let mut world = World::new();
        world.reply_fault = true;
        check(&mut world, operation, "400 OTP.INVALID_REPLY: The reply cannot go where the headers ask");
    }
}

#[test]
fn an_operation_that_the_caller_may_not_use_is_named() {
    for operation in Operation::ALL {
        let mut world = World::new();
        world.caller.operations.retain(|name| name != operation.as_str());
        let expected = "400 OTP request rejected | OTP.OPERATION_NOT_ALLOWED operation: \
            Operation is not allowed for this caller";
        assert_eq!(world.ask(&good(operation)).reply_line(), expected);
        for other in Operation::ALL.into_iter().filter(|other| *other != operation) {
            let reply = world.ask(&good(other)).reply_line();
            assert!(!reply.contains("OTP.OPERATION_NOT_ALLOWED"), "{other:?}: {reply}");
        }
    }
}

#[test]
fn a_deadline_is_for_every_operation_and_an_age_for_those_that_issue() {
    let stale = "408 OTP.STALE_REQUEST: The request came too late";
    for operation in Operation::ALL {
        let mut late = World::new();
        late.past_deadline = true;
        check(&mut late, operation, stale);
        let mut old = World::new();
        old.age_ms = 300_001;
        match operation {
            Operation::Send | Operation::Create => check(&mut old, operation, stale),
            Operation::Validate | Operation::Search => {
                assert!(!old.ask(&good(operation)).reply_line().contains("OTP.STALE_REQUEST"));
            }
        }
    }
}

#[test]
fn a_refusal_of_the_rules_is_named_for_every_operation_that_issues() {
    let wrong = request(Operation::Validate, "otp", "x".into());
    for operation in [Operation::Send, Operation::Create] {
        let sent = || {
            let mut world = World::new();
            world.policy.lock_after = 1;
            world.policy.sends_per_challenge_max = 1;
            assert!(!world.ask(&good(operation)).reply_line().contains("rejected"));
            world
        };
        check(&mut sent(), operation, "429 OTP.SEND_TOO_SOON: An OTP was sent a moment ago, try again later");
        let mut spent = sent();
        spent.later(30_000);
        check(&mut spent, operation, "429 OTP.SEND_LIMIT_EXCEEDED: Too many OTPs were sent, try again later");
        let mut locked = sent();
        locked.ask(&wrong);
        check(&mut locked, operation, "423 OTP.LOCKED: Too many wrong attempts, try again later");
    }
}

#[test]
fn a_tenant_without_a_schema_is_unknown_where_a_code_would_be_sent() {
    let unknown = "400 OTP request rejected | OTP.TENANT_UNKNOWN otp.tenantId: Tenant is unknown";
    for operation in Operation::ALL {
        let mut world = World::new();
        world.settings.central_instance =
            CentralInstance { enabled: true, position: 0, schemas: vec!["pb".to_owned()] };
        let elsewhere = request(operation, "tenantId", "ka".into());
        let is_told = world.ask(&elsewhere).reply_line() == unknown;
        assert_eq!(is_told, matches!(operation, Operation::Send | Operation::Create), "{operation:?}");
    }
}
