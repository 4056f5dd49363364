//! `create`: delivered or revealed.

use super::{World, check};

fn create(otp: &str) -> String {
    format!(r#"{{"operation":"create","otp":{{{otp}}}}}"#)
}

const MOBILE: &str = r#""tenantId":"pb.amritsar","identity":"9123456789""#;

#[test]
fn a_create_is_validated_row_by_row() {
    const TENANT: &str = " | OTP.TENANT_ID_MANDATORY otp.tenantId: Tenant field is mandatory";
    const IDENTITY: &str = " | OTP.IDENTITY_MANDATORY otp.identity: Identity field is mandatory";
    let invalid = |otp: &str, fields: &[&str]| {
        let expected = format!("400 Invalid OTP request{}", fields.concat());
        check(&mut World::new(), &create(otp), &expected, &[]);
    };
    invalid(r#""identity":"9123456789""#, &[TENANT]);
    invalid(r#""tenantId":"pb","identity":null"#, &[IDENTITY]);
    invalid(r#""tenantId":"""#, &[TENANT, IDENTITY]);
    let long = format!(r#""tenantId":"pb","identity":"{}""#, "9".repeat(101));
    let expected = "400 OTP request rejected | OTP.FIELD_TOO_LONG otp.identity: \
        otp.identity is longer than 100 characters";
    check(&mut World::new(), &create(&long), expected, &[]);
}

#[test]
fn a_code_goes_to_the_identity() {
    let mut world = World::new();
    let events = ["sms +91 9123456789 Your OTP is ######.", "issued generic sms +91 9123 en_IN 1"];
    check(&mut world, &create(MOBILE), "otp 9123456789 pb false successful", &events);
    let typed = format!(r#"{MOBILE},"type":7"#).replace("789", "780");
    let events = ["sms +91 9123456780 Your OTP is ######.", "issued generic sms +91 9123 en_IN 1"];
    check(&mut world, &create(&typed), "otp 9123456780 pb false successful", &events);
    let email = r#""tenantId":"pb","identity":"Asha@Example.org""#;
    let events = ["email asha@example.org [OTP] Your OTP is ######.", "issued generic email en_IN 1"];
    check(&mut world, &create(email), "otp Asha@Example.org pb false successful", &events);
}

#[test]
fn an_identity_that_is_neither_number_nor_address_is_unreachable() {
    let expected = "400 OTP request rejected | OTP.IDENTITY_UNREACHABLE otp.identity: \
        Identity is neither a mobile number nor an e-mail address";
    let unreachable = |identity: &str| {
        let otp = format!(r#""tenantId":"pb","identity":"{identity}""#);
        check(&mut World::new(), &create(&otp), expected, &[]);
        let mut revealing = World::new();
        revealing.caller.reveal_code = true;
        let expected = format!("otp {identity} pb false with code successful");
        check(&mut revealing, &create(&otp), &expected, &["issued generic  0"]);
    };
    unreachable("5123456789");
    unreachable("+919123456789");
    unreachable("asha");
    unreachable("asha kumar@example.org");
}

#[test]
fn a_code_is_revealed_to_a_caller_that_may_see_it() {
    let mut world = World::new();
    world.caller.reveal_code = true;
    world.settings.built_in_templates = false;
    let expected = "otp 9123456789 pb false with code successful";
    check(&mut world, &create(MOBILE), expected, &["issued generic  0"]);
    let seen = world.ask(&create(MOBILE));
    let code = seen.reply["otp"]["otp"].as_str().expect("the code is there");
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    let validate =
        r#"{"operation":"validate","otp":{"tenantId":"pb","identity":"9123456789","otp":"{code}"}}"#;
    let events = ["result accepted verified generic 0", "verified generic"];
    check(&mut world, validate, "otp 9123456789 pb true successful", &events);
}

#[test]
fn a_request_cannot_imitate_the_placeholder_of_the_code() {
    let mut world = World::new();
    world.caller.reveal_code = true;
    let request = r#"{"operation":"create","RequestInfo":{"apiId":",\"otp\":{\"otp\":\"","msgId":"\"otp\""},
        "otp":{"tenantId":"pb","identity":",\"otp\":{\"otp\":\""}}"#;
    let seen = world.ask(request);
    assert_eq!(seen.reply["otp"]["otp"].as_str(), Some(world.code.as_str()));
    assert_eq!(seen.reply["responseInfo"]["apiId"], r#","otp":{"otp":""#);
}

#[test]
fn a_create_without_a_text_issues_nothing() {
    let mut world = World::new();
    world.settings.built_in_templates = false;
    let expected =
        "500 OTP request rejected | OTP.TEMPLATE_MISSING otp.identity: No message text is configured";
    let events = ["suppressed generic template_missing +91 9123"];
    check(&mut world, &create(MOBILE), expected, &events);
}

#[test]
fn a_stale_create_sends_nothing() {
    let mut world = World::new();
    world.age_ms = 300_001;
    let expected = "408 OTP request rejected | OTP.STALE_REQUEST otp.identity: The request came too late";
    check(&mut world, &create(MOBILE), expected, &["suppressed generic stale_request +91 9123"]);
}

#[test]
fn an_address_goes_out_in_ascii() {
    let email = r#""tenantId":"pb","identity":"idn@exämple.org""#;
    let events = ["email idn@xn--exmple-cua.org [OTP] Your OTP is ######.", "issued generic email en_IN 1"];
    check(&mut World::new(), &create(email), "otp idn@exämple.org pb false successful", &events);
}

#[test]
fn an_identity_with_an_invisible_character_is_none() {
    let unreachable = "400 OTP request rejected | OTP.IDENTITY_UNREACHABLE otp.identity: \
        Identity is neither a mobile number nor an e-mail address";
    let malformed = |field: &str| {
        format!(
            "400 OTP request rejected | OTP.INVALID_REQUEST {field}: The request is not of the expected shape"
        )
    };
    for character in ["\u{200b}", "\u{202e}", "\u{ad}", "\u{feff}", "\\u0000"] {
        for identity in [format!("9123456789{character}1"), format!("as{character}ha@example.org")] {
            let otp = format!(r#""tenantId":"pb","identity":"{identity}""#);
            for reveal_code in [false, true] {
                let mut world = World::new();
                world.caller.reveal_code = reveal_code;
                check(&mut world, &create(&otp), unreachable, &[]);
            }
            let validate = format!(r#"{{"operation":"validate","otp":{{{otp},"otp":"123456"}}}}"#);
            let seen = World::new().ask(&validate);
            assert_eq!(seen.reply_line(), malformed("otp.identity"));
            assert_eq!(seen.events, ["result rejected invalid_request - -"]);
            assert_eq!(seen.bodies[0]["subject"], serde_json::Value::Null);
        }
        let tenant = format!(r#""tenantId":"p{character}b","identity":"9123456789""#);
        check(&mut World::new(), &create(&tenant), &malformed("otp.tenantId"), &[]);
    }
}
