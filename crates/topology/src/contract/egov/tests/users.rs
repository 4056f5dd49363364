//! `send` with the directory: who exists, where the code goes, and what a caller must not be able to distinguish.

use super::{World, check};
use crate::contract::Contract;
use crate::otp::NumberRule;

const SENT: &str = "sent successful";
const CITIZEN: &str = r#"{"tenantId":"pb","userType":"CITIZEN","mobileNumber":"9000000001","countryCode":"+977",
    "emailId":"asha@example.org","locale":"hi_IN","active":true}"#;
const UNKNOWN: &str = "suppressed login unknown_recipient +91 9123";

fn send(kind: &str, more: &str) -> String {
    format!(
        r#"{{"operation":"send","otp":{{"tenantId":"pb.amritsar","mobileNumber":"9123456789","type":"{kind}"{more}}}}}"#
    )
}

fn failed(name: &str, field: &str) -> String {
    format!("400 OTP request for {name} failed | {field}")
}

const NO_LOGIN: &str = "OTP.UNKNOWN_CREDENTIAL otp.mobileNumber: No such username or password";
const NO_RESET: &str = "OTP.UNKNOWN_MOBILE_NUMBER otp.mobileNumber: Mobile number is unknown.";
const NO_MOBILE: &str = "OTP.MOBILE_NUMBER otp.mobileNumber: MobileNumber Not Found For This User.";
const EXISTS: &str = "OTP.MOBILENUMBER otp.mobileNumber: \
    This MobileNumber Already Register as UserName in System. Pls try Another UserName";

#[test]
fn a_code_goes_to_the_stored_number_and_address() {
    let mut world = World::with_users(CITIZEN);
    let events = [
        "sms +977 9000000001 Dear Citizen, Your Login OTP is ######.",
        "email asha@example.org [Login OTP] Dear Citizen, Your Login OTP is ######.",
        "issued login sms+email +977 9000 en_IN 1",
    ];
    check(&mut world, &send("login", ""), SENT, &events);
    let events = [
        "sms +977 9000000001 Dear Citizen, Your OTP for recovering password is ######.",
        "email asha@example.org [Password Reset] Your OTP for recovering password is ######.",
        "issued passwordreset sms+email +977 9000 en_IN 1",
    ];
    world.later(30_000);
    check(&mut world, &send("passwordreset", ""), SENT, &events);
}

#[test]
fn an_unknown_user_is_rejected() {
    let inactive = CITIZEN.replace("true", "false");
    let employee = CITIZEN.replace("CITIZEN", "EMPLOYEE");
    let mute = r#"{"tenantId":"pb","emailId":"asha@example.org"}"#;
    let rejected = |users: &str, request: &str, name: &str, field: &str, events: &[&str]| {
        check(&mut World::with_users(users), request, &failed(name, field), events);
    };
    let reset_unknown = "suppressed passwordreset unknown_recipient +91 9123";
    rejected("", &send("login", ""), "login", NO_LOGIN, &[UNKNOWN]);
    rejected(&inactive, &send("login", ""), "login", NO_LOGIN, &[UNKNOWN]);
    rejected(mute, &send("login", ""), "login", NO_LOGIN, &[UNKNOWN]);
    rejected(&employee, &send("login", r#","userType":"citizen""#), "login", NO_LOGIN, &[UNKNOWN]);
    rejected(&employee, &send("login", r#","userType":"employee""#), "login", NO_LOGIN, &[UNKNOWN]);
    rejected("", &send("passwordreset", ""), "password reset", NO_RESET, &[reset_unknown]);
    rejected(&inactive, &send("passwordreset", ""), "password reset", NO_RESET, &[reset_unknown]);
    rejected(mute, &send("passwordreset", ""), "password reset", NO_MOBILE, &[reset_unknown]);
    rejected(CITIZEN, &send("register", ""), "register", EXISTS, &[]);
    rejected(&inactive, &send("register", ""), "register", EXISTS, &[]);
}

#[test]
fn a_free_number_can_register() {
    let mut world = World::with_users("");
    let events = [
        "sms +91 9123456789 Dear Citizen, Your OTP to complete your DIGIT Registration is ######.",
        "issued register sms +91 9123 en_IN 1",
    ];
    check(&mut world, &send("register", ""), SENT, &events);
}

#[test]
fn an_employee_is_of_the_tenant_as_given() {
    let user = r#"{"tenantId":"pb.amritsar","userType":"EMPLOYEE","mobileNumber":"9123456789"}"#;
    let mut world = World::with_users(user);
    let events =
        ["sms +91 9123456789 Dear Citizen, Your Login OTP is ######.", "issued login sms +91 9123 en_IN 1"];
    check(&mut world, &send("login", r#","userType":"Employee""#), SENT, &events);
    check(&mut World::with_users(user), &send("login", ""), &failed("login", NO_LOGIN), &[UNKNOWN]);
}

#[test]
fn a_reset_by_user_name_is_looked_up_without_a_rule() {
    let mut world = World::with_users("");
    let record = world.directory.remove("egov|pb|9123456789").expect("it was put there");
    let record = record.replace("[]", r#"[{"tenantId":"pb","mobileNumber":"9000000001"}]"#);
    world.directory.insert("egov|pb|asha".to_owned(), record);
    let events = [
        "sms +91 9000000001 Dear Citizen, Your OTP for recovering password is ######.",
        "issued passwordreset sms +91 9000 en_IN 1",
    ];
    check(&mut world, &send("passwordreset", "").replace("9123456789", "asha"), SENT, &events);
    let request = send("passwordreset", "").replace("9123456789", "vivek");
    let events = ["suppressed passwordreset unknown_recipient +91"];
    check(&mut world, &request, &failed("password reset", NO_RESET), &events);
}

#[test]
fn a_stored_number_without_a_country_is_domestic_for_any_caller() {
    let mut world = World::with_users(r#"{"tenantId":"pb","mobileNumber":"9123456789"}"#);
    world.policy.number_rules.push(NumberRule {
        country_code: "+44".to_owned(),
        regex: "[0-9]{10}".to_owned(),
        default: false,
    });
    let events =
        ["sms +91 9123456789 Dear Citizen, Your Login OTP is ######.", "issued login sms +91 9123 en_IN 1"];
    check(&mut world, &send("login", r#","countryCode":"+44""#), SENT, &events);
}

#[test]
fn a_bad_address_suppresses_only_the_email() {
    let mut world = World::with_users(&CITIZEN.replace("asha@example.org", "asha example.org"));
    let events = [
        "sms +977 9000000001 Dear Citizen, Your Login OTP is ######.",
        "issued login sms +977 9000 en_IN 1",
        "suppressed login bad_address email",
    ];
    check(&mut world, &send("login", ""), SENT, &events);
}

#[test]
fn concealment_makes_the_unknown_look_like_the_known() {
    let too_soon = "429 OTP request rejected | OTP.SEND_TOO_SOON otp.mobileNumber: \
        An OTP was sent a moment ago, try again later";
    let locked =
        "423 OTP request rejected | OTP.LOCKED otp.mobileNumber: Too many wrong attempts, try again later";
    let story = |users: &str, kind: &str| {
        let mut world = World::with_users(users);
        world.policy.conceal_existence = true;
        world.policy.lock_after = 2;
        let mut events = Vec::new();
        let mut compare = |world: &mut World, request: &str, expected: &str| {
            let seen = world.ask(request);
            assert_eq!(seen.reply_line(), expected, "{users} {request}");
            events.extend(seen.events);
        };
        compare(&mut world, &send(kind, ""), SENT);
        compare(&mut world, &send(kind, ""), too_soon);
        world.later(30_000);
        compare(&mut world, &send(kind, ""), SENT);
        world.later(30_000);
        let wrong =
            r#"{"operation":"validate","otp":{"tenantId":"pb","identity":"9123456789","otp":"000000x"}}"#;
        let failed = "400 OTP validation unsuccessful | \
            OTP.VALIDATION_UNSUCCESSFUL otp.otp: OTP validation unsuccessful";
        compare(&mut world, wrong, failed);
        compare(&mut world, wrong, failed);
        compare(&mut world, &send(kind, ""), locked);
        events
    };
    let unknown = story("", "login");
    let expected = [
        UNKNOWN,
        "suppressed login send_too_soon +91 9123",
        UNKNOWN,
        "result rejected wrong_code login 1",
        "result rejected wrong_code login 2",
        "locked login",
        "suppressed login locked +91 9123",
    ];
    assert_eq!(unknown, expected);
    let known = story(r#"{"tenantId":"pb","mobileNumber":"9123456789"}"#, "login");
    assert_eq!(known.len(), unknown.len() + 2, "two text messages more: {known:#?}");
    let mut taken = story(CITIZEN, "register");
    let as_login =
        |line: &mut String| *line = line.replace("register", "login").replace("known_r", "unknown_r");
    taken.iter_mut().for_each(as_login);
    assert_eq!(taken, expected);
}

#[test]
fn a_stored_number_goes_out_as_its_rule_has_it() {
    for (number, country) in [
        ("+919123450011", r#""+91""#),
        ("09123450011", r#""+91""#),
        ("91234 50011", "null"),
        ("919123450011", r#""91""#),
        ("+91-91234-50011", "null"),
    ] {
        let user = format!(r#"{{"tenantId":"pb","mobileNumber":"{number}","countryCode":{country}}}"#);
        let events = [
            "sms +91 9123450011 Dear Citizen, Your Login OTP is ######.",
            "issued login sms +91 9123 en_IN 1",
        ];
        check(&mut World::with_users(&user), &send("login", ""), SENT, &events);
    }
}

#[test]
fn a_stored_number_that_does_not_fit_gets_nothing() {
    let user = CITIZEN.replace("9000000001", "+91 12345").replace("+977", "+91");
    for (kind, name) in [("login", "login"), ("passwordreset", "password reset")] {
        let suppressed = format!("suppressed {kind} bad_address sms +91 9123");
        check(&mut World::with_users(&user), &send(kind, ""), &failed(name, NO_MOBILE), &[&suppressed]);
        let mut world = World::with_users(&user);
        world.policy.conceal_existence = true;
        check(&mut world, &send(kind, ""), SENT, &[&suppressed.replace(" sms", "")]);
    }
    check(&mut World::with_users(&user), &send("register", ""), &failed("register", EXISTS), &[]);
}

#[test]
fn an_operator_is_told_of_a_number_that_does_not_fit() {
    let world = World::new();
    let egov = super::Egov::new(world.settings.clone(), &crate::contract::SharedSettings::default());
    let check = |users: &str, expected: bool| {
        let record = format!(r#"{{"users":[{users}]}}"#);
        let fault = egov
            .directory_fault(record.as_bytes(), &|_| Ok(std::sync::Arc::new(world.policy.clone())))
            .expect("nothing fails here");
        assert_eq!(fault.is_some(), expected, "{users}");
    };
    check(CITIZEN, false);
    check(r#"{"tenantId":"pb"}"#, false);
    check(r#"{"tenantId":"pb","mobileNumber":"091234 50011"}"#, false);
    check(&format!(r#"{CITIZEN},{{"tenantId":"pb","mobileNumber":"12345"}}"#), true);
}

#[test]
fn a_user_is_found_by_name() {
    let mut world = World::with_users("");
    let record = r#"{"users":[{"tenantId":"pb","mobileNumber":"9000000001"}]}"#;
    world.directory.insert("egov|pb|asha".to_owned(), record.to_owned());
    let named = |kind: &str, more: &str| {
        format!(r#"{{"otp":{{"tenantId":"pb.amritsar","userName":" asha ","type":"{kind}"{more}}}}}"#)
    };
    let login =
        ["sms +91 9000000001 Dear Citizen, Your Login OTP is ######.", "issued login sms +91 9000 en_IN 1"];
    check(&mut world, &named("Login", r#","mobileNumber":" ""#), SENT, &login);
    let validate = r#"{"operation":"validate","otp":{"tenantId":"pb","identity":"asha","otp":"{code}"}}"#;
    let accepted = ["result accepted verified login 0", "verified login"];
    check(&mut world, validate, "otp asha pb true successful", &accepted);
    world.later(30_000);
    let reset = [
        "sms +91 9000000001 Dear Citizen, Your OTP for recovering password is ######.",
        "issued passwordreset sms +91 9000 en_IN 1",
    ];
    check(&mut world, &named("passwordreset", ""), SENT, &reset);
    let unknown = "400 OTP request rejected | OTP.UNKNOWN_OPERATION operation: \
        Operation must be one of send, create, validate, search";
    check(&mut world, &named("register", ""), unknown, &[]);
    world.settings.user_check = false;
    check(&mut world, &named("login", ""), unknown, &[]);
    world.settings.user_check = true;
    let number = named("login", r#","mobileNumber":"9123456789""#);
    check(&mut world, &number, &failed("login", NO_LOGIN), &[UNKNOWN]);
    let wrong = named("login", "").replace("\" asha \"", "7");
    let expected = "400 OTP request rejected | OTP.INVALID_REQUEST otp.userName: \
        The request is not of the expected shape";
    check(&mut world, &wrong, expected, &[]);
}

#[test]
fn a_live_code_does_not_pass_to_the_next_holder_of_a_number() {
    let holder =
        |id: &str| format!(r#"{{"users":[{{"tenantId":"pb","mobileNumber":"9123456789","uuid":{id}}}]}}"#);
    let story = |first: &str, second: &str| {
        let mut world = World::with_users("");
        world.directory.insert("egov|pb|9123456789".to_owned(), holder(first));
        world.ask(&send("login", ""));
        let code = world.code.clone();
        world.later(30_000);
        world.directory.insert("egov|pb|9123456789".to_owned(), holder(second));
        let events = world.ask(&send("login", "")).events;
        (events[1..].join(", "), code == world.code)
    };
    let same = ("resent login sms +91 9123 en_IN 2".to_owned(), true);
    let next = ("superseded login, issued login sms +91 9123 en_IN 1".to_owned(), false);
    assert_eq!(story(r#""u-1""#, r#""u-1""#), same);
    assert_eq!(story("null", "null"), same);
    assert_eq!(story(r#""u-1""#, r#""u-2""#), next);
    assert_eq!(story(r#""u-1""#, "null"), next);
    assert_eq!(story("null", r#""u-2""#), next);
}
