//! Broker faults, on a separate cluster of three brokers with three replicas of everything.
//!
//! A broker returns only after the controller has noticed that it was gone. One that returns earlier still takes itself for
//! the coordinator of its transactions, and completes older ones again: their markers then commit the offsets of a later
//! transaction of the same producer, which is aborted. For the same reason a single broker is not tested: it may consider a
//! transaction complete whose markers it never wrote (KAFKA-20734). The service refuses such a partition.

use super::repeat;
use super::run::TortureRun;
use crate::harness::cluster::{BROKER_SESSION_MS, Cluster};
use crate::harness::scenario::Scenario;

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
