//! Disk faults: a deleted store, an older copy of the store, a full disk.

use std::time::Duration;

use super::repeat;
use super::run::TortureRun;
use crate::harness::host::copy;
use crate::harness::process::WITH_FILE_LIMIT;
use crate::harness::scenario::Scenario;

#[test]
fn a_store_deleted_or_replaced_by_an_older_copy() {
    repeat("store", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let (host, earlier) = (run.scenario.host(), run.scenario.directory.join("earlier"));
        let process = host.run();
        run.load_for(1_500);
        run.stop(process);
        copy(&host.store, &earlier);
        for (from, what) in [
            (run.scenario.directory.join("nothing"), "store deleted"),
            (earlier.clone(), "store replaced by an older copy"),
            (earlier, "store replaced by an older copy"),
        ] {
            let process = host.start();
            let ms = run.load.draw(800..2_500);
            run.load_for(ms);
            process.kill_9();
            host.replace_store(&from);
            run.fault(what);
        }
        let process = host.run();
        run.load_for(500);
        run.drain();
        run.finish(process, &host, true);
    });
}

/// A limit on file sizes needs neither permissions nor a mount, and makes the same calls fail as a full disk.
#[test]
fn a_full_disk() {
    const ROOM_BYTES: u64 = 64 << 10;
    const NOTICE_MAX: Duration = Duration::from_secs(60);
    repeat("full", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        let process = host.start_under(&WITH_FILE_LIMIT).await_ready();
        for _ in 0..2 {
            run.load_for(1_500);
            process.limit_files(Some(ROOM_BYTES));
            run.fault("disk full");
            run.load_until(NOTICE_MAX, "a task fails, and the instance is not ready", || !process.is_ready());
            let ms = run.load.draw(500..3_000);
            run.load_for(ms);
            process.limit_files(None);
            run.load_until(NOTICE_MAX, "ready again when there is room", || process.is_ready());
            assert!(host.log_text().contains("task failed"), "the log says so");
        }
        run.drain();
        run.finish(process, &host, true);
    });
}
