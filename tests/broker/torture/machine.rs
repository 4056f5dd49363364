//! A small machine under load: few open files, a full disk, no inodes, and signals in between.

use std::time::Duration;

use super::run::TortureRun;
use super::{is_session, repeat};
use crate::harness::disk::SmallDisk;
use crate::harness::process::{Process, WITH_FILE_LIMIT};
use crate::harness::scenario::Scenario;

/// Longest time until a fault shows, or until its repair does.
const NOTICE_MAX: Duration = Duration::from_secs(60);
/// Faults of one trial of a session, and of the one trial of `./dev test`.
const ROUNDS: usize = 5;
const ROUNDS_OF_A_TEST: usize = 2;

/// Lets a fault last for a drawn time once the instance is not ready.
fn endure(run: &mut TortureRun, process: &Process, what: &'static str) {
    run.fault(what);
    run.load_until(NOTICE_MAX, what, || !process.is_ready());
    let ms = run.load.draw(100..2_500);
    run.load_for(ms);
}

#[test]
fn a_small_machine_under_load() {
    repeat("machine", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        let disk = SmallDisk::mount(&host.store, "size=64m,nr_inodes=1000");
        let rounds = if is_session() { ROUNDS } else { ROUNDS_OF_A_TEST };
        for _ in 0..rounds {
            let process = host.start_under(&WITH_FILE_LIMIT).await_ready();
            let ms = run.load.draw(200..1_500);
            run.load_for(ms);
            match (run.load.draw(0..4), &disk) {
                (0, Some(disk)) => {
                    disk.fill();
                    endure(&mut run, &process, "disk full");
                    disk.fill();
                    let ms = run.load.draw(100..2_500);
                    run.load_for(ms);
                    disk.free();
                    run.load_until(NOTICE_MAX, "ready again when there is room", || process.is_ready());
                }
                (1, Some(disk)) => {
                    disk.take_inodes();
                    process.limit_files(Some(64 << 10));
                    endure(&mut run, &process, "no inodes");
                    process.limit_files(None);
                    let ms = run.load.draw(100..2_500);
                    run.load_for(ms);
                    disk.free();
                    run.load_until(NOTICE_MAX, "ready again when there are inodes", || process.is_ready());
                }
                (2, _) => {
                    process.limit_files(Some(64 << 10));
                    endure(&mut run, &process, "no open files");
                    let left = run.load.draw(0..12);
                    process.limit_open_files(Some(process.open_files() + left));
                    process.limit_files(None);
                    let ms = run.load.draw(100..4_000);
                    run.load_for(ms);
                    process.limit_open_files(None);
                    run.load_until(NOTICE_MAX, "ready again when files may be opened", || process.is_ready());
                }
                (_, _) => {
                    let pause_ms = run.load.draw(0..60);
                    process.send_sigterm();
                    std::thread::sleep(Duration::from_millis(pause_ms));
                    process.send_sigterm();
                    process.kill_9();
                    run.fault("two signals and a kill");
                    continue;
                }
            }
            assert!(process.terminate().success());
        }
        assert!(!host.log_text().contains("remove this directory"), "no store is given up");
        let process = host.run();
        run.drain();
        run.finish(process, &host, true);
        drop(disk);
    });
}
