//! What lies damaged on the disk or in the changelog: the process names the place and the remedy, decides nothing, wipes
//! nothing, and the remedy works.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::event::{Request, send, validate, wrong};
use crate::harness::process::{Process, otp_stream};
use crate::harness::world::World;
use crate::topics::recreate;

/// The files of a store whose names have this in them.
fn files(directory: &Path, what: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a store");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths.filter(|path| path.to_string_lossy().contains(what)).collect()
}

fn flip_a_middle_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).expect("writable");
}

/// What `/readyz` says as soon as it says one of these.
fn not_ready(process: &Process, expected: &[&str]) -> String {
    for _ in 0..400 {
        let said = process.get("/readyz").filter(|(status, _)| *status == 503).map(|(_, body)| body);
        if let Some(body) = said.filter(|body| expected.iter().all(|part| body.contains(part))) {
            return body;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("/readyz never said {expected:?}; at last {:?}", process.get("/readyz"));
}

/// Sends a code to a number; the code, and the task that has the number.
fn code_and_task(world: &mut World, number: &str) -> (String, i32) {
    let id = world.tell(send(number));
    let task = world.reply(&id).partition;
    (world.sms(&id).code(), task)
}

fn task_directory(world: &World, task: i32) -> PathBuf {
    world.store().join(&world.application).join(format!("task-{task}"))
}

fn stop(process: Process) {
    assert!(process.terminate().success());
}

#[test]
fn a_damaged_store_fails_its_task_with_place_and_remedy_and_the_remedy_works() {
    let mut world = World::new("damaged-store");
    let process = world.run();
    let number = "9123456760";
    let (code, task) = code_and_task(&mut world, number);
    stop(process);
    let directory = task_directory(&world, task);
    for (tries, what) in ["MANIFEST-", ".sst", "CURRENT"].into_iter().enumerate() {
        // An open writes what was only in the log to a file.
        stop(world.run());
        let damaged = files(&directory, what);
        assert!(!damaged.is_empty(), "{what}");
        match what {
            "CURRENT" => damaged.iter().for_each(|path| fs::remove_file(path).expect("removed")),
            _ => damaged.iter().for_each(|path| flip_a_middle_byte(path)),
        }
        let process = world.run_only();
        // A look at the subject may be what meets the damage.
        let id = world.tell(validate(number, &wrong(&code)).id(&format!("wrong-{tries}")));
        let said = not_ready(&process, &["remove this directory", "restored from its changelog"]);
        assert!(said.contains(&directory.display().to_string()), "{what}: {said}");
        process.kill_9();

        fs::remove_dir_all(&directory).expect("the remedy");
        let process = world.run();
        assert_eq!(world.reply(&id).error_code(), "OTP.VALIDATION_UNSUCCESSFUL");
        assert_eq!(world.result(&id)["attempts"], tries + 1, "every try counts once");
        stop(process);
    }
    let process = world.run();
    let accepted = world.ask(validate(number, &code).id("right"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    stop(process);
    world.audit();
}

#[test]
fn a_damaged_identity_of_the_instance_is_refused() {
    let world = World::new("damaged-identity");
    stop(world.run());
    let file = world.store().join(&world.application).join("instance");
    let whole = fs::read(&file).expect("readable");
    for damaged in [b"".as_slice(), b"two words\n", b"\xff\xfe\x00"] {
        fs::write(&file, damaged).expect("writable");
        let output = otp_stream(&world.configs, &["run"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("the file `instance` holds no instance id; remove it"), "{said}");
        assert_eq!(fs::read(&file).expect("still there"), damaged);
    }
    fs::write(&file, whole).expect("writable");
    stop(world.run());
}

#[test]
fn a_foreign_record_in_the_changelog_stops_a_restore_with_its_offset() {
    let mut world = World::new("foreign-changelog");
    let process = world.run();
    let (code, task) = code_and_task(&mut world, "9123456761");
    let changelog = world.topics.changelog.clone();
    let newer = Request::raw(&[2, 0, 0]).key(Some("Sxxxxxxxxxxxxxxxx")).partition(task);
    let (_, offset) = world.upstream.produce(&changelog, &newer);
    // What a running task wrote itself it does not read.
    let accepted = world.ask(validate("9123456761", &code).id("right"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    stop(process);

    fs::remove_dir_all(task_directory(&world, task)).expect("removed");
    let process = world.run_only();
    let place = format!("the changelog's record at offset {offset}, a subject: unknown version 2");
    not_ready(&process, &[&place, "run that one", "put a tombstone"]);
    let tombstone = Request { payload: None, ..newer };
    world.upstream.produce(&changelog, &tombstone);
    process.kill_9();
    world.audit();
}

#[test]
fn a_store_of_another_changelog_is_neither_used_nor_wiped() {
    let mut world = World::new("other-changelog");
    let process = world.run();
    let (code, task) = code_and_task(&mut world, "9123456762");
    stop(process);
    recreate(&world, &world.topics.changelog);
    let process = world.run_only();
    not_ready(&process, &["belongs to another changelog", "kafka.bootstrap_servers"]);
    process.kill_9();
    assert!(!files(&task_directory(&world, task), "CURRENT").is_empty(), "the last copy is kept");
    let text = code.as_str();
    assert!(!fs::read_to_string(world.log()).expect("a log").contains(text), "no code in the log");
}
