//! Damage on the disk or in the changelog. The process names location and remedy, processes nothing with damaged state, deletes
//! nothing, and the remedy works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::event::{Request, send, validate, wrong};
use crate::harness::process::{Process, otp_stream};
use crate::harness::scenario::Scenario;
use crate::topics::recreate;

/// The files of a store whose name contains `what`.
fn files(directory: &Path, what: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a store");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.to_string_lossy().contains(what)).collect()
}

fn flip_a_byte(path: &Path, at: impl FnOnce(usize) -> usize) {
    let mut bytes = fs::read(path).expect("readable");
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("writable");
}

/// Sends a code to a number. Returns the code and the task of the number.
fn code_and_task(scenario: &mut Scenario, number: &str) -> (String, i32) {
    let id = scenario.produce(send(number));
    let task = scenario.reply(&id).partition;
    (scenario.sms(&id).code(), task)
}

fn task_directory(scenario: &Scenario, task: i32) -> PathBuf {
    scenario.store().join(&scenario.application).join(format!("task-{task}"))
}

fn stop(process: Process) {
    assert!(process.terminate().success());
}

#[test]
fn a_damaged_store_fails_its_task_and_names_a_remedy_that_works() {
    let mut scenario = Scenario::new("damaged-store");
    let process = scenario.run();
    let number = "9123456760";
    let (code, task) = code_and_task(&mut scenario, number);
    stop(process);
    let directory = task_directory(&scenario, task);
    for (tries, what) in ["MANIFEST-", ".sst", "CURRENT"].into_iter().enumerate() {
        // Opening the store flushes its write-ahead log into a file.
        stop(scenario.run());
        let damaged = files(&directory, what);
        assert!(!damaged.is_empty(), "{what}");
        match what {
            "CURRENT" => damaged.iter().for_each(|path| fs::remove_file(path).expect("removed")),
            // Its first block is data; what follows is not always read.
            ".sst" => damaged.iter().for_each(|path| flip_a_byte(path, |_| 20)),
            _ => damaged.iter().for_each(|path| flip_a_byte(path, |length| length / 2)),
        }
        let process = scenario.start();
        // Reading the subject may be the first to find the damage.
        let id = scenario.produce(validate(number, &wrong(&code)).id(&format!("wrong-{tries}")));
        let text = process.await_not_ready(&["remove this directory", "restored from its changelog"]);
        assert!(text.contains(&directory.display().to_string()), "{what}: {text}");
        process.kill_9();

        fs::remove_dir_all(&directory).expect("the remedy");
        let process = scenario.run();
        assert_eq!(scenario.reply(&id).error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
        assert_eq!(scenario.result(&id)["attempts"], tries + 1, "every try counts once");
        stop(process);
    }
    let process = scenario.run();
    let accepted = scenario.ask(validate(number, &code).id("right"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    stop(process);
    scenario.audit();
}

#[test]
fn a_damaged_instance_id_is_refused() {
    let scenario = Scenario::new("damaged-identity");
    stop(scenario.run());
    let file = scenario.store().join(&scenario.application).join("instance");
    let whole = fs::read(&file).expect("readable");
    for damaged in [b"".as_slice(), b"two words\n", b"\xff\xfe\x00"] {
        fs::write(&file, damaged).expect("writable");
        let output = otp_stream(&scenario.configs, &["run"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("the file `instance` holds no instance id; remove it"), "{text}");
        assert_eq!(fs::read(&file).expect("still there"), damaged);
    }
    fs::write(&file, whole).expect("writable");
    stop(scenario.run());
}

#[test]
fn a_foreign_record_in_the_changelog_stops_a_restore_with_its_offset() {
    let mut scenario = Scenario::new("foreign-changelog");
    let process = scenario.run();
    let (code, task) = code_and_task(&mut scenario, "9123456761");
    let changelog = scenario.topics.changelog.clone();
    let newer = Request::raw(&[99, 0, 0]).key(Some("Sxxxxxxxxxxxxxxxx")).partition(task);
    let (_, offset) = scenario.upstream.produce(&changelog, &newer);
    // A running task does not read its own changelog.
    let accepted = scenario.ask(validate("9123456761", &code).id("right"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    stop(process);

    fs::remove_dir_all(task_directory(&scenario, task)).expect("removed");
    let process = scenario.start();
    let place = format!("the changelog record at offset {offset}, a subject: unknown version 99");
    process.await_not_ready(&[&place, "run that version", "write a tombstone"]);
    let tombstone = Request { payload: None, ..newer };
    scenario.upstream.produce(&changelog, &tombstone);
    process.kill_9();
    scenario.audit();
}

#[test]
fn a_store_of_another_changelog_is_neither_used_nor_wiped() {
    let mut scenario = Scenario::new("other-changelog");
    let process = scenario.run();
    let (code, task) = code_and_task(&mut scenario, "9123456762");
    stop(process);
    recreate(&scenario, &scenario.topics.changelog);
    let process = scenario.start();
    process.await_not_ready(&["belongs to another changelog", "kafka.bootstrap_servers"]);
    process.kill_9();
    assert!(!files(&task_directory(&scenario, task), "CURRENT").is_empty(), "the last copy is kept");
    let text = code.as_str();
    assert!(!fs::read_to_string(scenario.log()).expect("a log").contains(text), "no code in the log");
}
