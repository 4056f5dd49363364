//! Broker faults, on clusters of their own: three brokers with three replicas of everything, or one that only stands still.
//!
//! A broker returns only after the controller has noticed that it was gone. One that returns earlier still takes itself for
//! the coordinator of its transactions, and completes older ones again: their markers then commit the offsets of a later
//! transaction of the same producer, which is aborted. For the same reason a single broker is not killed: it may consider a
//! transaction complete whose markers it never wrote (KAFKA-20734). The service refuses such a partition.

use std::time::Duration;

use super::repeat;
use super::run::TortureRun;
use crate::harness::cluster::{BROKER_SESSION_MS, Cluster};
use crate::harness::scenario::Scenario;

/// Longest time until `/readyz` reports the end of a fault.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long a broker stands still: less than a member's session, longer than it, and longer than a transaction.
const STILL_MS: [std::ops::Range<u64>; 3] = [1_000..4_000, 11_000..13_000, 15_000..25_000];

#[test]
fn brokers_killed_and_started_again() {
    repeat("broker", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, |name, settings| {
            Scenario::on_cluster(Cluster::of_three(name), name, settings)
        });
        let cluster = run.scenario.cluster.clone();
        let hosts = ["host-0", "host-1"].map(|name| run.scenario.another_host(name, ""));
        let running = hosts.each_ref().map(|host| host.run());
        for (broker, gone_ms) in [(0, 0), (1, 1_000), (2, 11_000)] {
            let ms = run.load.draw(1_000..2_500);
            run.load_for(ms);
            cluster.kill_9(broker);
            run.fault("broker kill -9");
            run.load_for(BROKER_SESSION_MS + 500 + gone_ms);
            cluster.restart(broker);
        }
        run.load_for(1_000);
        run.drain();
        for process in running {
            run.stop(process);
        }
        let process = hosts[0].run();
        run.drain();
        run.finish(process, &hosts[0], true);
    });
}

/// It keeps its connections and answers nothing. It is the only one, so nobody takes its place.
#[test]
fn a_broker_that_stands_still() {
    repeat("silent", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, |name, settings| {
            Scenario::on_cluster(Cluster::of_one(name, ""), name, settings)
        });
        let cluster = run.scenario.cluster.clone();
        let host = run.scenario.host();
        let process = host.run();
        for still_ms in STILL_MS {
            let ms = run.load.draw(500..2_500);
            run.load_for(ms);
            cluster.suspend(0);
            run.fault("broker SIGSTOP");
            let ms = run.load.draw(still_ms);
            run.load_for(ms);
            cluster.resume(0);
            run.load_until(READY_MAX, "ready again", || process.is_ready());
        }
        run.drain();
        run.finish(process, &host, true);
    });
}
