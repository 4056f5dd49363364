//! Too many wrong tries lock a subject; an administrator lets it go.

use serde_json::json;

use crate::harness::event::{Request, TENANT, send, subject, validate, wrong};
use crate::harness::world::{World, must};

fn unlock(number: &str) -> Request {
    let body = json!({
        "operation": "unlock", "contract": "egov", "tenantId": TENANT, "identity": number, "reason": "a call",
    });
    Request::of(&subject(number), &body)
}

#[test]
fn a_lock_refuses_the_right_code_until_an_unlock() {
    let settings =
        "[policy.egov]\nsend_pause_ms = 0\nwrong_tries_max = 5\nlock_after = 3\nlock_ms = 600000\n";
    let mut world = World::with("locks", settings);
    let process = world.run();
    let number = "9123456770";
    let code = world.code_for(number);
    for n in 1..=3 {
        world.ask(validate(number, &wrong(&code)).id(&format!("wrong-{n}")));
    }
    let locking = world.result("wrong-3");
    assert_eq!(locking["reason"], "wrong_code");
    assert!(locking["lockedUntil"].is_number());
    assert!(world.lifecycle("locked", "wrong-3")["challengeId"].is_string());

    world.ask(validate(number, &code).id("right-but-locked"));
    assert_eq!(world.result("right-but-locked")["reason"], "locked");
    assert_eq!(world.ask(send(number).id("send-locked")).error_code(), "OTP.LOCKED");
    assert_eq!(world.lifecycle("suppressed", "send-locked")["reason"], "locked");

    process.kill_9();
    let _process = world.run();
    world.ask(validate(number, &code).id("still-locked"));
    assert_eq!(world.result("still-locked")["reason"], "locked");

    let topic = world.topics.admin.clone();
    world.upstream.produce(&topic, &unlock(number).id("unlock-1"));
    world.lifecycle("unlocked", "unlock-1");
    world.ask(validate(number, &code).id("old-code"));
    assert_eq!(world.result("old-code")["reason"], "ended", "a lock ends all live challenges");
    world.ask(send(number).id("send-again"));
    let code = world.sms("send-again").code();
    assert_eq!(world.ask(validate(number, &code).id("right")).body()["otp"]["isValidationSuccessful"], true);
    world.audit();
}

#[test]
fn forget_erases_everything_of_a_subject() {
    let mut world = World::new("forget");
    let _process = world.run();
    let number = "9123456771";
    let code = world.code_for(number);
    let subject = ["--contract", "egov", "--tenant", TENANT, "--identity", number];
    must(&world.configs, &[["subject", "forget"].as_slice(), &subject].concat());
    let lifecycle = world.topics.lifecycle.clone();
    world.tap.wait("`forgotten`", |e| e.topic == lifecycle && e.body()["type"] == "forgotten");
    world.ask(validate(number, &code).id("after"));
    assert_eq!(world.result("after")["reason"], "no_challenge");
    assert_eq!(world.ask(send(number).id("no-pause-left")).body()["isSuccessful"], true);
    world.audit();
}
