//! A small machine: few open files, a full disk, a disk without inodes, a read-only one. The process refuses to start, or its
//! tasks wait, say why, and go on by themselves. No store is given up.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::disk::SmallDisk;
use crate::harness::event::{send, validate};
use crate::harness::process::{Process, WITH_FILE_LIMIT, otp_stream};
use crate::harness::scenario::{PARTITIONS, Scenario};

/// Longest time from the repair of a fault until the instance is ready.
const REPAIR_MAX: Duration = Duration::from_secs(60);
/// Room for three stores that have just begun, and too little for RocksDB to reserve room for their logs.
const SMALL: &str = "size=24m,nr_inodes=400";

/// Asks for codes, one number after the other, until the instance is not ready.
fn produce_until_not_ready(scenario: &mut Scenario, process: &Process, ids: &mut Vec<String>) {
    let until = Instant::now() + REPAIR_MAX;
    while process.is_ready() {
        assert!(Instant::now() < until, "the instance is still ready");
        for _ in 0..20 {
            ids.push(scenario.produce(send(&(9_200_000_000 + ids.len() as u64).to_string())));
        }
    }
}

/// A fault names directory and remedy, and never advises to remove the store.
fn assert_kept(text: &str, store: &Path) {
    assert!(text.contains(&store.display().to_string()), "{text}");
    for advice in ["remove", "another process", "a format"] {
        assert!(!text.contains(advice), "{advice:?} in: {text}");
    }
}

fn answer_all(scenario: &mut Scenario, ids: &[String]) {
    for id in ids {
        assert_eq!(scenario.reply(id).body()["isSuccessful"], true, "{id}");
    }
}

#[test]
fn the_limit_of_open_files_is_raised_or_the_start_is_refused() {
    let mut scenario = Scenario::new("open-files");
    let host = scenario.host();
    let process = host.start_under(&["prlimit", "--nofile=64:4096"]).await_ready();
    assert!(process.open_files_limit() > 400, "{}", process.open_files_limit());
    assert!(process.open_files() < 300, "{} of the need", process.open_files());
    scenario.code_for("9123456700");
    assert!(process.terminate().success());
    // The first is too low for any start, the second for three partitions.
    for hard in [200, 400] {
        let status = host.start_under(&["prlimit", &format!("--nofile=64:{hard}")]).await_exit();
        assert_eq!(status.code(), Some(2), "{}", host.log_text());
        let limit = format!("this process may open {hard} (hard limit)");
        for part in [&limit, "LimitNOFILE=", "docker run --ulimit nofile=", "ulimit -Hn"] {
            assert!(host.log_text().contains(part), "{part}: {}", host.log_text());
        }
    }
    scenario.audit();
}

#[test]
fn tasks_without_open_files_wait_and_go_on_when_there_are_some() {
    let mut scenario = Scenario::new("no-files-left");
    let host = scenario.host();
    let process = host.start_under(&WITH_FILE_LIMIT).await_ready();
    // A write that fails closes a store. It cannot be opened again without open files.
    process.limit_files(Some(4 << 10));
    let mut ids = Vec::new();
    produce_until_not_ready(&mut scenario, &process, &mut ids);
    let body = process.await_not_ready(&["File too large", "make room"]);
    assert_kept(&body, &scenario.store());
    process.limit_open_files(Some(process.open_files() + 2));
    process.limit_files(None);
    // The HTTP port may have no file left for a connection.
    let until = Instant::now() + REPAIR_MAX;
    while !host.log_text().contains("remedy: raise the limit of open files") {
        assert!(Instant::now() < until, "{}", host.log_text());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_kept(&host.log_text(), &scenario.store());
    process.limit_open_files(None);
    let process = process.await_ready();
    answer_all(&mut scenario, &ids);
    assert!(process.terminate().success());
    scenario.audit();
}

#[test]
fn tasks_on_a_full_disk_wait_and_go_on_when_there_is_room() {
    let mut scenario = Scenario::new("full-disk");
    let Some(disk) = SmallDisk::mount(&scenario.store(), SMALL) else { return };
    let process = scenario.run();
    let mut ids = Vec::new();
    disk.fill();
    produce_until_not_ready(&mut scenario, &process, &mut ids);
    let body = process.await_not_ready(&["No space left on device", "make room", "df -h"]);
    assert_kept(&body, &scenario.store());
    let failed = (0..PARTITIONS).find(|task| body.contains(&format!("task {task} has failed")));
    let failed = failed.expect("a task has failed");
    for number in 0..60 {
        ids.push(scenario.produce(send(&(9_300_000_000_u64 + number).to_string())));
    }
    let lag =
        format!("otp_stream_input_lag{{partition=\"{failed}\",topic=\"{}\"}}", scenario.topics.requests);
    let until = Instant::now() + REPAIR_MAX;
    while process.metric(&lag) < 5.0 {
        disk.fill();
        assert!(Instant::now() < until, "the lag of a failed task counts: {}", process.metrics());
        std::thread::sleep(Duration::from_millis(200));
    }
    disk.free();
    let process = process.await_ready();
    answer_all(&mut scenario, &ids);
    assert!(process.terminate().success());
    scenario.audit();
}

#[test]
fn a_disk_without_inodes_or_without_writes_is_named() {
    let mut scenario = Scenario::new("small-disk");
    let Some(disk) = SmallDisk::mount(&scenario.store(), SMALL) else { return };
    let process = scenario.run();
    let code = scenario.code_for("9123456701");
    assert!(process.terminate().success());

    disk.take_inodes();
    let process = scenario.start();
    let body = process.await_not_ready(&["No space left on device", "df -i"]);
    assert_kept(&body, &scenario.store());
    disk.free();
    let process = process.await_ready();
    let accepted = scenario.ask(validate("9123456701", &code).id("right"));
    assert_eq!(accepted.body()["otp"]["isValidationSuccessful"], true);
    assert!(process.terminate().success());

    disk.remount("ro");
    let output = otp_stream(&scenario.configs, &["run"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("Read-only file system") && text.contains("mount the file system writable"),
        "{text}"
    );
    assert_kept(&text, &scenario.store());
    disk.remount("rw");
    assert!(scenario.run().terminate().success());
    scenario.audit();
}
