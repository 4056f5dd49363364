//! State survives the process, however the process ends.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use otp_topology::otp::{LogTime, Remembered, RequestDigest, Subject};
use otp_topology::state::encode_subject;

use crate::harness::event::{Request, validate, wrong};
use crate::harness::fold;
use crate::harness::scenario::Scenario;

#[test]
fn a_code_sent_before_a_restart_is_accepted_after_it_once() {
    let mut scenario = Scenario::new("restart");
    let process = scenario.run();
    let code = scenario.code_for("9123456710");
    scenario.ask(validate("9123456710", &wrong(&code)).id("before"));
    assert!(process.terminate().success(), "SIGTERM ends with exit 0");

    let process = scenario.run();
    scenario.ask(validate("9123456710", &wrong(&code)).id("after"));
    assert_eq!(scenario.result("after")["attempts"], 2, "wrong tries are remembered");
    let accepted = scenario.ask(validate("9123456710", &code).id("first"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    process.kill_9();

    let _process = scenario.run();
    scenario.ask(validate("9123456710", &code).id("second"));
    assert_eq!(scenario.result("second")["reason"], "already_used");
    scenario.audit();
}

#[test]
fn requests_produced_while_the_service_is_down_are_answered_later() {
    let mut scenario = Scenario::new("down");
    let early = scenario.produce(crate::harness::event::send("9123456711").id("early"));
    let process = scenario.run();
    let code = scenario.sms(&early).code();
    process.kill_9();
    let late = scenario.produce(validate("9123456711", &code).id("late"));
    let _process = scenario.run();
    assert_eq!(scenario.reply(&late).body()["otp"]["isValidationSuccessful"], true);
    scenario.audit();
}

#[test]
fn a_lost_store_is_restored_from_the_changelog() {
    let mut scenario = Scenario::new("lost-store");
    let process = scenario.run();
    let code = scenario.code_for("9123456712");
    let used = scenario.code_for("9123456713");
    scenario.ask(validate("9123456713", &used).id("used"));
    assert!(process.terminate().success());
    fs::remove_dir_all(scenario.store()).expect("the store is removed");

    let _process = scenario.run();
    assert_eq!(
        scenario.ask(validate("9123456712", &code).id("live")).body()["otp"]["isValidationSuccessful"],
        true
    );
    scenario.ask(validate("9123456713", &used).id("used-again"));
    assert_eq!(scenario.result("used-again")["reason"], "already_used");
    scenario.audit();
}

/// A restore writes the store in large runs. Each contains the changelog position that it reaches.
#[test]
fn a_killed_restore_continues_at_the_position_of_the_store() {
    const BALLAST: u32 = 28_000;
    let mut scenario = Scenario::new("restore-killed");
    let process = scenario.run();
    let code = scenario.code_for("9123456714");
    let used = scenario.code_for("9123456715");
    scenario.ask(validate("9123456715", &used).id("used"));
    assert!(process.terminate().success());
    fs::remove_dir_all(scenario.store()).expect("the store is removed");
    load_changelog(&scenario, BALLAST);

    let process = scenario.start();
    await_runs(&scenario.store().join("restore-killed/task-0"), 2);
    process.kill_9();
    let process = scenario.run();
    assert_eq!(
        scenario.ask(validate("9123456714", &code).id("live")).body()["otp"]["isValidationSuccessful"],
        true
    );
    scenario.ask(validate("9123456715", &used).id("used-again"));
    assert_eq!(scenario.result("used-again")["reason"], "already_used");
    let restored = process.metric("otp_stream_restored_records_total{partition=\"0\"}");
    assert!(restored > 0.0, "the kill came after the end of the restore");
    assert!(restored < f64::from(BALLAST), "all of it was replayed again");
    assert!(process.terminate().success());
    assert_eq!(fold::differences(&scenario, &scenario.store()), Vec::<String>::new());
    scenario.audit();
}

/// Writes `count` subjects of eight kilobytes into the changelog of task 0.
fn load_changelog(scenario: &Scenario, count: u32) {
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
            scenario.upstream.produce_async(&scenario.topics.changelog, &record);
        } else {
            scenario.upstream.produce(&scenario.topics.changelog, &record);
        }
    }
    assert_eq!(scenario.upstream.lost(), 0);
}

/// Waits until the store contains `count` large files.
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
