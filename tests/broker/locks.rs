//! Too many wrong tries lock a subject. An administrator unlocks it.

use serde_json::json;

use crate::harness::event::{Request, TENANT, send, subject, validate, wrong};
use crate::harness::scenario::{Scenario, run_ok};

fn unlock(number: &str) -> Request {
    let body = json!({
        "operation": "unlock", "contract": "egov", "tenantId": TENANT, "identity": number, "reason": "a call",
    });
    Request::of(&subject(number), &body)
}

#[test]
fn a_lock_rejects_the_right_code_until_an_unlock() {
    let settings =
        "[policy.egov]\nsend_pause_ms = 0\nwrong_tries_max = 5\nlock_after = 3\nlock_ms = 600000\n";
    let mut scenario = Scenario::with("locks", settings);
    let process = scenario.run();
    let number = "9123456770";
    let code = scenario.code_for(number);
    for n in 1..=3 {
        scenario.ask(validate(number, &wrong(&code)).id(&format!("wrong-{n}")));
    }
    let locking = scenario.result("wrong-3");
    assert_eq!(locking["reason"], "wrong_code");
    assert!(locking["lockedUntil"].is_number());
    assert!(scenario.lifecycle("locked", "wrong-3")["challengeId"].is_string());

    scenario.ask(validate(number, &code).id("right-but-locked"));
    assert_eq!(scenario.result("right-but-locked")["reason"], "locked");
    assert_eq!(scenario.ask(send(number).id("send-locked")).error_code(), "OTP.LOCKED");
    assert_eq!(scenario.lifecycle("suppressed", "send-locked")["reason"], "locked");

    process.kill_9();
    let _process = scenario.run();
    scenario.ask(validate(number, &code).id("still-locked"));
    assert_eq!(scenario.result("still-locked")["reason"], "locked");

    let topic = scenario.topics.admin.clone();
    scenario.upstream.produce(&topic, &unlock(number).id("unlock-1"));
    scenario.lifecycle("unlocked", "unlock-1");
    scenario.ask(validate(number, &code).id("old-code"));
    assert_eq!(scenario.result("old-code")["reason"], "ended", "a lock ends all live challenges");
    scenario.ask(send(number).id("send-again"));
    let code = scenario.sms("send-again").code();
    assert_eq!(
        scenario.ask(validate(number, &code).id("right")).body()["otp"]["isValidationSuccessful"],
        true
    );
    scenario.audit();
}

#[test]
fn forget_erases_everything_of_a_subject() {
    let mut scenario = Scenario::new("forget");
    let _process = scenario.run();
    let number = "9123456771";
    let code = scenario.code_for(number);
    let subject = ["--contract", "egov", "--tenant", TENANT, "--identity", number];
    run_ok(&scenario.configs, &[["subject", "forget"].as_slice(), &subject].concat());
    let lifecycle = scenario.topics.lifecycle.clone();
    scenario.tap.wait("`forgotten`", |e| e.topic == lifecycle && e.body()["type"] == "forgotten");
    scenario.ask(validate(number, &code).id("after"));
    assert_eq!(scenario.result("after")["reason"], "no_challenge");
    assert_eq!(scenario.ask(send(number).id("no-pause-left")).body()["isSuccessful"], true);
    scenario.audit();
}
