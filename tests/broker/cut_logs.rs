//! A log that lost its newest records and was written again: nothing is skipped without a word.

use std::time::Duration;

use crate::harness::cluster::Cluster;
use crate::harness::event::send;
use crate::harness::kafka::Upstream;
use crate::harness::scenario::Scenario;

const PARTITION: i32 = 1;

#[test]
fn requests_at_offsets_that_were_lost_and_taken_again_are_not_skipped() {
    let cluster = Cluster::of_one("cut-logs", "");
    let mut scenario = Scenario::on_cluster(cluster.clone(), "cut-logs", "");
    let process = scenario.run();
    for number in 0..3 {
        let request =
            send(&format!("912345678{number}")).partition(PARTITION).id(&format!("before-{number}"));
        let id = scenario.produce(request);
        scenario.reply(&id);
    }
    assert!(process.terminate().success());
    let requests = scenario.topics.requests.clone();
    cluster.kill_9(0);
    cluster.cut_log(0, &requests, PARTITION);
    cluster.restart(0);
    let upstream = Upstream::new(&cluster.bootstrap);
    for (number, offset) in [(3, 2), (4, 3), (5, 4)] {
        let request = send(&format!("912345678{number}")).partition(PARTITION);
        assert_eq!(
            upstream.produce(&requests, &request),
            (PARTITION, offset),
            "the log was cut by one record"
        );
    }

    let process = scenario.start();
    let reason = "does not hold what was read";
    for _ in 0..600 {
        if process.get("/readyz").is_some_and(|(status, body)| status == 503 && body.contains(reason)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the loss is not reported; {:?}\n{}", process.get("/readyz"), scenario.host().log_text());
}
