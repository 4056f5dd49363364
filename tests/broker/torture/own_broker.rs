//! Faults of the broker, which is the trial's own.

use std::time::Duration;

use super::passes;
use super::trial::Trial;
use crate::harness::node::Node;
use crate::harness::world::World;

#[test]
fn a_broker_killed_and_started_again() {
    passes("broker", |kind, seed| {
        let mut trial =
            Trial::new(kind, seed, |name, settings| World::on_node(Node::own(name), name, settings));
        let node = trial.world.node.clone();
        let seats = ["seat-0", "seat-1"].map(|name| trial.world.further_seat(name, ""));
        let running = seats.each_ref().map(|seat| seat.run());
        for gone_ms in [0, 2_000, 11_000] {
            let ms = trial.load.draw(1_000..2_500);
            trial.load_for(ms);
            node.kill_9();
            trial.fault("broker kill -9");
            std::thread::sleep(Duration::from_millis(gone_ms));
            node.start_again();
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
