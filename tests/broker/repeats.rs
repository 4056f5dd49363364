//! A caller that did not hear the answer asks again with the same id: the same answer, and nothing else.

use crate::harness::event::{send, validate, wrong};
use crate::harness::world::World;

#[test]
fn a_repeated_request_is_answered_again_and_does_nothing_else() {
    let mut world = World::new("repeats");
    let process = world.run();
    let number = "9123456740";
    let replies = world.topics.replies.clone();
    for _ in 0..3 {
        world.tell(send(number).id("send"));
    }
    world.tap.wait_many("three replies", 3, |e| e.topic == replies && e.cause() == "send");
    let code = world.sms("send").code();

    for _ in 0..3 {
        world.tell(validate(number, &wrong(&code)).id("wrong"));
    }
    world.tap.wait_many("three replies", 3, |e| e.topic == replies && e.cause() == "wrong");
    world.tell(validate(number, &code).id("right"));
    world.tap.wait("a reply", |e| e.topic == replies && e.cause() == "right");
    assert_eq!(world.result("right")["attempts"], 1, "the wrong try counted once");

    process.kill_9();
    let _process = world.run();
    world.tell(validate(number, &code).id("right"));
    let told = world.tap.wait_many("the same reply", 2, |e| e.topic == replies && e.cause() == "right");
    assert_eq!(told[1].body()["otp"]["isValidationSuccessful"], true, "the answer outlives the process");
    assert_eq!(told[0].text("ce_id"), told[1].text("ce_id"));
    world.audit();
    assert_eq!(world.on(&world.topics.sms).len(), 1);
    assert_eq!(world.on(&world.topics.results).len(), 2);
}

#[test]
fn a_resend_repeats_the_code_and_counts_as_a_delivery() {
    let mut world =
        World::with("resend", "[policy.egov]\nsend_pause_ms = 1500\nsends_per_challenge_max = 2\n");
    let _process = world.run();
    let number = "9123456741";
    world.ask(send(number).id("first"));
    assert_eq!(world.ask(send(number).id("too-soon")).error_code(), "OTP.SEND_TOO_SOON");
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    assert_eq!(world.ask(send(number).id("second")).body()["isSuccessful"], true);
    assert_eq!(world.sms("first").code(), world.sms("second").code());
    assert_eq!(world.lifecycle("resent", "second")["sendNumber"], 2);
    std::thread::sleep(std::time::Duration::from_millis(1_600));
    assert_eq!(world.ask(send(number).id("too-many")).error_code(), "OTP.SEND_LIMIT_EXCEEDED");
    assert_eq!(world.lifecycle("suppressed", "too-many")["reason"], "send_limit");
    world.audit();
}
