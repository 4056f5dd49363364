//! Partitions are added to the request topic under load, around restarts.

use super::repeat;
use super::run::TortureRun;
use crate::harness::host::Host;
use crate::harness::process::Process;
use crate::harness::scenario::{PARTITIONS, Scenario};
use crate::partitions::{Order, add};

#[test]
fn partitions_added_to_a_request_topic() {
    repeat("partitions", |kind, seed| {
        let mut run = TortureRun::new(kind, seed, Scenario::with);
        let (hosts, threads) = [(1, 1), (2, 1), (1, 2), (3, 2)][usize::try_from(seed % 4).expect("small")];
        let membership = ["static", "dynamic"][usize::try_from(run.load.draw(0..2)).expect("small")];
        let settings = format!("application.membership = \"{membership}\"\nprocessing.threads = {threads}\n");
        let hosts: Vec<Host> =
            (0..hosts).map(|n| run.scenario.another_host(&format!("host-{n}"), &settings)).collect();
        let mut processes: Vec<Process> = hosts.iter().map(Host::run).collect();
        run.load_for(1_500);
        let mut count = PARTITIONS;
        for _ in 0..2 {
            count += 1 + i32::try_from(run.load.draw(0..3)).expect("small");
            let order = Order::ALL[usize::try_from(run.load.draw(0..5)).expect("small")];
            let (scenario, load) = (&mut run.scenario, &mut run.load);
            processes = order.carry_out(&hosts, processes, || {
                add(scenario, count);
                load.add_backlog(scenario, 40);
            });
            run.fault(order.name());
            let ms = run.load.draw(500..4_000);
            run.load_for(ms);
            run.drain();
        }
        for process in processes {
            assert!(process.terminate().success(), "no process has ended");
        }
        // A request that waited is judged later than its append time, which a replay does not know.
        run.finish_on(&hosts[0], false);
    });
}
