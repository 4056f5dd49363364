//! Process faults: killed, stopped, suspended like zombies, running twice with one identity.

use std::time::Duration;

use super::repeat;
use super::run::TortureRun;
use crate::harness::host::Host;
use crate::harness::process::Process;
use crate::harness::scenario::Scenario;
use crate::harness::secrets::assert_no_leaks;

#[test]
fn killed_at_random_points() {
    repeat("kill", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        for _ in 0..7 {
            let process = run.scenario.start();
            let life_ms = run.load.draw(200..2_600);
            run.load_for(life_ms);
            process.kill_9();
            run.fault("kill -9");
        }
        let process = run.scenario.run();
        run.drain();
        let (codes, numbers) = (run.load.codes.clone(), run.load.numbers.clone());
        assert_no_leaks(&mut run.scenario, &process, &codes, &numbers);
        let host = run.scenario.host();
        run.finish(process, &host, true);
    });
}

/// While there is a backlog, the committer thread completes each commit, and the next commit is prepared meanwhile.
#[test]
fn stopped_during_a_backlog() {
    repeat("backlog", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let host = run.scenario.host();
        for _ in 0..7 {
            run.load.add_backlog(&mut run.scenario, 1_200);
            let process = host.run();
            let ms = run.load.draw(0..250);
            run.read_for(ms);
            let fault = run.load.draw(0..6);
            if fault == 0 {
                process.suspend();
                run.read_for(4_500);
                process.resume();
                run.fault("suspended for longer than the session time-out");
                run.read_for(ms);
            }
            if fault < 3 {
                run.stop(process);
                run.fault("SIGTERM");
            } else {
                process.kill_9();
                run.fault("kill -9");
            }
        }
        let process = host.run();
        run.drain();
        run.finish(process, &host, true);
    });
}

/// `count` hosts of one application. Each is a static or a dynamic member, chosen from the seed.
fn hosts(run: &mut TortureRun, count: u64) -> Vec<Host> {
    let membership = ["application.membership = \"static\"\n", "application.membership = \"dynamic\"\n"];
    (0..count)
        .map(|n| {
            let selection = usize::try_from(run.load.draw(0..2)).expect("small");
            run.scenario.another_host(&format!("host-{n}"), membership[selection])
        })
        .collect()
}

#[test]
fn a_storm_of_rebalances() {
    repeat("storm", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let hosts = hosts(&mut run, 2 + seed % 2);
        let mut running: Vec<Option<Process>> = hosts.iter().map(|host| Some(host.start())).collect();
        run.load_for(2_000);
        for _ in 0..12 {
            let at = usize::try_from(run.load.draw(0..hosts.len() as u64)).expect("small");
            let hard = run.load.draw(0..2) == 0;
            match running[at].take() {
                Some(process) if hard => {
                    process.kill_9();
                    run.fault("kill -9");
                }
                Some(process) => {
                    process.terminate();
                    run.fault("SIGTERM");
                }
                None => {
                    running[at] = Some(hosts[at].start());
                    run.fault("join");
                }
            }
            let ms = run.load.draw(200..1_800);
            run.load_for(ms);
        }
        for process in running.into_iter().flatten() {
            run.stop(process);
        }
        run.finish_on(&hosts[0], true);
    });
}

#[test]
fn zombies_that_outlive_their_session_and_their_transaction() {
    repeat("zombie", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let hosts = hosts(&mut run, 2);
        let running: Vec<Process> = hosts.iter().map(Host::run).collect();
        run.load_for(1_000);
        for (at, suspended_ms, what) in [
            (0, 4_500, "suspended for longer than the session time-out"),
            (1, 4_500, "suspended for longer than the session time-out"),
            (0, 12_500, "suspended for longer than the transaction time-out"),
        ] {
            running[at].suspend();
            run.load_for(suspended_ms);
            running[at].resume();
            run.fault(what);
            let ms = run.load.draw(200..2_500);
            run.load_for(ms);
        }
        for process in running {
            run.stop(process);
        }
        run.finish_on(&hosts[0], true);
    });
}

#[test]
fn a_copied_store_directory() {
    repeat("twins", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let hosts = ["host-0", "host-1"].map(|name| run.scenario.another_host(name, ""));
        let process = hosts[0].run();
        run.load_for(1_000);
        run.stop(process);
        hosts[1].replace_store(&hosts[0].store);
        let twins = hosts.each_ref().map(Host::start);
        run.load_for(9_000);
        run.fault("two processes under one identity");
        for mut process in twins {
            assert_eq!(process.exit_status(), None, "a twin ended by itself");
            process.kill_9();
        }
        assert!(
            hosts.iter().any(|host| host.log_text().contains("a copied store directory?")),
            "the log names the cause"
        );
        std::thread::sleep(Duration::from_millis(100));
        run.finish_on(&hosts[0], true);
    });
}
