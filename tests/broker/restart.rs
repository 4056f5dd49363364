//! State outlives the process, however it ends.

use crate::harness::event::{validate, wrong};
use crate::harness::world::World;

#[test]
fn a_code_sent_before_a_restart_is_accepted_after_it_once() {
    let mut world = World::new("restart");
    let process = world.run();
    let code = world.code_for("9123456710");
    world.ask(validate("9123456710", &wrong(&code)).id("before"));
    assert!(process.terminate().success(), "SIGTERM ends with exit 0");

    let process = world.run();
    world.ask(validate("9123456710", &wrong(&code)).id("after"));
    assert_eq!(world.result("after")["attempts"], 2, "wrong tries are remembered");
    let accepted = world.ask(validate("9123456710", &code).id("first"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    process.kill_9();

    let _process = world.run();
    world.ask(validate("9123456710", &code).id("second"));
    assert_eq!(world.result("second")["reason"], "already_used");
    world.audit();
}

#[test]
fn what_was_asked_while_it_was_down_is_answered_when_it_is_up() {
    let mut world = World::new("down");
    let early = world.tell(crate::harness::event::send("9123456711").id("early"));
    let process = world.run();
    let code = world.sms(&early).code();
    process.kill_9();
    let late = world.tell(validate("9123456711", &code).id("late"));
    let _process = world.run();
    assert_eq!(world.reply(&late).body()["otp"]["isValidationSuccessful"], true);
    world.audit();
}

#[test]
fn a_lost_store_is_restored_from_the_changelog() {
    let mut world = World::new("lost-store");
    let process = world.run();
    let code = world.code_for("9123456712");
    let used = world.code_for("9123456713");
    world.ask(validate("9123456713", &used).id("used"));
    assert!(process.terminate().success());
    std::fs::remove_dir_all(world.store()).expect("the store is removed");

    let _process = world.run();
    assert_eq!(
        world.ask(validate("9123456712", &code).id("live")).body()["otp"]["isValidationSuccessful"],
        true
    );
    world.ask(validate("9123456713", &used).id("used-again"));
    assert_eq!(world.result("used-again")["reason"], "already_used");
    world.audit();
}
