//! Which text is sent, in which language, and what happens when there is none.

use super::{World, check};
use crate::contract::delivery::Flavour;

const SENT: &str = "sent successful";
const SMS_CODE: &str = "sms.login.otp.msg";
const USER: &str = r#"{"tenantId":"pb","mobileNumber":"9123456789","locale":"pa_IN"}"#;
const MISSING: &str =
    "500 OTP request rejected | OTP.TEMPLATE_MISSING otp.mobileNumber: No message text is configured";

fn login(message_id: &str, more: &str) -> String {
    format!(
        r#"{{"operation":"send","RequestInfo":{{"msgId":"{message_id}"}},
            "otp":{{"tenantId":"pb.amritsar","mobileNumber":"9123456789","type":"login"{more}}}}}"#
    )
}

#[test]
fn the_language_is_the_requests_else_the_directorys_else_the_default() {
    let read = |message_id: &str, more: &str, user_check: bool, expected: &str| {
        let mut world = World::with_users(USER);
        world.settings.user_check = user_check;
        for locale in ["en_IN", "hi_IN", "pa_IN", "ta_IN"] {
            world.template(&format!("egov/*/{locale}/{SMS_CODE}"), "Code %s", None);
        }
        let seen = world.ask(&login(message_id, more));
        assert_eq!(seen.bodies[0]["locale"], expected, "{message_id} {more}");
    };
    read("20170310130900|hi_IN", "", true, "hi_IN");
    read("20170310130900|hi_IN|x", "", true, "hi_IN");
    read("20170310130900", "", true, "pa_IN");
    read("20170310130900|", "", true, "pa_IN");
    read("20170310130900||hi_IN", "", true, "pa_IN");
    read("", r#","locale":"ta_IN""#, true, "pa_IN");
    read("", r#","locale":"ta_IN""#, false, "ta_IN");
    read("", "", false, "en_IN");
}

#[test]
fn a_text_is_found_by_language_then_tenant_then_built_in() {
    let found = |keys: &[&str], expected: &str| {
        let mut world = World::new();
        for key in keys {
            world.template(&format!("egov/{key}/{SMS_CODE}"), &format!("{key}: %s"), None);
        }
        let sms = format!("sms +91 9123456789 {expected}");
        let seen = world.ask(&login("1|hi_IN", ""));
        assert_eq!(seen.events[0], sms);
    };
    found(&["pb/hi_IN", "*/hi_IN", "pb/en_IN"], "pb/hi_IN: ######");
    found(&["*/hi_IN", "pb/en_IN"], "*/hi_IN: ######");
    found(&["pb/en_IN", "*/en_IN"], "pb/en_IN: ######");
    found(&["*/en_IN"], "*/en_IN: ######");
    found(&["pb.amritsar/hi_IN", "ka/hi_IN"], "Dear Citizen, Your Login OTP is ######.");
}

#[test]
fn each_tenant_falls_back_along_its_own_segments() {
    let found = |tenant: &str, strip: usize, keys: &[&str], expected: &str| {
        let mut world = World::new();
        world.settings.strip_suffix_count = strip;
        for key in keys {
            world.template(&format!("egov/{key}/en_IN/{SMS_CODE}"), &format!("{key}: %s"), None);
        }
        let seen = world.ask(&login("", "").replace("pb.amritsar", tenant));
        assert_eq!(seen.events[0], format!("sms +91 9123456789 {expected}: ######"), "{tenant} {keys:?}");
    };
    let all = ["pb.amritsar.ward", "pb.amritsar", "pb", "amritsar.ward", "amritsar", "ward", "*"];
    found("pb.amritsar.ward", 0, &all, "pb.amritsar.ward");
    found("pb.amritsar.ward", 1, &all, "pb.amritsar");
    found("pb.amritsar.ward", 2, &all, "pb");
    found("pb.amritsar.ward", 3, &all, "pb");
    found("pb.amritsar.ward", 0, &all[1..], "pb.amritsar");
    found("pb.amritsar.ward", 0, &all[2..], "pb");
    found("pb.amritsar.ward", 1, &all[2..], "pb");
    found("pb.amritsar.ward", 1, &all[3..], "*");
    found("pb.amritsar", 0, &all, "pb.amritsar");
    found("pb.amritsar", 1, &all, "pb");
    found("pb.amritsar", 1, &all[3..], "*");
    found("pb", 0, &all, "pb");
    found("pb", 1, &all, "pb");
}

#[test]
fn without_a_text_nothing_is_issued() {
    let mut world = World::new();
    world.settings.built_in_templates = false;
    check(&mut world, &login("", ""), MISSING, &["suppressed login template_missing +91 9123"]);
    world.template(&format!("egov/*/en_IN/{SMS_CODE}"), "Code %s", None);
    let events = ["sms +91 9123456789 Code ######", "issued login sms +91 9123 en_IN 1"];
    check(&mut world, &login("", ""), SENT, &events);
    world.templates.clear();
    let too_soon = "429 OTP request rejected | OTP.SEND_TOO_SOON otp.mobileNumber: \
        An OTP was sent a moment ago, try again later";
    check(&mut world, &login("", ""), too_soon, &["suppressed login send_too_soon +91 9123"]);
}

#[test]
fn mgramseva_sends_registered_texts_only() {
    let mut world = World::new();
    world.settings.flavour = Flavour::Mgramseva;
    check(&mut world, &login("", ""), MISSING, &["suppressed login template_missing +91 9123"]);
    world.template(&format!("egov/*/en_IN/{SMS_CODE}"), "Code {otp}", Some("1107"));
    let seen = world.ask(&login("1|hi_IN", ""));
    assert_eq!(seen.events[0], "sms +91 9123456789 Code ######");
    assert_eq!(seen.bodies[0]["templateId"], "1107");
}

#[test]
fn a_text_of_another_flavour_is_passed_over() {
    let mut world = World::new();
    world.template(&format!("egov/pb/en_IN/{SMS_CODE}"), "Unregistered %s", None);
    world.template(&format!("egov/*/en_IN/{SMS_CODE}"), "Registered %s", Some("1107"));
    world.settings.flavour = Flavour::Mgramseva;
    assert_eq!(world.ask(&login("", "")).events[0], "sms +91 9123456789 Registered ######");
}

#[test]
fn every_spelling_of_a_locale_finds_its_text() {
    let found = |asked: &str, expected: &str| {
        let mut world = World::new();
        for locale in ["en_IN", "hi_IN", "ta-IN"] {
            world.template(&format!("egov/*/{locale}/{SMS_CODE}"), "Code %s", None);
        }
        let seen = world.ask(&login(&format!("1|{asked}"), ""));
        assert_eq!(seen.bodies[0]["locale"], expected, "{asked}");
        let seen =
            world.ask(&login("1", &format!(r#","locale":"{asked}""#)).replace("9123456789", "9123456780"));
        assert_eq!(seen.bodies[0]["locale"], expected, "{asked}");
    };
    for asked in ["hi_IN", "hi-IN", "HI_in", "hi", "HI", "hi_NP", "hi-Deva-IN", "hi_IN.UTF-8"] {
        found(asked, "hi_IN");
    }
    found("ta_IN", "ta-IN");
    found("mr_IN", "en_IN");
}

#[test]
fn an_id_is_demanded_of_text_messages_alone() {
    let mut world = World::with_users(&USER.replace("pa_IN", "en_IN\",\"emailId\":\"a@b.c"));
    world.settings.template_id_required = true;
    check(&mut world, &login("", ""), MISSING, &["suppressed login template_missing +91 9123"]);
    world.template(&format!("egov/*/en_IN/{SMS_CODE}"), "Code %s", Some("1107"));
    let events = [
        "sms +91 9123456789 Code ######",
        "email a@b.c [Login OTP] Dear Citizen, Your Login OTP is ######.",
        "issued login sms+email +91 9123 en_IN 1",
    ];
    check(&mut world, &login("", ""), SENT, &events);
}
