//! Faults of disks: lost, put back from an earlier copy, full.

use super::passes;
use super::trial::Trial;
use crate::harness::seat::copy;
use crate::harness::world::World;

#[test]
fn a_store_lost_or_put_back() {
    passes("store", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let (seat, earlier) = (trial.world.seat(), trial.world.directory.join("earlier"));
        let process = seat.run();
        trial.load_for(1_500);
        assert!(process.terminate().success());
        copy(&seat.store, &earlier);
        for (from, what) in [
            (trial.world.directory.join("nothing"), "store deleted"),
            (earlier.clone(), "earlier store put back"),
            (earlier, "earlier store put back"),
        ] {
            let process = seat.run_only();
            let ms = trial.load.draw(800..2_500);
            trial.load_for(ms);
            process.kill_9();
            seat.put_store(&from);
            trial.fault(what);
        }
        let process = seat.run();
        trial.load_for(500);
        trial.drain();
        trial.end_in_good_order(process, &seat, true);
    });
}

/// A limit on the size of a file needs no right and no mount, and fails the same calls as a full disk.
#[test]
fn a_full_disk() {
    const ROOM_BYTES: u64 = 64 << 10;
    passes("full", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seat = trial.world.seat();
        let process = seat.run_limitable();
        for round in 1..=2 {
            trial.load_for(1_500);
            process.limit_files(Some(ROOM_BYTES));
            trial.fault("disk full");
            trial.load_until("a task fails, and the instance is not ready", || !process.is_ready());
            let ms = trial.load.draw(500..3_000);
            trial.load_for(ms);
            process.limit_files(None);
            trial.load_until("ready again when there is room", || process.is_ready());
            assert!(seat.said().matches("task failed").count() >= round, "the log says so");
        }
        trial.drain();
        trial.end_in_good_order(process, &seat, true);
    });
}
