//! Faults of processes: killed, stopped, held like zombies, doubled.

use std::time::Duration;

use super::passes;
use super::trial::Trial;
use crate::harness::process::Process;
use crate::harness::seat::Seat;
use crate::harness::secrets::assert_kept;
use crate::harness::world::World;

#[test]
fn killed_at_random_points() {
    passes("kill", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        for _ in 0..7 {
            let process = trial.world.run_only();
            let life_ms = trial.load.draw(200..2_600);
            trial.load_for(life_ms);
            process.kill_9();
            trial.fault("kill -9");
        }
        let process = trial.world.run();
        trial.drain();
        let (codes, numbers) = (trial.load.codes.clone(), trial.load.numbers.clone());
        assert_kept(&mut trial.world, &process, &codes, &numbers);
        let seat = trial.world.seat();
        trial.end_in_good_order(process, &seat, true);
    });
}

/// While there is more to read, each commit is ended by another thread, and the next one is decided meanwhile.
#[test]
fn ended_amid_a_backlog() {
    passes("backlog", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seat = trial.world.seat();
        for _ in 0..7 {
            trial.load.heap(&mut trial.world, 1_200);
            let process = seat.run();
            let ms = trial.load.draw(0..250);
            trial.read_for(ms);
            let fault = trial.load.draw(0..6);
            if fault == 0 {
                process.hold();
                trial.read_for(4_500);
                process.go_on();
                trial.fault("held for longer than the session time-out");
                trial.read_for(ms);
            }
            if fault < 3 {
                assert!(process.terminate().success());
                trial.fault("SIGTERM");
            } else {
                process.kill_9();
                trial.fault("kill -9");
            }
        }
        let process = seat.run();
        trial.drain();
        trial.end_in_good_order(process, &seat, true);
    });
}

/// Two or three machines of one application; some of them static members, some dynamic ones.
fn seats(trial: &mut Trial, count: u64) -> Vec<Seat> {
    let membership = ["application.membership = \"static\"\n", "application.membership = \"dynamic\"\n"];
    (0..count)
        .map(|n| {
            let chosen = usize::try_from(trial.load.draw(0..2)).expect("small");
            trial.world.further_seat(&format!("seat-{n}"), membership[chosen])
        })
        .collect()
}

#[test]
fn a_storm_of_rebalances() {
    passes("storm", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seats = seats(&mut trial, 2 + seed % 2);
        let mut running: Vec<Option<Process>> = seats.iter().map(|seat| Some(seat.run_only())).collect();
        trial.load_for(2_000);
        for _ in 0..12 {
            let at = usize::try_from(trial.load.draw(0..seats.len() as u64)).expect("small");
            let hard = trial.load.draw(0..2) == 0;
            match running[at].take() {
                Some(process) if hard => {
                    process.kill_9();
                    trial.fault("kill -9");
                }
                Some(process) => {
                    process.terminate();
                    trial.fault("SIGTERM");
                }
                None => {
                    running[at] = Some(seats[at].run_only());
                    trial.fault("join");
                }
            }
            let ms = trial.load.draw(200..1_800);
            trial.load_for(ms);
        }
        for process in running.into_iter().flatten() {
            assert!(process.terminate().success());
        }
        trial.settle_on(&seats[0], true);
    });
}

#[test]
fn zombies_that_outlive_their_session_and_their_transaction() {
    passes("zombie", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seats = seats(&mut trial, 2);
        let running: Vec<Process> = seats.iter().map(Seat::run).collect();
        trial.load_for(1_000);
        for (at, held_ms, what) in [
            (0, 4_500, "held for longer than the session time-out"),
            (1, 4_500, "held for longer than the session time-out"),
            (0, 12_500, "held for longer than the transaction time-out"),
        ] {
            running[at].hold();
            trial.load_for(held_ms);
            running[at].go_on();
            trial.fault(what);
            let ms = trial.load.draw(200..2_500);
            trial.load_for(ms);
        }
        for process in running {
            assert!(process.terminate().success());
        }
        trial.settle_on(&seats[0], true);
    });
}

#[test]
fn a_copied_store_directory() {
    passes("twins", |kind, seed| {
        let mut trial = Trial::new(kind, seed, World::with);
        let seats = ["seat-0", "seat-1"].map(|name| trial.world.further_seat(name, ""));
        let process = seats[0].run();
        trial.load_for(1_000);
        assert!(process.terminate().success());
        seats[1].put_store(&seats[0].store);
        let mut twins = seats.each_ref().map(Seat::run_only);
        trial.load_for(9_000);
        trial.fault("two processes under one identity");
        let ended = twins.iter_mut().filter_map(Process::ended).count();
        println!("{kind}: {ended} of the twins gave up");
        for process in twins {
            process.kill_9();
        }
        assert!(seats.iter().any(|seat| seat.said().contains("a copied store directory?")), "they say so");
        std::thread::sleep(Duration::from_millis(100));
        trial.settle_on(&seats[0], true);
    });
}
