//! A caller that missed the reply repeats its request with the same id. It gets the same reply, and nothing else happens.

use crate::harness::event::{send, validate, wrong};
use crate::harness::scenario::Scenario;

#[test]
fn a_repeated_request_gets_the_same_reply_and_does_nothing_else() {
    let mut scenario = Scenario::new("repeats");
    let process = scenario.run();
    let number = "9123456740";
    let replies = scenario.topics.replies.clone();
    for _ in 0..3 {
        scenario.produce(send(number).id("send"));
    }
    scenario.tap.wait_many("three replies", 3, |e| e.topic == replies && e.cause() == "send");
    let code = scenario.sms("send").code();

    for _ in 0..3 {
        scenario.produce(validate(number, &wrong(&code)).id("wrong"));
    }
    scenario.tap.wait_many("three replies", 3, |e| e.topic == replies && e.cause() == "wrong");
    scenario.produce(validate(number, &code).id("right"));
    scenario.tap.wait("a reply", |e| e.topic == replies && e.cause() == "right");
    assert_eq!(scenario.result("right")["attempts"], 1, "the wrong try counted once");

    process.kill_9();
    let _process = scenario.run();
    scenario.produce(validate(number, &code).id("right"));
    let received =
        scenario.tap.wait_many("the same reply", 2, |e| e.topic == replies && e.cause() == "right");
    assert_eq!(received[1].body()["otp"]["isValidationSuccessful"], true, "the reply survives the process");
    assert_eq!(received[0].text("ce_id"), received[1].text("ce_id"));
    scenario.audit();
    assert_eq!(scenario.events_of(&scenario.topics.sms).len(), 1);
    assert_eq!(scenario.events_of(&scenario.topics.results).len(), 2);
}

#[test]
fn a_resend_repeats_the_code_and_counts_as_a_delivery() {
    let mut scenario =
        Scenario::with("resend", "[policy.egov]\nsend_pause_ms = 1500\nsends_per_challenge_max = 2\n");
    let _process = scenario.run();
    let number = "9123456741";
    scenario.ask(send(number).id("first"));
    assert_eq!(scenario.ask(send(number).id("too-soon")).error_code(), "OTP.SEND_TOO_SOON");
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    assert_eq!(scenario.ask(send(number).id("second")).body()["isSuccessful"], true);
    assert_eq!(scenario.sms("first").code(), scenario.sms("second").code());
    assert_eq!(scenario.lifecycle("resent", "second")["sendNumber"], 2);
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    assert_eq!(scenario.ask(send(number).id("too-many")).error_code(), "OTP.SEND_LIMIT_EXCEEDED");
    assert_eq!(scenario.lifecycle("suppressed", "too-many")["reason"], "send_limit");
    scenario.audit();
}
