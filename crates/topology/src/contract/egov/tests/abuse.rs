//! Destinations that are not allowed, and budgets that are spent.

use super::{World, check};
use crate::otp::NumberPrefix;

const SENT: &str = "sent successful";
const NOT_ALLOWED: &str =
    "400 OTP request rejected | OTP.DESTINATION_NOT_ALLOWED otp.mobileNumber: No OTP is sent to this number";
const SPENT: &str = "429 OTP request rejected | OTP.SEND_LIMIT_EXCEEDED otp.mobileNumber: \
    Too many OTPs were sent, try again later";
const SEND: &str =
    r#"{"operation":"send","otp":{"tenantId":"pb","mobileNumber":"9123456789","type":"login"}}"#;
const CREATE: &str = r#"{"operation":"create","otp":{"tenantId":"pb","identity":"9123456789"}}"#;
const USER: &str = r#"{"tenantId":"pb","userType":"CITIZEN","mobileNumber":"9123456789"}"#;

fn refusing(world: &mut World) {
    world.policy.blocked_prefixes = vec!["912".to_owned()];
}

#[test]
fn a_destination_that_is_not_allowed_gets_no_code() {
    let suppressed = "suppressed login destination_not_allowed +91 9123";
    let mut world = World::new();
    refusing(&mut world);
    check(&mut world, SEND, NOT_ALLOWED, &[suppressed]);
    assert_eq!(world.ask(SEND).outcome, "destination_not_allowed");
    let created = world.ask(CREATE);
    assert_eq!(created.reply_line(), NOT_ALLOWED.replace("mobileNumber", "identity"));
    let mut world = World::new();
    world.policy.allowed_country_codes = Some(vec!["+977".to_owned()]);
    check(&mut world, SEND, NOT_ALLOWED, &[suppressed]);
    world.policy.allowed_country_codes = Some(vec!["+977".to_owned(), "91".to_owned()]);
    assert_eq!(world.ask(SEND).outcome, "issued");
    world.policy.number_rules.clear();
    world.later(30_000);
    check(&mut world, SEND, NOT_ALLOWED, &["suppressed login destination_not_allowed 9123"]);
}

#[test]
fn a_code_that_is_only_revealed_has_no_destination() {
    let mut world = World::new();
    refusing(&mut world);
    world.policy.sends_per_tenant_hour_max = Some(1);
    world.sent.insert(None, 1);
    world.caller.reveal_code = true;
    assert_eq!(world.ask(CREATE).outcome, "revealed");
}

#[test]
fn a_budget_that_is_spent_is_a_send_limit() {
    let told = |world: &mut World| {
        let seen = world.ask(SEND);
        (seen.reply_line(), seen.events.join(", "), seen.outcome)
    };
    let line =
        |reason: &'static str| (SPENT.to_owned(), format!("suppressed login {reason} +91 9123"), reason);
    let mut world = World::new();
    world.policy.sends_per_prefix_hour_max = Some(2);
    world.sent.insert(NumberPrefix::of("9124"), 2);
    world.sent.insert(NumberPrefix::of("9123"), 1);
    assert_eq!(world.ask(SEND).outcome, "issued");
    world.later(30_000);
    world.sent.insert(NumberPrefix::of("9123"), 2);
    assert_eq!(told(&mut world), line("prefix_limit"));
    world.policy.sends_per_tenant_hour_max = Some(3);
    world.sent.insert(None, 3);
    assert_eq!(told(&mut world), line("prefix_limit"));
    world.policy.sends_per_prefix_hour_max = None;
    assert_eq!(told(&mut world), line("tenant_limit"));
    refusing(&mut world);
    assert_eq!(told(&mut world).2, "destination_not_allowed");
}

#[test]
fn what_the_subject_itself_forbids_comes_first() {
    let mut world = World::new();
    assert_eq!(world.ask(SEND).outcome, "issued");
    refusing(&mut world);
    world.later(29_999);
    assert_eq!(world.ask(SEND).outcome, "send_too_soon");
    world.policy.sends_per_10_min_max = 1;
    world.later(1);
    assert_eq!(world.ask(SEND).outcome, "send_limit");
    world.policy.sends_per_10_min_max = 5;
    assert_eq!(world.ask(SEND).outcome, "destination_not_allowed");
}

#[test]
fn where_existence_is_concealed_a_number_of_the_directory_forbids_nothing_visible() {
    let reply = |users: &str, kind: &str, conceals: bool, forbid: fn(&mut World)| {
        let mut world = World::with_users(users);
        world.policy.conceal_existence = conceals;
        forbid(&mut world);
        let seen = world.ask(&SEND.replace("login", kind));
        (seen.reply_line(), seen.events)
    };
    let spend: fn(&mut World) = |world| {
        world.policy.sends_per_prefix_hour_max = Some(1);
        world.sent.insert(NumberPrefix::of("9123"), 1);
    };
    for (forbid, reason) in [(refusing as fn(&mut World), "destination_not_allowed"), (spend, "prefix_limit")]
    {
        for kind in ["login", "passwordreset"] {
            let (known, events) = reply(USER, kind, true, forbid);
            assert_eq!(known, SENT);
            assert_eq!(events, [format!("suppressed {kind} {reason} +91 9123")]);
            assert_eq!(reply("", kind, true, forbid).0, SENT);
            assert_ne!(reply(USER, kind, false, forbid).0, SENT);
        }
        // A `register` goes to the number of the request, for everybody.
        let (known, _) = reply(USER, "register", true, forbid);
        assert_ne!(known, SENT);
        assert_eq!(reply("", "register", true, forbid).0, known);
    }
    let spent: fn(&mut World) = |world| {
        world.policy.sends_per_tenant_hour_max = Some(1);
        world.sent.insert(None, 1);
    };
    assert_eq!(reply(USER, "login", true, spent).0, SPENT);
    assert_eq!(reply("", "login", true, spent).0, SPENT);
}
