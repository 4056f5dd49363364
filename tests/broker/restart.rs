//! State outlives the process, however it ends.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use otp_topology::otp::{LogTime, Remembered, RequestDigest, Subject};
use otp_topology::state::encode_subject;

use crate::harness::event::{Request, validate, wrong};
use crate::harness::fold;
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
    fs::remove_dir_all(world.store()).expect("the store is removed");

    let _process = world.run();
    assert_eq!(
        world.ask(validate("9123456712", &code).id("live")).body()["otp"]["isValidationSuccessful"],
        true
    );
    world.ask(validate("9123456713", &used).id("used-again"));
    assert_eq!(world.result("used-again")["reason"], "already_used");
    world.audit();
}

/// A restore writes the store in large runs, each with the position behind it.
#[test]
fn a_restore_that_is_killed_goes_on_behind_what_the_store_has() {
    const BALLAST: u32 = 28_000;
    let mut world = World::new("restore-killed");
    let process = world.run();
    let code = world.code_for("9123456714");
    let used = world.code_for("9123456715");
    world.ask(validate("9123456715", &used).id("used"));
    assert!(process.terminate().success());
    fs::remove_dir_all(world.store()).expect("the store is removed");
    load_changelog(&world, BALLAST);

    let process = world.run_only();
    await_runs(&world.store().join("restore-killed/task-0"), 2);
    process.kill_9();
    let process = world.run();
    assert_eq!(
        world.ask(validate("9123456714", &code).id("live")).body()["otp"]["isValidationSuccessful"],
        true
    );
    world.ask(validate("9123456715", &used).id("used-again"));
    assert_eq!(world.result("used-again")["reason"], "already_used");
    let restored = process.metric("otp_stream_restored_records_total{partition=\"0\"}");
    assert!(restored > 0.0, "the kill came after the end of the restore");
    assert!(restored < f64::from(BALLAST), "all of it was replayed again");
    assert!(process.terminate().success());
    assert_eq!(fold::differences(&world, &world.store()), Vec::<String>::new());
    world.audit();
}

/// Subjects of eight kilobytes, as if they were others' of task 0.
fn load_changelog(world: &World, count: u32) {
    for number in 0..count {
        let mut subject = Subject::default();
        subject.remember(Remembered {
            request: RequestDigest([7; 16]),
            at: LogTime::from_ms(4_000_000_000_000),
            reply: vec![number as u8; 8 << 10].into(),
            code: None,
        });
        let scattered = number.wrapping_mul(0x9e37_79b9).to_be_bytes();
        let key = [b"S".as_slice(), &scattered, &[0; 12]].concat();
        let record = Request {
            key: Some(key),
            payload: Some(encode_subject(&subject)),
            partition: Some(0),
            headers: Vec::new(),
        };
        if number + 1 < count {
            world.upstream.pour(&world.topics.changelog, &record);
        } else {
            world.upstream.produce(&world.topics.changelog, &record);
        }
    }
    assert_eq!(world.upstream.lost(), 0);
}

/// Until so many large files lie in a store.
fn await_runs(store: &Path, count: usize) {
    let is_large = |file: &fs::DirEntry| {
        file.path().extension().is_some_and(|it| it == "sst")
            && file.metadata().is_ok_and(|it| it.len() > 1 << 20)
    };
    let until = Instant::now() + Duration::from_secs(60);
    while fs::read_dir(store).into_iter().flatten().flatten().filter(is_large).count() < count {
        assert!(Instant::now() < until, "{} does not get {count} runs", store.display());
        std::thread::sleep(Duration::from_millis(5));
    }
}
