//! Faults of the brokers, which are the trial's own: three, with three replicas of everything.
//!
//! Not of an only broker: one that comes back while partitions have no leader may take a transaction for ended whose
//! markers it never wrote (KAFKA-20734), and no client can tell.

use super::passes;
use super::trial::Trial;
use crate::harness::cluster::Cluster;
use crate::harness::world::World;

#[test]
fn brokers_killed_and_started_again() {
    passes("broker", |kind, seed| {
        let mut trial = Trial::new(kind, seed, |name, settings| {
            World::on_cluster(Cluster::of_three(name), name, settings)
        });
        let cluster = trial.world.cluster.clone();
        let seats = ["seat-0", "seat-1"].map(|name| trial.world.further_seat(name, ""));
        let running = seats.each_ref().map(|seat| seat.run());
        for (broker, gone_ms) in [(0, 0), (1, 2_000), (2, 11_000)] {
            let ms = trial.load.draw(1_000..2_500);
            trial.load_for(ms);
            cluster.kill_9(broker);
            trial.fault("broker kill -9");
            trial.load_for(gone_ms);
            cluster.start_again(broker);
        }
        trial.load_for(1_000);
        trial.drain();
        for process in running {
            assert!(process.terminate().success());
        }
        let process = seats[0].run();
        trial.drain();
        trial.end_in_good_order(process, &seats[0], true);
    });
}
